//! What people do to operations.

use ocore_domain::{
    Code, InstanceId, OperationId, Problem, ServerId,
    instance::{InstanceStatus, Transition},
    operation::OperationState,
    server::ServerStatus,
};
use ocore_store::{
    PgConnection, Store, instances,
    operations::{self, NewOperation, Operation},
    servers,
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    definition,
    engine::{self, Definition},
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

fn serial_key(kind: &str, id: Uuid) -> String {
    format!("{kind}:{id}")
}

/// Moves an instance along its life and enqueues the operation that does it, in the caller's transaction.
pub(crate) async fn begin(
    tx: &mut PgConnection,
    definition: &Definition,
    instance: &instances::Instance,
    transition: Transition,
    params: Value,
) -> Result<OperationId, Problem> {
    instances::transition(tx, instance.id, transition, None).await?;
    Ok(operations::enqueue(tx, &on_instance(definition, instance, params)).await?)
}

/// Asks for an operation to be stopped. One that no worker has taken up ends at once.
pub async fn cancel(store: &Store, operation: &Operation) -> Result<(), Problem> {
    let mut tx = store.begin().await?;
    if !operations::cancel(&mut tx, operation.id).await? {
        return Err(Problem::new(
            Code::StateConflict,
            format!("The operation is {} and cannot be cancelled", operation.state),
            "Nothing is left to be cancelled; look at how it ended.",
        ));
    }
    if let Some(claim) = operations::claim_unstarted(&mut tx, operation.id).await?
        && let Some(definition) = definition(&claim.kind)
    {
        let reason = Problem::new(
            Code::Cancelled,
            "The operation was cancelled before it began",
            "Start it again when it is wanted.",
        );
        engine::end(
            &mut tx,
            definition,
            &claim,
            OperationState::Cancelled,
            Some(&reason),
        )
        .await?;
    }
    tx.commit().await.map_err(ocore_store::Error::from)?;
    Ok(())
}

/// Does an operation that did not reach its end once more, as a new operation.
pub async fn retry(store: &Store, operation: &Operation) -> Result<OperationId, Problem> {
    let refuse = |detail: String| {
        Err(Problem::new(
            Code::StateConflict,
            detail,
            "Only operations that failed or were cancelled are retried.",
        ))
    };
    if !operation.state.is_final() || operation.state == OperationState::Done {
        return refuse(format!(
            "The operation is {} and cannot be retried",
            operation.state
        ));
    }
    let (Some(definition), Some(subject)) = (definition(&operation.kind), operation.subject_id) else {
        return refuse(format!("Operations of kind {} cannot be retried", operation.kind));
    };
    let mut tx = store.begin().await?;
    if let Some(open) = operations::open_for_subject(&mut tx, subject).await? {
        return Err(Problem::new(
            Code::OperationInProgress,
            format!("{} {} is {}", open.kind, open.id, open.state),
            "Wait for it, or cancel it first.",
        ));
    }
    let mut new = if operation.subject_kind.as_deref() == Some("server") {
        retried_server(&mut tx, definition, ServerId::from(subject)).await?
    } else {
        retried_instance(&mut tx, definition, InstanceId::from(subject)).await?
    };
    new.params = operation.params.clone();
    new.retry_of = Some(operation.id);
    let id = operations::enqueue(&mut tx, &new).await?;
    tx.commit().await.map_err(ocore_store::Error::from)?;
    Ok(id)
}

async fn retried_server(
    tx: &mut PgConnection,
    definition: &Definition,
    id: ServerId,
) -> Result<NewOperation, Problem> {
    let server = servers::get(tx, id)
        .await?
        .filter(|server| server.status != ServerStatus::Removed);
    let server = server.ok_or_else(|| gone("server"))?;
    let status = if definition.kind == crate::server_remove::DEFINITION.kind {
        ServerStatus::Removing
    } else {
        ServerStatus::Validating
    };
    servers::set_status(tx, id, status, None).await?;
    Ok(on_server(definition, &server, Value::Null))
}

async fn retried_instance(
    tx: &mut PgConnection,
    definition: &Definition,
    id: InstanceId,
) -> Result<NewOperation, Problem> {
    let instance = instances::get(tx, id).await?.ok_or_else(|| gone("instance"))?;
    let transition = match definition.kind {
        "instance_create" if instance.status == InstanceStatus::Failed => {
            return Err(Problem::new(
                Code::StateConflict,
                format!("The creation of {} could not be taken back wholly", instance.name),
                "Delete the instance to clear what is left, then create it again.",
            ));
        }
        "instance_create" => Transition::Recreate,
        "instance_start" => Transition::Start,
        "instance_stop" => Transition::Stop,
        "instance_restart" => Transition::Restart,
        "instance_update" => Transition::Update,
        _ => Transition::Remove,
    };
    instances::transition(tx, id, transition, None)
        .await
        .map_err(|error| {
            if error.constraint().is_some() {
                Problem::new(
                    Code::NameTaken,
                    format!("Another instance is named {} now", instance.name),
                    "Create it anew under another name.",
                )
            } else {
                error.into()
            }
        })?;
    Ok(on_instance(definition, &instance, Value::Null))
}

fn gone(what: &str) -> Problem {
    Problem::new(
        Code::NotFound,
        format!("The {what} is gone"),
        "There is nothing to retry.",
    )
}
