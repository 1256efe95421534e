//! What Odoo is: its versions, configuration file, command lines, identity of a database, and signs of health.
//!
//! Pure: everything here renders text from values and does no I/O.

pub mod command;
pub mod conf;
pub mod health;
pub mod identity;
pub mod postgres;
pub mod template;
mod version;

pub use version::Version;
