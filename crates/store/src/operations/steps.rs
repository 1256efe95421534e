//! Steps as they go on. Every write names its claim: a resurrected worker's write misses.

use ocore_domain::{OperationId, Problem, operation::StepState};
use sqlx::{PgConnection, types::Json};

use super::Claimed;
use crate::{Result, notifications};

/// Sets a step's state; false when the claim is no longer valid and the worker must stop.
pub async fn set_step(
    conn: &mut PgConnection,
    claim: &Claimed,
    position: i16,
    state: StepState,
    error: Option<&Problem>,
) -> Result<bool> {
    // Told in the same statement: one commit for both.
    let set = sqlx::query!(
        r#"with changed as (
               update operation_steps s set state = $4, error = coalesce($5, s.error),
                   started_at = case when $4 = 'running' then coalesce(s.started_at, now()) else s.started_at end,
                   finished_at = case when $4 in ('done', 'failed', 'undone', 'undo_failed') then now() else null end
               from operations o
               where s.operation_id = $1 and s.position = $3 and o.id = s.operation_id and o.claim_token = $2
                   and o.worker_id is not null
               returning 1
           )
           select exists (select from changed) as "valid!", pg_notify($6, $1::text)"#,
        claim.id as OperationId,
        claim.token,
        position,
        state as StepState,
        error.map(Json) as Option<Json<&Problem>>,
        notifications::OPERATION,
    )
    .fetch_one(conn)
    .await?;
    Ok(set.valid)
}

/// Turns a running operation round, for the reason given; false when the claim is no longer valid.
pub async fn start_undo(conn: &mut PgConnection, claim: &Claimed, reason: &Problem) -> Result<bool> {
    let turned = sqlx::query!(
        r#"with changed as (
               update operations set state = 'undoing', error = coalesce(error, $3)
               where id = $1 and claim_token = $2 and worker_id is not null
               returning 1
           )
           select exists (select from changed) as "valid!", pg_notify($4, $1::text)"#,
        claim.id as OperationId,
        claim.token,
        Json(reason) as Json<&Problem>,
        notifications::OPERATION,
    )
    .fetch_one(conn)
    .await?;
    Ok(turned.valid)
}

/// Notes what an operation found out; false when the claim is no longer valid.
pub async fn set_result(
    conn: &mut PgConnection,
    claim: &Claimed,
    result: &serde_json::Value,
) -> Result<bool> {
    let set = sqlx::query!(
        "update operations set result = $3 where id = $1 and claim_token = $2 and worker_id is not null",
        claim.id as OperationId,
        claim.token,
        result,
    )
    .execute(conn)
    .await?;
    Ok(set.rows_affected() == 1)
}

/// Whether a claim is still valid; if so, it stays so until the transaction ends.
pub async fn hold(conn: &mut PgConnection, claim: &Claimed) -> Result<bool> {
    let held = sqlx::query_scalar!(
        "select true from operations where id = $1 and claim_token = $2 and worker_id is not null for no key update",
        claim.id as OperationId,
        claim.token,
    )
    .fetch_optional(conn)
    .await?;
    Ok(held.is_some())
}
