//! The command line against small APIs of the tests' own: the program as a whole, with its output and exit codes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod commands;
mod fake;
mod installation;
mod login;
mod organizations;
mod profiles;
