//! Operations that do nothing: what the queue and the engine themselves cost, for the benchmarks.

use ocore_domain::{OrganizationId, Problem};
use ocore_store::operations::NewOperation;

use crate::engine::{Ctx, Definition, Settle, secs, step};

pub(crate) static DEFINITION: Definition = Definition {
    kind: "noop",
    steps: &[],
    settle: Settle::Nothing,
    secrets: None,
};

pub(crate) static IN_STEPS: Definition = Definition {
    kind: "noop_in_steps",
    steps: &[
        step!(first, "First", secs(5)),
        step!(second, "Second", secs(5)),
        step!(third, "Third", secs(5)),
    ],
    settle: Settle::Nothing,
    secrets: None,
};

/// An operation that does nothing, one at a time for each key.
pub fn noop(serial_key: Option<String>) -> NewOperation {
    of(&DEFINITION, serial_key)
}

/// The same in three steps, each recorded as those of any other are.
pub fn noop_in_steps(serial_key: Option<String>) -> NewOperation {
    of(&IN_STEPS, serial_key)
}

fn of(definition: &Definition, serial_key: Option<String>) -> NewOperation {
    NewOperation {
        organization_id: OrganizationId::DEFAULT,
        kind: definition.kind,
        subject: None,
        server_id: None,
        params: serde_json::json!({}),
        serial_key,
        group_key: None,
        priority: 0,
        steps: definition.step_rows(),
        retry_of: None,
    }
}

async fn first(_: &Ctx) -> Result<(), Problem> {
    Ok(())
}

async fn second(_: &Ctx) -> Result<(), Problem> {
    Ok(())
}

async fn third(_: &Ctx) -> Result<(), Problem> {
    Ok(())
}
