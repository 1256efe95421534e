//! What oCore does to the world: one file per operation, each a table of steps; the worker that runs them, and the
//! observer that looks at what runs.

pub mod after_restore;
pub mod agent_install;
mod agent_links;
pub mod agent_remove;
pub mod agent_rotate;
mod agent_source;
pub mod alerts;
pub mod capacity;
mod command;
mod engine;
mod expiry;
pub mod faults;
mod fence;
mod hands;
pub mod instance_create;
pub mod instance_delete;
pub mod instance_move;
pub mod instance_restart;
pub mod instance_start;
pub mod instance_stop;
pub mod instance_update;
mod lead;
mod leader;
#[cfg(feature = "faults")]
mod ledger;
mod logs;
mod noop;
mod observer;
pub mod organization_delete;
mod parts;
mod polling;
mod pulse;
mod reach;
mod roles;
mod rollup;
mod runtime;
pub mod server_drain;
pub mod server_remove;
pub mod server_validate;
mod strangers;
mod worker;

pub use agent_links::{AgentLink, AgentLinks};
pub use agent_source::{AGENT_VERSION, AgentSource};
pub use command::{cancel, retry};
pub use hands::Hands;
pub use logs::container_logs;
pub use noop::{noop, noop_in_steps};
pub use ocore_odoo::Version;
pub use pulse::Pulse;
pub use roles::Roles;
pub use runtime::{Runtime, RuntimeConfig};
pub use worker::Bounds;

use engine::Definition;

/// Every operation there is.
static DEFINITIONS: &[&Definition] = &[
    &agent_install::DEFINITION,
    &agent_remove::DEFINITION,
    &agent_rotate::DEFINITION,
    &instance_create::DEFINITION,
    &instance_delete::DEFINITION,
    &instance_move::DEFINITION,
    &instance_restart::DEFINITION,
    &instance_start::DEFINITION,
    &instance_stop::DEFINITION,
    &instance_update::DEFINITION,
    #[cfg(feature = "faults")]
    &ledger::DEFINITION,
    &noop::DEFINITION,
    &noop::IN_STEPS,
    &organization_delete::DEFINITION,
    &server_drain::DEFINITION,
    &server_remove::DEFINITION,
    &server_validate::DEFINITION,
];

/// Whether an operation only begins others and waits for them. It takes none of a worker's room, which those need: however
/// many such operations there are, they are not in the way of what they wait for.
fn only_waits(kind: &str) -> bool {
    [
        organization_delete::DEFINITION.kind,
        server_drain::DEFINITION.kind,
    ]
    .contains(&kind)
}

/// What every kind of operation is called, for whoever names some.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    DEFINITIONS.iter().map(|definition| definition.kind)
}

fn definition(kind: &str) -> Option<&'static Definition> {
    DEFINITIONS
        .iter()
        .copied()
        .find(|definition| definition.kind == kind)
}
