//! The API from outside: requests through the whole router, on a real database of their own each.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod admin;
mod api_keys;
mod audit_logs;
mod auth;
mod callers;
mod canary;
mod device;
mod docs;
mod events;
mod health;
mod instances;
mod invitations;
mod login;
mod matrix;
mod members;
mod metrics;
mod operations;
mod organizations;
mod passkeys;
mod passwords;
mod people;
mod requests;
mod roles;
mod servers;
mod sessions;
mod signup;
mod sso;
mod strange;
mod support;
mod totp;
mod walls;
