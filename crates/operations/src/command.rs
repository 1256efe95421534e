//! What people do to operations.

use ocore_domain::{
    Code, InstanceId, OperationId, OrganizationId, Problem, ServerId,
    instance::Transition,
    operation::{OperationState, StepState},
    server::ServerStatus,
};
use ocore_store::{
    PgConnection, instances,
    operations::{self, NewOperation, Operation},
    servers,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    agent_install, agent_remove, agent_rotate, definition,
    engine::{self, Definition},
    instance_create, instance_delete, instance_move, instance_restart, instance_start, instance_stop,
    instance_update, organization_delete, server_drain, server_remove, server_validate,
};

/// An operation on a server's instance, one at a time for each instance and a bounded number for each server.
pub(crate) fn on_instance(
    definition: &Definition,
    instance: &instances::Instance,
    params: Value,
) -> NewOperation {
    NewOperation {
        organization_id: instance.organization_id,
        kind: definition.kind,
        subject: Some(("instance", instance.id.uuid(), instance.name.clone())),
        server_id: Some(instance.server_id),
        params,
        serial_key: Some(serial_key("instance", instance.id.uuid())),
        group_key: Some(serial_key("server", instance.server_id.uuid())),
        priority: 0,
        steps: definition.step_rows(),
        retry_of: None,
    }
}

/// An operation on a server itself, one at a time.
pub(crate) fn on_server(definition: &Definition, server: &servers::Server, params: Value) -> NewOperation {
    NewOperation {
        organization_id: server.organization_id,
        kind: definition.kind,
        subject: Some(("server", server.id.uuid(), server.name.clone())),
        server_id: Some(server.id),
        params,
        serial_key: Some(serial_key("server", server.id.uuid())),
        group_key: None,
        priority: 0,
        steps: definition.step_rows(),
        retry_of: None,
    }
}

/// Locks a server's row for what is to be begun on it; refuses one on which an operation is at work.
pub(crate) async fn lock_unless_busy(tx: &mut PgConnection, server: &servers::Server) -> Result<(), Problem> {
    servers::lock(tx, server.id).await?;
    let Some(open) = operations::open_for_subject(tx, server.id.uuid()).await? else {
        return Ok(());
    };
    Err(Problem::new(
        Code::OperationInProgress,
        format!("{} of {} is {}", open.kind, server.name, open.state),
        format!("Wait for the operation {}, or cancel it first.", open.id),
    ))
}

pub(crate) fn serial_key(kind: &str, id: Uuid) -> String {
    format!("{kind}:{id}")
}

/// Moves an instance along its life and enqueues the operation that does it, in the caller's transaction.
pub(crate) async fn begin(
    tx: &mut PgConnection,
    definition: &Definition,
    instance: &instances::Instance,
    transition: Transition,
    params: impl Serialize,
) -> Result<OperationId, Problem> {
    refuse_between_servers(tx, instance, transition).await?;
    let params = serde_json::to_value(params).map_err(Problem::internal)?;
    instances::transition(tx, instance.id, transition, None).await?;
    Ok(operations::enqueue(tx, &on_instance(definition, instance, params)).await?)
}

/// An instance whose move did not come to an end may have parts on two servers: nothing is begun with one of them while
/// the other could be started too, and none is deleted with a copy left behind.
async fn refuse_between_servers(
    tx: &mut PgConnection,
    instance: &instances::Instance,
    transition: Transition,
) -> Result<(), Problem> {
    let left_on = match (transition, instance.move_target_id, instance.move_source_id) {
        // One that is at work is told by the transition.
        _ if instance.status.is_changing() => None,
        (Transition::Move, ..) => None,
        (_, Some(target), _) => Some(target),
        (Transition::Remove, None, source) => source,
        _ => None,
    };
    let Some(other) = left_on else { return Ok(()) };
    let name = servers::get(tx, other)
        .await?
        .map_or_else(|| other.to_string(), |server| server.name);
    let to = if instance.move_target_id.is_some() {
        &name
    } else {
        &instance.server_name
    };
    Err(Problem::new(
        Code::StateConflict,
        format!(
            "A move of {} did not come to its end: parts of it are still on {name}",
            instance.name
        ),
        format!(
            "Move it once more: ocore instance move {} --to {to}",
            instance.slug
        ),
    ))
}

/// Asks for an operation to be stopped. One that no worker has taken up ends at once.
pub async fn cancel(tx: &mut PgConnection, operation: &Operation) -> Result<(), Problem> {
    refuse_past_return(tx, operation).await?;
    if !operations::cancel(tx, operation.id).await? {
        return Err(Problem::new(
            Code::StateConflict,
            format!("The operation is {} and cannot be cancelled", operation.state),
            "Nothing is left to be cancelled; look at how it ended.",
        ));
    }
    if let Some(claim) = operations::claim_unstarted(tx, operation.id).await?
        && let Some(definition) = definition(&claim.kind)
    {
        let reason = Problem::new(
            Code::Cancelled,
            "The operation was cancelled before it began",
            "Start it again when it is wanted.",
        );
        engine::end(tx, definition, &claim, OperationState::Cancelled, Some(&reason)).await?;
    }
    Ok(())
}

