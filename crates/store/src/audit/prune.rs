//! Entries whose time is over are taken away, from the beginning of a chain only.

use chrono::{DateTime, Days, Utc};
use ocore_domain::OrganizationId;
use serde_json::json;
use sqlx::{Connection, PgConnection};

use super::{Entry, append, chain};
use crate::Result;

/// Days for which the installation's own record is kept.
const OWN_DAYS: i32 = 365;
/// Entries that are taken away in one transaction: nobody of the organization can change anything meanwhile.
const BATCH: i32 = 5000;

/// Takes away, for every organization and the installation itself, what is older than is wanted, by whole days. How many
/// entries it was, and the hash of the last of them, is recorded in the same chain.
pub async fn prune(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<u64> {
    let mut wanted: Vec<(Option<OrganizationId>, i32)> =
        sqlx::query!(r#"select id as "id: OrganizationId", audit_retention_days from organizations"#)
            .fetch_all(&mut *conn)
            .await?
            .into_iter()
            .map(|row| (Some(row.id), row.audit_retention_days))
            .collect();
    wanted.push((None, OWN_DAYS));
    let mut gone = 0;
    for (organization, days) in wanted {
        let days = Days::new(u64::try_from(days).unwrap_or(u64::MAX));
        let today = now.date_naive().and_time(chrono::NaiveTime::MIN).and_utc();
        if let Some(before) = today.checked_sub_days(days) {
            gone += one(conn, organization, before, now).await?;
        }
    }
    Ok(gone)
}

/// Takes away what is older from one chain.
async fn one(
    conn: &mut PgConnection,
    organization: Option<OrganizationId>,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<u64> {
    let mut all = 0;
    loop {
        let mut tx = conn.begin().await?;
        let gone = sqlx::query_scalar!(
            r#"select ocore_audit_prune($1, $2, $3) as "gone!""#,
            organization as Option<OrganizationId>,
            before,
            BATCH,
        )
        .fetch_one(&mut *tx)
        .await?;
        if gone == 0 {
            return Ok(all);
        }
        let begin = chain(&mut tx, organization).await?.begin;
        let entry = Entry {
            at_micros: now.timestamp_micros(),
            action: "audit_logs.pruned".to_owned(),
            actor_type: "system".to_owned(),
            user_name: "oCore".to_owned(),
            after_state: Some(json!({
                "entries": gone,
                "olderThan": before,
                "lastSeq": begin.seq,
                "lastHash": hex::encode(&begin.hash),
            })),
            ..Entry::default()
        };
        append(&mut tx, organization, &entry).await?;
        tx.commit().await?;
        all += u64::try_from(gone).unwrap_or(0);
    }
}
