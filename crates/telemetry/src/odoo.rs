//! An instance as its processes, its database and its log tell.

use serde::{Deserialize, Serialize};

/// What was seen of one instance; what could not be seen is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Odoo {
    /// Its identifier, from its container's label.
    #[serde(rename = "i")]
    pub instance: String,
    /// Worker processes.
    #[serde(rename = "w", default)]
    pub workers: Option<u32>,
    /// Virtual bytes of the largest worker: what Odoo holds against `limit_memory_soft`.
    #[serde(rename = "v", default)]
    pub worker_memory: Option<u64>,
    /// Resident bytes of all workers.
    #[serde(rename = "m", default)]
    pub workers_resident: Option<u64>,
    /// Seconds by which the scheduled action that waits longest is late.
    #[serde(rename = "c", default)]
    pub cron_lag: Option<f32>,
    /// Milliseconds of the longest request since the last push, from the log.
    #[serde(rename = "r", default)]
    pub longest_request: Option<f32>,
    /// Requests since the last push, from the log.
    #[serde(rename = "n", default)]
    pub requests: Option<u32>,
    /// Bytes of the filestore.
    #[serde(rename = "f", default)]
    pub filestore: Option<u64>,
    /// Bytes of the database.
    #[serde(rename = "d", default)]
    pub database: Option<u64>,
}
