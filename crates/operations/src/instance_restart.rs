//! Stops an instance and starts it again.

use ocore_domain::{OperationId, Problem, instance::Transition};
use ocore_store::{PgConnection, instances::Instance};

use crate::{
    command,
    engine::{Before, Definition, INSTANCE_SECRETS, Settle, secs, step},
    parts::life::{start, start_again, stop, wait_healthy},
};

pub(crate) static DEFINITION: Definition = Definition {
    kind: "instance_restart",
    steps: &[
        step!(stop, "Stop Odoo", secs(90), undo start_again),
        step!(start, "Start Odoo", secs(90)),
        step!(wait_healthy, "Wait until Odoo serves", secs(240)),
    ],
    settle: Settle::Instance(Transition::Up),
    secrets: INSTANCE_SECRETS,
};

/// Enqueues the restart of an instance that runs or failed.
pub async fn request(tx: &mut PgConnection, instance: &Instance) -> Result<OperationId, Problem> {
    command::begin(
        tx,
        &DEFINITION,
        instance,
        Transition::Restart,
        Before::now(instance),
    )
    .await
}
