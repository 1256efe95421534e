//! The ways by which people are told of an alert. Each tries once and says how that went; when to try again is for whoever
//! keeps the deliveries.

mod address;
mod chat;
mod http;
mod notifier;
pub mod webhook;
pub mod webpush;

pub use address::check;
pub use http::Outcome;
pub use notifier::{Notifier, Settings, Target};
