//! What a backup says of itself: before the dump what was known then, and after it what it came to.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The format that this program writes, and the only one it reads.
pub(crate) const FORMAT: u32 = 1;

/// What comes first.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    /// How the rest is to be read.
    pub(crate) format: u32,
    /// The moment that the database is as it was at.
    pub(crate) made_at: DateTime<Utc>,
    /// The version of oCore that made it.
    pub(crate) ocore_version: String,
    /// The newest migration in it.
    pub(crate) schema_version: i64,
    /// The server's version, for example 170004.
    pub(crate) server_version: i32,
    /// The major version of the `pg_dump` that made it: no older `pg_restore` reads it.
    pub(crate) dump_version: u32,
    /// The machine it was made on.
    pub(crate) host: String,
    /// Which installation it is; none before there was such a thing.
    pub(crate) installation_id: Option<Uuid>,
    /// Whether what was measured is in it.
    pub(crate) with_metrics: bool,
    /// How many rows each table has.
    pub(crate) counts: BTreeMap<String, i64>,
    /// What `SSH_ENCRYPTION_KEY` is told apart by.
    pub(crate) key_fingerprint: String,
    /// What `JWT_SECRET` is told apart by.
    pub(crate) token_fingerprint: String,
    /// Roles that have rights in it, beside its owner.
    pub(crate) roles: Vec<String>,
    /// Whether its database was one that oCore ran itself.
    pub(crate) own_postgres: bool,
}

/// What comes last. What it tells of has been written by then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Trailer {
    /// The dump's size.
    pub(crate) dump_bytes: u64,
    /// The dump's SHA-256, in hexadecimal digits.
    pub(crate) dump_sha256: String,
}
