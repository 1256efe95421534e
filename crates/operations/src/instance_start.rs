//! Starts an instance.

use ocore_domain::{OperationId, Problem, instance::Transition};
use ocore_store::{PgConnection, instances::Instance};

use crate::{
    command,
    engine::{Before, Definition, INSTANCE_SECRETS, Settle, secs, step},
    parts::life::{start, stop, wait_healthy},
};

pub(crate) static DEFINITION: Definition = Definition {
    kind: "instance_start",
    steps: &[
        step!(start, "Start Odoo", secs(90), undo stop),
        step!(wait_healthy, "Wait until Odoo serves", secs(240)),
    ],
    settle: Settle::Instance(Transition::Up),
    secrets: INSTANCE_SECRETS,
};

/// Enqueues the start of an instance that rests or failed.
pub async fn request(tx: &mut PgConnection, instance: &Instance) -> Result<OperationId, Problem> {
    command::begin(
        tx,
        &DEFINITION,
        instance,
        Transition::Start,
        Before::now(instance),
    )
    .await
}
