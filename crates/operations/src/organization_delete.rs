//! Deletes an organization with all it has: every instance, then every server, then the organization itself. What is taken
//! away on servers is taken away by the operations that do it one by one, begun from here.

use std::time::Duration;

use chrono::Utc;
use futures::future::BoxFuture;
use ocore_domain::{Code, OperationId, OrganizationId, Problem, Topics, operation::OperationState};
use ocore_store::{
    PgConnection,
    audit::{self, Entry},
    changes,
    operations::{self, Claimed, NewOperation, Operation},
    organizations::{self, Organization},
};
use serde::{Deserialize, Serialize};

use crate::{
    command,
    engine::{Ctx, Definition, End, Settle, secs, step},
    instance_delete,
    parts::others::{self, Kind},
    server_remove,
};

/// What a person chose, and how it is recorded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Params {
    /// Whether each instance leaves a last dump behind, as when it is deleted alone. They go with their server.
    pub keep_dump: bool,
    /// The entry in the organization's record that tells of the end; its time is that of the end.
    pub record: Entry,
}

/// What it waits for has limits of its own.
const LONG: Duration = Duration::from_hours(7 * 24);

pub(crate) static DEFINITION: Definition = Definition {
    kind: "organization_delete",
    steps: &[
        step!(end_operations, "Stop what is at work", LONG),
        step!(delete_instances, "Delete the instances", LONG, irreversible),
        step!(remove_servers, "Remove the servers", LONG, irreversible),
        step!(
            delete_organization,
            "Delete the organization",
            secs(60),
            irreversible
        ),
    ],
    settle: Settle::With(settle),
    secrets: None,
};

/// Enqueues the deletion of an organization. From now on nothing new is made in it. Only outside the walls.
pub async fn request(
    tx: &mut PgConnection,
    organization: &Organization,
    params: &Params,
) -> Result<OperationId, Problem> {
    // Whatever is just being made there is waited for, and so seen by the operation.
    organizations::left(tx, organization.id).await?;
    if let Some(open) = operations::open_for_subject(tx, organization.id.uuid()).await? {
        return Err(Problem::new(
            Code::OperationInProgress,
            format!("{} is being deleted already", organization.name),
            format!("Wait for the operation {}.", open.id),
        ));
    }
    let new = NewOperation {
        organization_id: organization.id,
        kind: DEFINITION.kind,
        subject: Some(("organization", organization.id.uuid(), organization.name.clone())),
        server_id: None,
        params: serde_json::to_value(params).map_err(Problem::internal)?,
        serial_key: Some(command::serial_key("organization", organization.id.uuid())),
        group_key: None,
        priority: 0,
        steps: DEFINITION.step_rows(),
        retry_of: None,
    };
    let id = operations::enqueue(tx, &new).await?;
    organizations::begin_deletion(tx, organization.id, id).await?;
    Ok(id)
}

/// What would be in the way of a deletion: creations, changes. Deletions are what is wanted anyway.
async fn end_operations(ctx: &Ctx) -> Result<(), Problem> {
    let wanted = |open: &Operation| {
        [instance_delete::DEFINITION.kind, server_remove::DEFINITION.kind].contains(&open.kind.as_str())
    };
    loop {
        let mut conn = ctx.store().connection().await?;
        let open =
            operations::open_beside(&mut conn, ctx.organization(), ctx.operation(), others::AT_ONCE).await?;
        drop(conn);
        if open.is_empty() {
            return Ok(());
        }
        for operation in open.iter().filter(|open| !wanted(open)) {
            if operation.cancel_requested_at.is_none() && others::cancel(ctx, operation).await? {
                ctx.info(format!("{} is cancelled", named(operation)));
            }
        }
        let ids: Vec<OperationId> = open.iter().map(|open| open.id).collect();
        ctx.info(format!(
            "Waiting for {} to end",
            counted(i64::try_from(ids.len()).unwrap_or(i64::MAX), "operation")
        ));
        others::all_ended(ctx, &ids).await?;
    }
}

fn named(operation: &Operation) -> String {
    format!(
        "{} of {} ({})",
        operation.kind,
        operation.subject_name.as_deref().unwrap_or("nothing"),
        operation.id
    )
}

async fn delete_instances(ctx: &Ctx) -> Result<(), Problem> {
    take_away(ctx, Kind::Instance).await
}

async fn remove_servers(ctx: &Ctx) -> Result<(), Problem> {
    take_away(ctx, Kind::Server).await
}

/// Takes away all of a kind, some at once; tells at the end which could not be.
async fn take_away(ctx: &Ctx, kind: Kind) -> Result<(), Problem> {
    let params: Params = ctx.params()?;
    let taken = others::take_away_all(ctx, kind, params.keep_dump).await?;
    if taken.left.is_empty() {
        ctx.info(format!("{} gone", are(taken.gone, kind.word())));
        return Ok(());
    }
    let left: Vec<String> = taken
        .left
        .iter()
        .take(5)
        .map(|(name, why)| format!("`{name}` ({why})"))
        .collect();
    let more = taken.left.len().saturating_sub(left.len());
    let more = if more == 0 {
        String::new()
    } else {
        format!(", and {more} more")
    };
    Err(Problem::new(
        Code::InUse,
        format!(
            "{} gone; {} could not be taken away: {}{more}",
            are(taken.gone, kind.word()),
            counted(i64::try_from(taken.left.len()).unwrap_or(i64::MAX), kind.word()),
            left.join(", "),
        ),
        kind.mend(),
    ))
}

fn counted(count: i64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn are(count: i64, what: &str) -> String {
    format!(
        "{} {}",
        counted(count, what),
        if count == 1 { "is" } else { "are" }
    )
}

async fn delete_organization(ctx: &Ctx) -> Result<(), Problem> {
    let id = ctx.organization();
    let params: Params = ctx.params()?;
    let mut tx = ctx.store().begin().await?;
    let Some(organization) = organizations::lock(&mut tx, id).await? else {
        ctx.info("The organization is gone already");
        return Ok(());
    };
    let left = organizations::left(&mut tx, id).await?;
    if left.servers > 0 || left.instances > 0 {
        return Err(Problem::new(
            Code::InUse,
            format!(
                "{} has {} servers and {} instances again",
                organization.name, left.servers, left.instances
            ),
            "Retry the operation.",
        ));
    }
    organizations::delete(&mut tx, id).await?;
    let entry = Entry {
        at_micros: Utc::now().timestamp_micros(),
        ..params.record
    };
    changes::tell(&mut tx, &[(id.uuid(), Topics::ALL)]).await?;
    audit::append(&mut tx, Some(id), &entry).await?;
    tx.commit().await.map_err(ocore_store::Error::from)?;
    Ok(())
}

/// An organization that is still there takes what is new again.
fn settle<'a>(
    tx: &'a mut PgConnection,
    claim: &'a Claimed,
    end: End<'a>,
) -> BoxFuture<'a, Result<(), Problem>> {
    Box::pin(async move {
        if end.state != OperationState::Done {
            organizations::end_deletion(tx, claim.id).await?;
        }
        Ok(())
    })
}

/// Does it once more, if the organization is still there.
pub(crate) async fn again(
    tx: &mut PgConnection,
    id: OrganizationId,
    params: &Params,
) -> Result<OperationId, Problem> {
    let organization = organizations::lock(tx, id)
        .await?
        .ok_or_else(|| command::gone("organization"))?;
    request(tx, &organization, params).await
}

#[cfg(test)]
mod tests;