/// Once a step has begun that cannot be taken back, an operation goes on to its end.
async fn refuse_past_return(tx: &mut PgConnection, operation: &Operation) -> Result<(), Problem> {
    let Some(definition) = definition(&operation.kind) else {
        return Ok(());
    };
    let states = operations::steps_of(tx, operation.id).await?;
    let mut begun = definition
        .steps
        .iter()
        .zip(&states)
        .filter(|(step, row)| step.irreversible && row.state != StepState::Pending);
    match begun.next() {
        None => Ok(()),
        Some((step, _)) => Err(Problem::new(
            Code::StateConflict,
            format!(
                "The operation cannot be taken back since its step `{}` began",
                step.title
            ),
            "Let it come to its end.",
        )),
    }
}

/// Does an operation that did not reach its end once more, as a new operation, with the checks of a new one.
///
/// Only the newest of its subject: what came after an older one may have changed all that it took for granted.
pub async fn retry(tx: &mut PgConnection, operation: &Operation) -> Result<OperationId, Problem> {
    let refuse = |detail: String, mend: &str| Err(Problem::new(Code::StateConflict, detail, mend));
    if !operation.state.is_final() || operation.state == OperationState::Done {
        return refuse(
            format!("The operation is {} and cannot be retried", operation.state),
            "Only operations that failed, were rolled back or cancelled are retried.",
        );
    }
    let Some(subject) = operation.subject_id else {
        return refuse(
            format!("Operations of kind {} cannot be retried", operation.kind),
            "Begin a new one.",
        );
    };
    if operations::newest_for_subject(tx, subject).await? != Some(operation.id) {
        return refuse(
            "Another operation was begun there since".to_owned(),
            "Look at the newest one, and begin anew what is still wanted.",
        );
    }
    let id = match operation.subject_kind.as_deref() {
        Some("server") => server_again(tx, operation, ServerId::from(subject)).await?,
        Some("organization") => {
            organization_delete::again(tx, OrganizationId::from(subject), &params(operation)?).await?
        }
        _ => instance_again(tx, operation, InstanceId::from(subject)).await?,
    };
    operations::set_retry_of(tx, id, operation.id).await?;
    Ok(id)
}

async fn server_again(
    tx: &mut PgConnection,
    operation: &Operation,
    id: ServerId,
) -> Result<OperationId, Problem> {
    let server = servers::get(tx, id)
        .await?
        .filter(|server| server.status != ServerStatus::Removed)
        .ok_or_else(|| gone("server"))?;
    match operation.kind.as_str() {
        "agent_install" => agent_install::request(tx, &server).await,
        "agent_remove" => agent_remove::request(tx, &server, &params(operation)?).await,
        "agent_rotate" => agent_rotate::request(tx, &server).await,
        "server_drain" => server_drain::request(tx, &server).await,
        "server_remove" => server_remove::request(tx, &server, &params(operation)?).await,
        _ => server_validate::request(tx, &server, &params(operation)?).await,
    }
}

async fn instance_again(
    tx: &mut PgConnection,
    operation: &Operation,
    id: InstanceId,
) -> Result<OperationId, Problem> {
    let instance = instances::get(tx, id).await?.ok_or_else(|| gone("instance"))?;
    if operation.kind != instance_move::DEFINITION.kind {
        // A move locks the other server's row too, in an order of its own.
        servers::lock(tx, instance.server_id).await?;
    }
    match operation.kind.as_str() {
        "instance_create" => {
            recreate(tx, &instance).await?;
            instance_create::request(tx, &instance, &params(operation)?).await
        }
        "instance_start" => instance_start::request(tx, &instance).await,
        "instance_stop" => instance_stop::request(tx, &instance).await,
        "instance_restart" => instance_restart::request(tx, &instance).await,
        "instance_move" => instance_move::again(tx, &instance, &params(operation)?).await,
        "instance_update" => instance_update::again(tx, &instance, params(operation)?).await,
        _ => instance_delete::request(tx, &instance, &params(operation)?).await,
    }
}

async fn recreate(tx: &mut PgConnection, instance: &instances::Instance) -> Result<(), Problem> {
    let moved = instances::transition(tx, instance.id, Transition::Recreate, None).await;
    moved.map(drop).map_err(|error| {
        if error.constraint().is_some() {
            return Problem::new(
                Code::NameTaken,
                format!("Another instance is named {} now", instance.name),
                "Create it anew under another name.",
            );
        }
        error.into()
    })
}

fn params<T: DeserializeOwned>(operation: &Operation) -> Result<T, Problem> {
    serde_json::from_value(operation.params.clone()).map_err(Problem::internal)
}

pub(crate) fn gone(what: &str) -> Problem {
    Problem::new(
        Code::NotFound,
        format!("The {what} is gone"),
        "There is nothing to retry.",
    )
}
