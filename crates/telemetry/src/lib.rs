//! What an agent tells of its server: samples, and how a batch of them goes over the wire.
//!
//! The wire is `MessagePack` with named fields of one or two letters: compact, and an older control plane skips what it
//! does not know. Fields are only ever added, each with a default; none changes its meaning.

mod batch;
mod container;
mod host;
mod odoo;
mod postgres;
pub mod proc;
pub mod stream;

pub use batch::{Batch, CONTENT_TYPE, MAX_BYTES, MAX_SAMPLES, Malformed, Sample};
pub use container::Container;
pub use host::{Cpu, Disk, Filesystem, Host, Memory, Network, Pressure, Process};
pub use odoo::Odoo;
pub use postgres::{Database, Postgres};

/// Seconds between two samples.
pub const SAMPLE_SECONDS: u64 = 10;

/// Seconds between two pushes of what was sampled.
pub const PUSH_SECONDS: u64 = 30;
