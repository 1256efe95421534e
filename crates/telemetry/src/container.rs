//! A container: its control group and its network.

use serde::{Deserialize, Serialize};

/// What was seen of a running container. Amounts are over the interval of the sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// Its name, without a leading slash.
    #[serde(rename = "n")]
    pub name: String,
    /// The instance it belongs to, by its label; none: not one of an instance.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Percent of one core.
    #[serde(rename = "c")]
    pub cpu: f32,
    /// Bytes in use, as `docker stats` counts them: without the cache of files that could be dropped.
    #[serde(rename = "m")]
    pub memory: u64,
    /// The most bytes it may use; none: no limit.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub memory_limit: Option<u64>,
    /// Percent of its scheduling periods in which it was held back by its CPU limit.
    #[serde(rename = "t")]
    pub throttled: f32,
    /// Processes in it killed for want of memory.
    #[serde(rename = "o", default)]
    pub oom_kills: u32,
    /// Bytes received.
    #[serde(rename = "r")]
    pub received: u64,
    /// Bytes sent.
    #[serde(rename = "s")]
    pub sent: u64,
    /// Bytes read from disks.
    #[serde(rename = "b")]
    pub read: u64,
    /// Bytes written to disks.
    #[serde(rename = "w")]
    pub written: u64,
    /// Processes in it.
    #[serde(rename = "p", default)]
    pub processes: u32,
}
