//! The record of who did what: a chain of hashes for each organization.

mod prune;
mod read;
mod verify;

use chrono::{DateTime, Utc};
use ocore_domain::OrganizationId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;

use crate::{Error, Result};

pub use ocore_domain::audit::{Broken, ChainCheck, Link, Place};
pub use prune::prune;
pub use read::{Chain, Filter, chain, links, list};
pub use verify::{Bounds, Verification, verify, verify_within};

/// What is recorded of one act. Its JSON is what is hashed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Entry {
    /// When, in microseconds since 1970.
    pub at_micros: i64,
    /// What was done, for example `server.created`.
    pub action: String,
    /// `user`, `api_key` or `system`.
    pub actor_type: String,
    /// The person; of a key, nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key_id: Option<String>,
    /// The name of the person or key.
    pub user_name: String,
    /// The kind of thing it was done to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// Which one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
    /// Its name then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_name: Option<String>,
    /// What it was before, without secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_state: Option<Value>,
    /// What it was after, without secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_state: Option<Value>,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
    /// With what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The request's id, as it stands in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Entry {
    /// What the text of an entry says; of one that was tampered with until it is none, nothing.
    pub fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// When it was.
    pub fn at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.at_micros).unwrap_or_default()
    }
}

/// Adds an entry to a chain, in the transaction of what it tells of: both happen or neither. The chain stays locked until
/// the transaction ends, so this comes last in it.
pub async fn append(
    conn: &mut PgConnection,
    organization: Option<OrganizationId>,
    entry: &Entry,
) -> Result<i64> {
    let text = serde_json::to_string(entry).map_err(|error| Error::Row(error.to_string()))?;
    Ok(sqlx::query_scalar!(
        r#"select ocore_audit($1, $2::text::json) as "seq!""#,
        organization as Option<OrganizationId>,
        text,
    )
    .fetch_one(conn)
    .await?)
}
