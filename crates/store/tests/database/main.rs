//! Databases that are not oCore's own: secured, behind a pooler, full, read-only, of a role that may do little.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod limits;
mod pooler;
mod support;
mod tls;
