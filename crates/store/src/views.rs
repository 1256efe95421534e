//! What answers show beside the rows themselves: each is one query for many rows.

use ocore_domain::{OperationId, ServerId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Result, operations::Step};

/// The steps of several operations, in the order of each.
pub async fn steps_of(conn: &mut PgConnection, operations: &[OperationId]) -> Result<Vec<Step>> {
    let ids: Vec<Uuid> = operations.iter().map(|id| id.uuid()).collect();
    Ok(sqlx::query_as!(
        Step,
        r#"select operation_id as "operation_id: _", position, name, title, state as "state: _", started_at, finished_at,
               error as "error: _"
           from operation_steps where operation_id = any($1) order by operation_id, position"#,
        &ids,
    )
    .fetch_all(conn)
    .await?)
}

/// What is being done to several servers: the title of the step that runs, for each that has one.
pub async fn running_steps(conn: &mut PgConnection, servers: &[ServerId]) -> Result<Vec<(ServerId, String)>> {
    let ids: Vec<Uuid> = servers.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query!(
        r#"select o.subject_id as "server!: ServerId", s.title
           from operations o join operation_steps s on s.operation_id = o.id
           where o.subject_id = any($1) and o.state in ('running', 'undoing') and s.state in ('running', 'undoing')"#,
        &ids,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.server, row.title)).collect())
}

/// Whether the database has every migration that this program brings.
pub async fn is_migrated(conn: &mut PgConnection) -> Result<bool> {
    let newest = sqlx::migrate!().iter().map(|migration| migration.version).max();
    let applied: Option<i64> = sqlx::query_scalar("select max(version) from _sqlx_migrations where success")
        .fetch_one(conn)
        .await?;
    Ok(applied >= newest)
}
