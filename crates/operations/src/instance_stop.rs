//! Stops an instance; database and files are kept.

use ocore_domain::{OperationId, Problem, instance::Transition};
use ocore_store::{PgConnection, instances::Instance};

use crate::{
    command,
    engine::{Before, Definition, INSTANCE_SECRETS, Settle, secs, step},
    parts::life::{start_again, stop},
};

pub(crate) static DEFINITION: Definition = Definition {
    kind: "instance_stop",
    steps: &[step!(stop, "Stop Odoo", secs(90), undo start_again)],
    settle: Settle::Instance(Transition::Down),
    secrets: INSTANCE_SECRETS,
};

/// Enqueues the stop of an instance that runs or failed.
pub async fn request(tx: &mut PgConnection, instance: &Instance) -> Result<OperationId, Problem> {
    command::begin(tx, &DEFINITION, instance, Transition::Stop, Before::now(instance)).await
}
