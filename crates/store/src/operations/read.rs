//! Operations as people see them, and their wish to stop one.

use ocore_domain::{OperationId, OrganizationId, operation::OperationState, sort::OperationSort};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Operation, Step};
use crate::{
    After, Page, Result, Sorted, notifications,
    page::{in_order, moment},
};

macro_rules! select {
    ($tail:literal $(+ $more:literal)* $(, $argument:expr)* $(,)?) => {
        select!(after "", $tail $(+ $more)* $(, $argument)*)
    };
    (after $head:literal, $tail:literal $(+ $more:literal)* $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Operation,
            $head + r#"select o.id as "id: _", o.organization_id as "organization_id: _", o.kind, o.subject_kind, o.subject_id,
                   o.subject_name, o.server_id as "server_id: _", o.params, o.state as "state: _", o.error as "error: _",
                   o.result, o.attempt, o.worker_id, o.retry_of as "retry_of: _", o.part_of as "part_of: _", o.created_at,
                   o.started_at, o.finished_at,
                   o.cancel_requested_at,
                   case when o.state <> 'queued' then null
                        when exists (select from queue_pauses)
                                and ocore_pause(o.kind, o.server_id, o.organization_id) is not null
                            then ocore_pause(o.kind, o.server_id, o.organization_id)
                        when exists (select 1 from operation_leases l where l.serial_key = o.serial_key)
                            then 'another operation on the same ' || o.subject_kind
                        when o.group_key is not null
                                and exists (select 1 from operation_leases l where l.group_key = o.group_key)
                            then 'room on its server'
                        else 'a free worker' end as waiting_for
               from operations o "# + $tail $(+ $more)*
            $(, $argument)*
        )
    };
}

/// An operation by its id.
pub async fn get(conn: &mut PgConnection, id: OperationId) -> Result<Option<Operation>> {
    Ok(select!("where o.id = $1", id as OperationId)
        .fetch_optional(conn)
        .await?)
}

/// An operation of a tenant.
pub async fn find(
    conn: &mut PgConnection,
    organization: OrganizationId,
    id: OperationId,
) -> Result<Option<Operation>> {
    let operation = select!(
        "where o.organization_id = $1 and o.id = $2",
        organization as OrganizationId,
        id as OperationId,
    )
    .fetch_optional(conn)
    .await?;
    Ok(operation)
}

/// Which operations are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In this state.
    pub state: Option<OperationState>,
    /// Of this kind.
    pub kind: Option<String>,
    /// On this server or instance.
    pub subject: Option<Uuid>,
}

/// Operations.
pub async fn list(
    conn: &mut PgConnection,
    organization: OrganizationId,
    filter: &Filter,
    page: &Sorted<OperationSort>,
) -> Result<Page<Operation>> {
    use OperationSort as By;
    let is_plain = filter.state.is_none() && filter.kind.is_none() && filter.subject.is_none();
    let rows = in_order!(
        select, conn, page,
        first if is_plain (organization as OrganizationId) "where o.organization_id = $2",
        (
            organization as OrganizationId,
            filter.state as Option<OperationState>,
            filter.kind,
            filter.subject,
        ),
        "where o.organization_id = $4
             and ($5::text is null or o.state = $5)
             and ($6::text is null or o.kind = $6)
             and ($7::uuid is null or o.subject_id = $7)",
        by "o.id" {
            By::CreatedAt, By::CreatedAtBack => "o.created_at" from "$1::text::timestamptz",
        }
    );
    Ok(page.page(rows, |row| After {
        key: Some(moment(row.created_at)),
        id: row.id.uuid(),
    }))
}

/// The steps of an operation, in order.
pub async fn steps_of(conn: &mut PgConnection, id: OperationId) -> Result<Vec<Step>> {
    Ok(sqlx::query_as!(
        Step,
        r#"select operation_id as "operation_id: _", position, name, title, state as "state: _", started_at, finished_at,
               error as "error: _"
           from operation_steps where operation_id = $1 order by position"#,
        id as OperationId,
    )
    .fetch_all(conn)
    .await?)
}

