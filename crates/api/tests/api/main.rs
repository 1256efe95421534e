//! The API from outside: requests through the whole router, on a real database of their own each.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod admin;
mod agents;
mod alerts;
mod api_keys;
mod audit_logs;
mod auth;
mod callers;
mod canary;
mod capacity;
mod device;
mod docs;
mod events;
mod health;
mod instances;
mod invitations;
mod login;
mod matrix;
mod members;
mod operations;
mod organizations;
mod passkeys;
mod passwords;
mod people;
mod placement;
mod requests;
mod roles;
mod servers;
mod sessions;
mod signup;
mod sorting;
mod sso;
mod strange;
mod support;
mod totp;
mod walls;
