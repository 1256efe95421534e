//! The API from outside: requests through the whole router, on a real database of their own each.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api_keys;
mod audit_logs;
mod auth;
mod canary;
mod docs;
mod events;
mod health;
mod instances;
mod invitations;
mod matrix;
mod members;
mod operations;
mod organizations;
mod people;
mod requests;
mod roles;
mod servers;
mod strange;
mod support;
mod walls;
