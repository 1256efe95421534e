//! oCore as `deploy/` gives it away: images, compose files and the systemd unit, with real parts behind them.
//!
//! `cargo xtask test` builds the images of the same binary as the end-to-end tests'.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod database;
mod growing;
mod installation;
mod limits;
#[path = "../shared/server.rs"]
#[expect(dead_code, reason = "the end-to-end tests look at more")]
mod server;
mod unit;