/// The operation on a subject that is not final, if there is one.
pub async fn open_for_subject(conn: &mut PgConnection, subject: Uuid) -> Result<Option<Operation>> {
    let operation = select!(
        "where o.subject_id = $1 and o.state in ('queued', 'running', 'undoing') order by o.id limit 1",
        subject,
    )
    .fetch_optional(conn)
    .await?;
    Ok(operation)
}

/// The operation on a subject that another one began last.
pub async fn newest_part(
    conn: &mut PgConnection,
    whole: OperationId,
    subject: Uuid,
) -> Result<Option<Operation>> {
    let operation = select!(
        "where o.part_of = $1 and o.subject_id = $2 order by o.id desc limit 1",
        whole as OperationId,
        subject,
    )
    .fetch_optional(conn)
    .await?;
    Ok(operation)
}

/// How many operations of a kind another one began that did what they were for.
pub async fn parts_done(conn: &mut PgConnection, whole: OperationId, kind: &str) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"select count(*) as "count!" from operations where part_of = $1 and kind = $2 and state = 'done'"#,
        whole as OperationId,
        kind,
    )
    .fetch_one(conn)
    .await?)
}

/// Whether an operation of a kind waits or works on a subject.
pub async fn is_open(conn: &mut PgConnection, subject: Uuid, kind: &str) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"select exists (select from operations
                          where subject_id = $1 and kind = $2 and state in ('queued', 'running', 'undoing')) as "is!""#,
        subject,
        kind,
    )
    .fetch_one(conn)
    .await?)
}

/// Operations of an organization that are not final, beside one of them: the oldest first, at most so many.
pub async fn open_beside(
    conn: &mut PgConnection,
    organization: OrganizationId,
    beside: OperationId,
    limit: i64,
) -> Result<Vec<Operation>> {
    let operations = select!(
        "where o.organization_id = $1 and o.id <> $2 and o.finished_at is null order by o.created_at, o.id limit $3",
        organization as OrganizationId,
        beside as OperationId,
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(operations)
}

/// Which of these operations are not final.
pub async fn still_open(conn: &mut PgConnection, among: &[OperationId]) -> Result<Vec<OperationId>> {
    let ids: Vec<Uuid> = among.iter().map(|id| id.uuid()).collect();
    Ok(sqlx::query_scalar!(
        r#"select id as "id: OperationId" from operations where id = any($1) and finished_at is null"#,
        &ids,
    )
    .fetch_all(conn)
    .await?)
}

/// The operation that was begun last on a subject.
pub async fn newest_for_subject(conn: &mut PgConnection, subject: Uuid) -> Result<Option<OperationId>> {
    Ok(sqlx::query_scalar!(
        r#"select id as "id: OperationId" from operations where subject_id = $1 order by id desc limit 1"#,
        subject
    )
    .fetch_optional(conn)
    .await?)
}

/// Asks for an operation to be stopped; false when it is final or being undone already.
pub async fn cancel(conn: &mut PgConnection, id: OperationId) -> Result<bool> {
    let done = sqlx::query!(
        "update operations set cancel_requested_at = coalesce(cancel_requested_at, now())
         where id = $1 and state in ('queued', 'running')",
        id as OperationId,
    )
    .execute(&mut *conn)
    .await?;
    notifications::operation_changed(conn, id).await?;
    notifications::cancel_requested(conn, id).await?;
    // One that is queued has no worker to hear of it: it is claimed, finds the wish, and ends at once.
    notifications::queue_changed(conn).await?;
    Ok(done.rows_affected() == 1)
}

/// Of which of these a stop was asked for.
pub async fn cancel_requested(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<OperationId>> {
    Ok(sqlx::query_scalar!(
        r#"select id as "id: OperationId" from operations where id = any($1) and cancel_requested_at is not null"#,
        ids
    )
    .fetch_all(conn)
    .await?)
}
