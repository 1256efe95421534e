//! What oCore does to the world: one file per operation, each a table of steps; the worker that runs them, and the
//! observer that looks at what runs.

pub mod capacity;
mod command;
mod engine;
mod expiry;
pub mod faults;
mod hands;
pub mod instance_create;
pub mod instance_delete;
pub mod instance_restart;
pub mod instance_start;
pub mod instance_stop;
pub mod instance_update;
mod logs;
mod noop;
mod observer;
mod parts;
mod polling;
mod rollup;
mod runtime;
pub mod server_remove;
pub mod server_validate;
mod worker;

pub use command::{cancel, retry};
pub use hands::Hands;
pub use logs::container_logs;
pub use noop::noop;
pub use ocore_odoo::Version;
pub use runtime::{Runtime, RuntimeConfig, leads};

use engine::Definition;

/// Every operation there is.
static DEFINITIONS: &[&Definition] = &[
    &instance_create::DEFINITION,
    &instance_delete::DEFINITION,
    &instance_restart::DEFINITION,
    &instance_start::DEFINITION,
    &instance_stop::DEFINITION,
    &instance_update::DEFINITION,
    &noop::DEFINITION,
    &server_remove::DEFINITION,
    &server_validate::DEFINITION,
];

fn definition(kind: &str) -> Option<&'static Definition> {
    DEFINITIONS
        .iter()
        .copied()
        .find(|definition| definition.kind == kind)
}
