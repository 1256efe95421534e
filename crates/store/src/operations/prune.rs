//! Operations whose time is over are deleted, with their steps and their output.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Result;

/// Operations that are deleted in one statement: each takes along its steps and its lines.
const BATCH: i64 = 1000;

/// Deletes what had ended before a moment; answers how many operations those were. One stays as long as another that is
/// kept tells of it: its retry, what it is a part of, or the organization that it deletes.
pub async fn prune(conn: &mut PgConnection, before: DateTime<Utc>) -> Result<u64> {
    let mut all = 0;
    loop {
        let gone = sqlx::query!(
            "delete from operations where id = any(array(
                 -- Their ids begin with when they were made: what is younger is not even looked at.
                 select o.id from operations o
                 where o.id < $1 and o.finished_at < $2
                     and not exists (select from operations r where r.retry_of = o.id)
                     and not exists (select from operations p where p.part_of = o.id)
                     and not exists (select from organizations g where g.deletion_operation_id = o.id)
                 order by o.id limit $3))",
            first_id_at(before),
            before,
            BATCH,
        )
        .execute(&mut *conn)
        .await?
        .rows_affected();
        // Not until a batch is not full: with the last retry gone, what was retried may go.
        if gone == 0 {
            return Ok(all);
        }
        all += gone;
    }
}

/// No operation that was made at this moment or later has a smaller id.
fn first_id_at(moment: DateTime<Utc>) -> Uuid {
    let milliseconds = u64::try_from(moment.timestamp_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &[0; 10]).into_uuid()
}
