//! Steps as they go on. Every write names its claim: a resurrected worker's write misses.

use ocore_domain::{OperationId, Problem, operation::StepState};
use serde_json::Value;
use sqlx::{PgConnection, types::Json};

use super::{
    Claimed, Finish,
    claim_name::{ClaimName, columns},
};
use crate::{Error, Result, notifications};

/// A step that goes on, and the claim in whose name.
#[derive(Clone, Debug)]
pub struct StepChange {
    claim: ClaimName,
    position: i16,
    state: StepState,
    error: Option<Problem>,
}

impl StepChange {
    /// A step of a claimed operation, by its place in the table.
    pub const fn of(claim: &Claimed, position: i16, state: StepState) -> Self {
        Self {
            claim: claim.name(),
            position,
            state,
            error: None,
        }
    }

    /// With what went wrong.
    #[must_use]
    pub fn with(self, error: Option<&Problem>) -> Self {
        Self {
            error: error.cloned(),
            ..self
        }
    }
}

/// Sets steps' states, of many operations at once, and ends those that are named; answers the claims that were still valid.
/// Of any other nothing was written, and its worker must stop. No claim may have a step here twice.
pub async fn record(
    conn: &mut PgConnection,
    changes: &[StepChange],
    ends: &[Finish],
) -> Result<Vec<ClaimName>> {
    let (ids, tokens) = columns(changes.iter().map(|change| change.claim));
    let positions: Vec<i16> = changes.iter().map(|change| change.position).collect();
    let states: Vec<String> = changes
        .iter()
        .map(|change| change.state.as_str().to_owned())
        .collect();
    let errors: Vec<Option<Value>> = changes
        .iter()
        .map(|change| change.error.as_ref().map(serde_json::to_value).transpose())
        .collect::<Result<_, _>>()
        .map_err(|error| Error::Row(error.to_string()))?;
    let (ended, ended_tokens) = columns(ends.iter().map(|end| end.claim));
    let ended_states: Vec<String> = ends.iter().map(|end| end.state.as_str().to_owned()).collect();
    // Told in the same statement: one commit for all of it.
    let valid = sqlx::query!(
        r#"with changed as (
               update operation_steps s set state = c.state, error = coalesce(c.error, s.error),
                   started_at = case when c.state = 'running' then coalesce(s.started_at, now()) else s.started_at end,
                   finished_at = case when c.state in ('done', 'failed', 'undone', 'undo_failed') then now() end
               from unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::text[], $5::jsonb[])
                       as c (id, token, position, state, error),
                   operations o
               where s.operation_id = c.id and s.position = c.position and o.id = c.id and o.claim_token = c.token
                   and o.worker_id is not null
               returning s.operation_id as id, c.token
           ), finished as (
               update operations o set state = e.state, finished_at = now(), worker_id = null
               from unnest($6::uuid[], $7::uuid[], $8::text[]) as e (id, token, state)
               where o.id = e.id and o.claim_token = e.token and o.worker_id is not null
               returning o.id, e.token
           ), freed as (
               delete from operation_leases l where l.operation_id = any(array(select id from finished))
           ), told as (
               -- Their leases are free: the next with the same key may go.
               select pg_notify($10, '') from (select from finished limit 1) as any_end
           )
           select id as "id!: OperationId", token as "token!", pg_notify($9, id::text), (select count(*) from told) as told
           from (select id, token from changed union select id, token from finished) as valid"#,
        &ids,
        &tokens,
        &positions,
        &states,
        &errors as &[Option<Value>],
        &ended,
        &ended_tokens,
        &ended_states,
        notifications::OPERATION,
        notifications::QUEUE,
    )
    .fetch_all(conn)
    .await?;
    let valid = valid.into_iter().map(|row| ClaimName {
        operation: row.id,
        token: row.token,
    });
    Ok(valid.collect())
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
