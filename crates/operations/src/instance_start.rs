//! Starts an instance.

use ocore_domain::{OperationId, Problem, instance::Transition};
use ocore_store::{PgConnection, instances::Instance};
use serde_json::Value;

use crate::{
    command,
    engine::{Definition, Settle, secs, step},
    parts::life::{start, stop, wait_healthy},
};

pub(crate) static DEFINITION: Definition = Definition {
    kind: "instance_start",
    steps: &[
        step!(start, "Start Odoo", secs(90), undo stop),
        step!(wait_healthy, "Wait until Odoo serves", secs(240)),
    ],
    settle: Settle::Instance {
        done: Transition::Up,
        undone: Transition::Down,
    },
};

/// Enqueues the start of an instance that rests or failed.
pub async fn request(tx: &mut PgConnection, instance: &Instance) -> Result<OperationId, Problem> {
    command::begin(tx, &DEFINITION, instance, Transition::Start, Value::Null).await
}
