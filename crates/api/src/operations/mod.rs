//! Operations: long actions made of named steps, and the record of them.

mod act;
mod follow;
mod read;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use ocore_domain::{
    Code, OperationId, OrganizationId, Problem, ServerId,
    operation::{OperationState, StepState},
};
use ocore_store::{PgConnection, operations as rows, views};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    Api,
    access::{Act, Allowed, Change, InTenancy, Routes, guarded},
    problem::{Answer, Failure},
};

pub(crate) use follow::{LastLine, StreamEvent};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .with(guarded!(read::list))
        .with(guarded!(read::show))
        .with(guarded!(read::steps))
        .with(guarded!(read::steps_by_kind))
        .with(guarded!(follow::logs))
        .with(guarded!(follow::logs_by_kind))
        .with(guarded!(act::cancel))
        .with(guarded!(act::retry))
}

/// An operation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Operation {
    id: OperationId,
    /// For example `instance_create`.
    kind: String,
    state: OperationState,
    /// `server`, `instance` or `organization`.
    subject_kind: Option<String>,
    subject_id: Option<Uuid>,
    subject_name: Option<String>,
    server_id: Option<ServerId>,
    /// Why it did not reach its end.
    error: Option<Problem>,
    /// What it found out, by its kind: of a move, how long the instance did not serve.
    result: Option<serde_json::Value>,
    /// What it waits for, while it is queued.
    waiting_for: Option<String>,
    steps: Vec<Step>,
    /// The operation that this one repeats.
    retry_of: Option<OperationId>,
    /// The operation that began this one.
    part_of: Option<OperationId>,
    /// How often it was taken up: more than once after a process was lost.
    attempt: i32,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    cancel_requested_at: Option<DateTime<Utc>>,
}

impl Operation {
    /// Whether nothing more will happen.
    pub(crate) const fn has_ended(&self) -> bool {
        self.state.is_final()
    }

    fn new(row: rows::Operation, steps: Vec<Step>) -> Self {
        Self {
            id: row.id,
            kind: row.kind,
            state: row.state,
            subject_kind: row.subject_kind,
            subject_id: row.subject_id,
            subject_name: row.subject_name,
            server_id: row.server_id,
            error: row.error.map(|error| error.0),
            result: row.result,
            waiting_for: row.waiting_for,
            steps,
            retry_of: row.retry_of,
            part_of: row.part_of,
            attempt: row.attempt,
            created_at: row.created_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            cancel_requested_at: row.cancel_requested_at,
        }
    }
}

/// One step of an operation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Step {
    name: String,
    /// The same in words.
    title: String,
    state: StepState,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    duration_ms: Option<i64>,
    error: Option<Problem>,
}

impl From<rows::Step> for Step {
    fn from(row: rows::Step) -> Self {
        let duration = row
            .started_at
            .zip(row.finished_at)
            .map(|(start, end)| end - start);
        Self {
            name: row.name,
            title: row.title,
            state: row.state,
            started_at: row.started_at,
            finished_at: row.finished_at,
            duration_ms: duration.map(|duration| duration.num_milliseconds()),
            error: row.error.map(|error| error.0),
        }
    }
}

/// The operation of this id, if it is the bearer's.
async fn find(conn: &mut PgConnection, organization: OrganizationId, id: &str) -> Answer<rows::Operation> {
    let found = match id.parse() {
        Ok(id) => rows::find(conn, organization, id).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| Failure::not_found("operation", id))
}

async fn view(conn: &mut PgConnection, row: rows::Operation) -> Answer<Operation> {
    let steps = rows::steps_of(conn, row.id).await?;
    Ok(Operation::new(row, steps.into_iter().map(Step::from).collect()))
}

/// An operation that was just begun, as it is answered.
pub(crate) async fn view_of(conn: &mut PgConnection, id: OperationId) -> Answer<Operation> {
    let row = rows::get(conn, id)
        .await?
        .ok_or_else(|| Failure::not_found("operation", &id.to_string()))?;
    view(conn, row).await
}

/// Operations as they are answered: one query more, however many they are.
async fn views(conn: &mut PgConnection, rows: Vec<rows::Operation>) -> Answer<Vec<Operation>> {
    let ids: Vec<OperationId> = rows.iter().map(|row| row.id).collect();
    let mut steps: HashMap<OperationId, Vec<Step>> = HashMap::new();
    for step in views::steps_of(conn, &ids).await? {
        steps.entry(step.operation_id).or_default().push(step.into());
    }
    let view = |row: rows::Operation| {
        let steps = steps.remove(&row.id).unwrap_or_default();
        Operation::new(row, steps)
    };
    Ok(rows.into_iter().map(view).collect())
}

/// The operation that was requested in a change, or why it was refused. A refusal because of another operation on the
/// same subject names that one.
pub(crate) async fn requested<N: InTenancy>(
    allowed: &Allowed<N>,
    subject: Uuid,
    requested: Result<OperationId, Problem>,
) -> Answer<OperationId> {
    match requested {
        Ok(id) => Ok(id),
        Err(problem) if problem.code == Code::OperationInProgress => {
            // The change may be spoilt by the very conflict: it is looked for in another transaction.
            let open = rows::open_for_subject(&mut *allowed.read().await?, subject).await?;
            let failure = Failure::from(problem);
            Err(match open {
                Some(open) => failure.with_operation(open.id),
                None => failure,
            })
        }
        Err(problem) => Err(problem.into()),
    }
}

/// Commits a change in which an operation was requested, and so begins it.
pub(crate) async fn begin(api: &Api, change: Change, act: Act) -> Answer<()> {
    change.commit(act).await?;
    // The worker of this process need not wait for the database's word.
    api.notifications.wake_queue();
    Ok(())
}

/// The same, recorded for an organization that the change need not be within.
pub(crate) async fn begin_for(
    api: &Api,
    change: Change,
    organization: OrganizationId,
    act: Act,
) -> Answer<()> {
    change.commit_for(&[Some(organization)], act).await?;
    // The worker of this process need not wait for the database's word.
    api.notifications.wake_queue();
    Ok(())
}
