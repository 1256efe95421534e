//! The record of who did what.

mod export;
mod list;
mod verify;

use axum::Json;
use chrono::{DateTime, Utc};
use ocore_domain::OrganizationId;
use ocore_store::{
    PgConnection,
    audit::{Entry, Link},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    access::{Routes, guarded},
    page::List,
    problem::Answer,
};

pub(crate) use list::Wanted;
pub(crate) use verify::{Start, Verification};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .with(guarded!(list::list))
        .with(guarded!(export::export))
        .with(guarded!(verify::verify))
}

/// What somebody did.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditLog {
    /// Its number in the chain of the organization, from 1 without gaps.
    id: i64,
    created_at: DateTime<Utc>,
    /// For example `server.created`.
    action: String,
    /// `user`, `api_key` or `system`.
    actor_type: String,
    /// The person, if it was one.
    user_id: Option<String>,
    /// The API key, if it was one.
    api_key_id: Option<String>,
    /// The name of the person or key.
    user_name: String,
    /// The kind of thing it was done to.
    resource_type: Option<String>,
    resource_id: Option<String>,
    /// Its name then.
    resource_name: Option<String>,
    /// What it was before, without secrets.
    before_state: Option<Value>,
    /// What it was after, without secrets.
    after_state: Option<Value>,
    ip_address: Option<String>,
    user_agent: Option<String>,
    /// The request's id, as it stands in the log.
    request_id: Option<String>,
    /// SHA-256 of the hash before it, its number and its text; as hex.
    hash: String,
    /// That of the entry before it; empty for the first.
    previous_hash: String,
}

impl From<Link> for AuditLog {
    fn from(link: Link) -> Self {
        let entry = Entry::read(&link.entry);
        Self {
            id: link.seq,
            created_at: entry.at(),
            action: entry.action,
            actor_type: entry.actor_type,
            user_id: entry.user_id,
            api_key_id: entry.api_key_id,
            user_name: entry.user_name,
            resource_type: entry.resource_type,
            resource_id: entry.resource_id,
            resource_name: entry.resource_name,
            before_state: entry.before_state,
            after_state: entry.after_state,
            ip_address: entry.ip_address,
            user_agent: entry.user_agent,
            request_id: entry.request_id,
            hash: hex::encode(link.hash),
            previous_hash: hex::encode(link.previous),
        }
    }
}

/// A page of the record of an organization, or of the installation's own.
pub(crate) async fn page(
    conn: &mut PgConnection,
    organization: Option<OrganizationId>,
    wanted: Wanted,
) -> Answer<Json<List<AuditLog>>> {
    let (filter, page) = wanted.checked()?;
    let rows = ocore_store::audit::list(conn, organization, &filter, &page).await?;
    Ok(Json(rows.map(AuditLog::from).into()))
}
