//! What was measured: how it is written, rolled up, kept and dropped.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ingest;
mod partitions;
mod support;
