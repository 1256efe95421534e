//! Operations: the rows that people see and that workers claim.

mod claim_name;
mod claims;
mod depth;
mod events;
#[cfg(feature = "faults")]
mod ledger;
mod pauses;
mod prune;
mod queue;
mod read;
mod steps;

use chrono::{DateTime, Utc};
use ocore_domain::{
    OperationId, OrganizationId, Problem, ServerId, operation::OperationState, operation::StepState,
};
use serde_json::Value;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

pub use claim_name::ClaimName;
pub use claims::Claims;
pub use depth::{
    Depth, OfKind, OfOrganization, Worker, queue_by_kind, queue_by_organization, queue_depth, workers,
};
pub use events::{append_events, events_after, last_seq};
#[cfg(feature = "faults")]
pub use ledger::write_in_ledger;
pub use pauses::{Pause, Scope, pause, pauses, resume};
pub use prune::prune;
pub use queue::{
    Claimed, Finish, Terms, claim, claim_unstarted, finish, finish_many, free_unheard, heartbeat,
    register_worker, release, rescue, unregister_worker, workers_on_host,
};
pub use read::{
    Filter, cancel, cancel_requested, find, get, is_open, list, newest_for_subject, newest_part, open_beside,
    open_for_subject, parts_done, steps_of, still_open,
};
pub use steps::{StepChange, hold, record, set_result, start_undo};

use crate::{Result, notifications};

/// An operation's row.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Operation {
    pub id: OperationId,
    pub organization_id: OrganizationId,
    pub kind: String,
    pub subject_kind: Option<String>,
    pub subject_id: Option<Uuid>,
    pub subject_name: Option<String>,
    pub server_id: Option<ServerId>,
    pub params: Value,
    pub state: OperationState,
    pub error: Option<Json<Problem>>,
    /// What it found out that is worth more than a line of its output.
    pub result: Option<Value>,
    pub attempt: i32,
    pub worker_id: Option<Uuid>,
    pub retry_of: Option<OperationId>,
    pub part_of: Option<OperationId>,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub cancel_requested_at: Option<DateTime<Utc>>,
    /// Why it waits, while it is queued.
    pub waiting_for: Option<String>,
}

/// A step's row.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Step {
    pub operation_id: OperationId,
    pub position: i16,
    pub name: String,
    pub title: String,
    pub state: StepState,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub error: Option<Json<Problem>>,
}

/// An operation to be done.
#[derive(Clone, Debug)]
pub struct NewOperation {
    /// The tenant.
    pub organization_id: OrganizationId,
    /// What is to be done, for example `instance_create`.
    pub kind: &'static str,
    /// To what: kind, id and name.
    pub subject: Option<(&'static str, Uuid, String)>,
    /// On which server.
    pub server_id: Option<ServerId>,
    /// The operation's own parameters. No secrets.
    pub params: Value,
    /// At most one operation with the same key runs.
    pub serial_key: Option<String>,
    /// A bounded number of operations with the same key run.
    pub group_key: Option<String>,
    /// Smaller goes first.
    pub priority: i16,
    /// Name and title of each step.
    pub steps: Vec<(&'static str, &'static str)>,
    /// The operation that this one repeats.
    pub retry_of: Option<OperationId>,
}

/// Adds operations; workers hear of them when the transaction commits.
pub async fn enqueue_many(conn: &mut PgConnection, new: &[NewOperation]) -> Result<Vec<OperationId>> {
    let ids: Vec<OperationId> = new.iter().map(|_| OperationId::new()).collect();
    let uuids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let organizations: Vec<Uuid> = new.iter().map(|o| o.organization_id.uuid()).collect();
    let kinds: Vec<String> = new.iter().map(|o| o.kind.to_owned()).collect();
    let subject_kinds: Vec<Option<String>> = new
        .iter()
        .map(|o| o.subject.as_ref().map(|s| s.0.to_owned()))
        .collect();
    let subject_ids: Vec<Option<Uuid>> = new.iter().map(|o| o.subject.as_ref().map(|s| s.1)).collect();
    let subject_names: Vec<Option<String>> = new
        .iter()
        .map(|o| o.subject.as_ref().map(|s| s.2.clone()))
        .collect();
    let servers: Vec<Option<Uuid>> = new.iter().map(|o| o.server_id.map(ServerId::uuid)).collect();
    let params: Vec<Value> = new.iter().map(|o| o.params.clone()).collect();
    let serials: Vec<Option<String>> = new.iter().map(|o| o.serial_key.clone()).collect();
    let groups: Vec<Option<String>> = new.iter().map(|o| o.group_key.clone()).collect();
    let priorities: Vec<i16> = new.iter().map(|o| o.priority).collect();
    let retries: Vec<Option<Uuid>> = new.iter().map(|o| o.retry_of.map(OperationId::uuid)).collect();
    // Told in the same statement: heard when the transaction commits.
    sqlx::query!(
        "with added as (
             insert into operations (id, organization_id, kind, subject_kind, subject_id, subject_name, server_id,
                 params, serial_key, group_key, priority, retry_of)
             select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::uuid[],
                 $8::jsonb[], $9::text[], $10::text[], $11::smallint[], $12::uuid[])
         )
         select pg_notify($13, '')",
        &uuids,
        &organizations,
        &kinds,
        &subject_kinds as &[Option<String>],
        &subject_ids as &[Option<Uuid>],
        &subject_names as &[Option<String>],
        &servers as &[Option<Uuid>],
        &params,
        &serials as &[Option<String>],
        &groups as &[Option<String>],
        &priorities,
        &retries as &[Option<Uuid>],
        notifications::QUEUE,
    )
    .fetch_one(&mut *conn)
    .await?;
    insert_steps(conn, &uuids, new).await?;
    Ok(ids)
}

/// Notes that an operation repeats another.
pub async fn set_retry_of(conn: &mut PgConnection, id: OperationId, retried: OperationId) -> Result<()> {
    sqlx::query!(
        "update operations set retry_of = $2 where id = $1",
        id as OperationId,
        retried as OperationId
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that an operation was begun by another, and is a part of it.
pub async fn set_part_of(conn: &mut PgConnection, id: OperationId, whole: OperationId) -> Result<()> {
    sqlx::query!(
        "update operations set part_of = $2 where id = $1",
        id as OperationId,
        whole as OperationId
    )
    .execute(conn)
    .await?;
    Ok(())
}

async fn insert_steps(conn: &mut PgConnection, ids: &[Uuid], new: &[NewOperation]) -> Result<()> {
    let mut operations = Vec::new();
    let mut positions = Vec::new();
    let mut names = Vec::new();
    let mut titles = Vec::new();
    for (id, operation) in ids.iter().zip(new) {
        for (position, (name, title)) in (0_i16..).zip(&operation.steps) {
            operations.push(*id);
            positions.push(position);
            names.push((*name).to_owned());
            titles.push((*title).to_owned());
        }
    }
    if operations.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into operation_steps (operation_id, position, name, title)
         select * from unnest($1::uuid[], $2::smallint[], $3::text[], $4::text[])",
        &operations,
        &positions,
        &names,
        &titles,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Adds one operation.
pub async fn enqueue(conn: &mut PgConnection, new: &NewOperation) -> Result<OperationId> {
    let ids = enqueue_many(conn, std::slice::from_ref(new)).await?;
    Ok(ids[0])
}
