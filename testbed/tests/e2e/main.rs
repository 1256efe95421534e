//! The whole of oCore on real parts: its binary, real servers with sshd and Docker, real PostgreSQL, real Odoo.
//!
//! `cargo xtask test` brings the testbed up and runs these one after another.

#![expect(
    clippy::unwrap_used,
    clippy::too_many_lines,
    reason = "a test fails by panicking, and tells one story from its beginning to its end"
)]

mod advice;
mod agent;
mod agent_log;
mod alerts;
mod bad_input;
mod cancel;
mod database;
mod disturbances;
mod fleet;
mod hook;
mod life;
mod placement;
mod plane;
mod processes;
mod recovery;
#[path = "../shared/server.rs"]
mod server;
mod steps;
mod world;
