//! `GET /api/audit-logs/verify`: whether the record is as it was written.

use std::time::Duration;

use axum::Json;
use ocore_domain::OrganizationId;
use ocore_store::{
    PgConnection,
    audit::{self, Bounds, Place},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    access::{Allowed, AuditLogs, View},
    body::Query,
    checks::Checks,
    problem::{Answer, Failure},
};

/// Entries that are checked in one request, unless fewer are asked for.
const ENTRIES: u64 = 100_000;
/// How long one request may go on checking: well within the limit of every request.
const TIME: Duration = Duration::from_secs(10);

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Start {
    /// The number of an entry whose hash is known: only what comes after it is checked. With `hash`.
    after: Option<i64>,
    /// The hash that this entry has to have, as hex.
    hash: Option<String>,
    /// How many entries to check at most, 1 to 100000.
    limit: Option<u64>,
}

/// What a check of the record found.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Verification {
    /// Whether everything that was checked is as it was written. While there is a `next`, not everything was.
    valid: bool,
    /// How many entries were found sound by this request.
    entries: u64,
    /// The number of the first entry that is kept; earlier ones were taken away when their time was over.
    first_seq: i64,
    /// The number of the last entry.
    last_seq: i64,
    /// The hash of the last entry. Kept elsewhere with its number, it tells later whether anything up to it was changed.
    head: String,
    /// The first entry that is not as it was written.
    broken: Option<Broken>,
    /// The record is longer than what one request checks: send this as `after` and `hash` to go on.
    next: Option<Next>,
}

/// An entry that is not as it was written.
#[derive(Serialize, ToSchema)]
struct Broken {
    /// Its number.
    seq: i64,
    /// What is wrong with it.
    why: String,
}

/// From where to go on.
#[derive(Serialize, ToSchema)]
struct Next {
    after: i64,
    hash: String,
}

/// Whether the record is as it was written
///
/// Every hash is computed anew, and numbers, order and the end of the chain are compared. One request checks at most
/// 100000 entries and takes at most some ten seconds; `next` tells how to go on.
#[utoipa::path(
    get, path = "/api/audit-logs/verify", operation_id = "verifyAuditLogs", tag = "audit", params(Start),
    responses((status = 200, body = Verification))
)]
pub(super) async fn verify(
    allowed: Allowed<View<AuditLogs>>,
    Query(start): Query<Start>,
) -> Answer<Json<Verification>> {
    let organization = allowed.organization()?;
    start
        .verify(&mut *allowed.read().await?, Some(organization))
        .await
}

impl Start {
    /// Checks the record of an organization, or the installation's own.
    pub(crate) async fn verify(
        self,
        conn: &mut PgConnection,
        organization: Option<OrganizationId>,
    ) -> Answer<Json<Verification>> {
        let mut checks = Checks::default();
        let limit = self.limit.unwrap_or(ENTRIES);
        checks.that(
            (1..=ENTRIES).contains(&limit),
            "limit",
            "must be from 1 to 100000",
        );
        let after = match (self.after, self.hash) {
            (None, None) => None,
            (after, hash) => {
                let text = format!("{}:{}", after.unwrap_or(-1), hash.unwrap_or_default());
                let detail = "must be the number of an entry, and `hash` the 64 digits of its hash";
                checks.value("after", text.parse::<Place>().map_err(|_| detail.to_owned()))
            }
        };
        checks.done()?;
        let known = after.as_ref().map(|place| place.seq);
        let bounds = Bounds {
            entries: limit,
            time: TIME,
        };
        let found = audit::verify(conn, organization, after, bounds).await?;
        if known.is_some_and(|known| known < found.chain.begin.seq) {
            return Err(Failure::field(
                "after",
                &format!(
                    "must be at least {}: earlier entries were taken away when their time was over",
                    found.chain.begin.seq
                ),
            ));
        }
        Ok(Json(Verification {
            valid: found.broken.is_none(),
            entries: found.entries,
            first_seq: found.chain.first_seq(),
            last_seq: found.chain.head.seq,
            head: hex::encode(found.chain.head.hash),
            broken: found.broken.map(|broken| Broken {
                seq: broken.seq,
                why: broken.fault.to_string(),
            }),
            next: found.next.map(|next| Next {
                after: next.seq,
                hash: hex::encode(next.hash),
            }),
        }))
    }
}
