//! Stops an instance; database and files are kept.

use ocore_domain::{OperationId, Problem, instance::Transition};
use ocore_store::{PgConnection, instances::Instance};
use serde_json::Value;

use crate::{
    command,
    engine::{Definition, Settle, secs, step},
    parts::life::{start, stop},
};

pub(crate) static DEFINITION: Definition = Definition {
    kind: "instance_stop",
    steps: &[step!(stop, "Stop Odoo", secs(90), undo start)],
    settle: Settle::Instance {
        done: Transition::Down,
        undone: Transition::Up,
    },
};

/// Enqueues the stop of an instance that runs or failed.
pub async fn request(tx: &mut PgConnection, instance: &Instance) -> Result<OperationId, Problem> {
    command::begin(tx, &DEFINITION, instance, Transition::Stop, Value::Null).await
}
