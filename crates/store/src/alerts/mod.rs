//! Alerts: rules, where each stands with what it is about, and the alerts themselves.

pub mod events;
pub mod readings;
pub mod rules;
pub mod states;
