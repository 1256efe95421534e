//! What was measured on servers and of instances: raw samples and rollups, in partitions that are dropped when their time
//! is over.

pub mod charts;
#[expect(
    clippy::struct_field_names,
    reason = "fields are named as in the JSON, with their units"
)]
mod detail;
pub mod fleet;
mod ingest;
pub mod own;
pub mod partitions;
mod retention;
mod rollup;
mod rollup_sql;
mod rows;
mod silent;
mod spans;
mod supersede;

pub use detail::Detail;
pub use ingest::{Given, Ingested, Totals, ingest, ingest_all, totals};
pub use retention::{Retention, set_retention};
pub use rollup::{RolledUp, roll_up, roll_up_at};
pub use silent::without_agent;

use serde::{Deserialize, Serialize};

/// Seconds between raw samples, as the agent takes them.
pub const RAW: i32 = 10;

/// The resolutions of rollups in seconds, each made from the one before; the first is made from raw samples.
pub const ROLLUPS: [i32; 3] = [60, 600, 7200];

/// Who measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Source {
    /// The agent on the server.
    Agent,
    /// This process, over SSH.
    Ssh,
}
