//! Instances: one Odoo each.

mod health;
mod names;
mod settings;
mod sizing;
mod state;

pub use health::Health;
pub use names::Names;
pub use settings::{Edition, EnvironmentType, Settings};
pub use sizing::{auto_workers, cpu_limit_millis, memory_limit_bytes};
pub use state::{InstanceStatus, Transition};
