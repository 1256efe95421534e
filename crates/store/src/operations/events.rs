//! What operations say, line by line.

use chrono::{DateTime, Utc};
use ocore_domain::{
    OperationId,
    operation::{Event, Level},
};
use sqlx::PgConnection;

use super::Claimed;
use crate::{Result, notifications};

/// Adds lines; false when the claim is no longer valid.
pub async fn append_events(conn: &mut PgConnection, claim: &Claimed, events: &[Event]) -> Result<bool> {
    let seqs: Vec<i64> = events.iter().map(|e| e.seq).collect();
    let times: Vec<DateTime<Utc>> = events.iter().map(|e| e.at).collect();
    let levels: Vec<String> = events.iter().map(|e| e.level.as_str().to_owned()).collect();
    let steps: Vec<Option<String>> = events.iter().map(|e| e.step.clone()).collect();
    let lines: Vec<String> = events.iter().map(|e| e.line.clone()).collect();
    let told = sqlx::query!(
        r#"with added as (
               insert into operation_events (operation_id, seq, at, level, step, line)
               select o.id, e.* from operations o,
                   unnest($3::bigint[], $4::timestamptz[], $5::text[], $6::text[], $7::text[])
                       as e (seq, at, level, step, line)
               where o.id = $1 and o.claim_token = $2 and o.worker_id is not null
               returning 1
           )
           select exists (select from added) as "valid!", pg_notify($8, $1::text || ' line'),
               -- Lines need not wait for the disk: the step that comes after them does, and takes them along.
               set_config('synchronous_commit', 'off', true)"#,
        claim.id as OperationId,
        claim.token,
        &seqs,
        &times,
        &levels,
        &steps as &[Option<String>],
        &lines,
        notifications::OPERATION,
    )
    .fetch_one(conn)
    .await?;
    Ok(told.valid || events.is_empty())
}

/// The number of the last line, 0 when there is none.
pub async fn last_seq(conn: &mut PgConnection, id: OperationId) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"select coalesce(max(seq), 0) as "seq!" from operation_events where operation_id = $1"#,
        id as OperationId
    )
    .fetch_one(conn)
    .await?)
}

/// The lines after a number, in order.
pub async fn events_after(
    conn: &mut PgConnection,
    id: OperationId,
    seq: i64,
    limit: i64,
) -> Result<Vec<Event>> {
    let rows = sqlx::query!(
        r#"select seq, at, level as "level: Level", step, line from operation_events
           where operation_id = $1 and seq > $2 order by seq limit $3"#,
        id as OperationId,
        seq,
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|r| Event {
            seq: r.seq,
            at: r.at,
            level: r.level,
            step: r.step,
            line: r.line,
        })
        .collect())
}
