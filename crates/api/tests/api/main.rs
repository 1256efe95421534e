//! The API from outside: requests through the whole router, on a real database of their own each.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api_keys;
mod auth;
mod canary;
mod events;
mod health;
mod instances;
mod invitations;
mod members;
mod operations;
mod organizations;
mod requests;
mod roles;
mod servers;
mod support;
