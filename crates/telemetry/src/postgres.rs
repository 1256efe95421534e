//! The PostgreSQL that oCore runs on the server.

use serde::{Deserialize, Serialize};

/// What PostgreSQL tells of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Postgres {
    /// Connections of clients.
    #[serde(rename = "c")]
    pub connections: u32,
    /// How many there may be: `max_connections`.
    #[serde(rename = "x")]
    pub max_connections: u32,
    /// Seconds the longest running query has run.
    #[serde(rename = "q")]
    pub longest_query: f32,
    /// Seconds the longest open transaction has been open.
    #[serde(rename = "t")]
    pub longest_transaction: f32,
    /// Locks that are waited for.
    #[serde(rename = "l")]
    pub waiting_locks: u32,
    /// Percent of the blocks that were found in the cache since the last time it was asked; none: none was read.
    #[serde(rename = "h", default)]
    pub cache_hits: Option<f32>,
    /// The databases of instances.
    #[serde(rename = "d", default)]
    pub databases: Vec<Database>,
}

/// One database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    /// Its name.
    #[serde(rename = "n")]
    pub name: String,
    /// Bytes on disk.
    #[serde(rename = "s")]
    pub size: u64,
    /// Connections to it.
    #[serde(rename = "c")]
    pub connections: u32,
}
