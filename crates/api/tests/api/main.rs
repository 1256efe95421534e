//! The API from outside: requests through the whole router, on a real database of their own each.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod audit_logs;
mod auth;
mod canary;
mod events;
mod health;
mod instances;
mod matrix;
mod operations;
mod people;
mod requests;
mod servers;
mod support;
mod walls;
