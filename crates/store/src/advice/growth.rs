//! How much was in use over the last weeks.

use chrono::{DateTime, Utc};
use ocore_domain::{ServerId, capacity::Point};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Result;

/// The weeks that a trend is drawn from.
const DAYS: i32 = 14;

/// What a server used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerGrowth {
    /// Bytes of its disk.
    pub disk: Vec<Point>,
    /// Bytes of its memory.
    pub memory: Vec<Point>,
}

#[expect(clippy::cast_precision_loss, reason = "bytes for a trend")]
fn point(at: DateTime<Utc>, used: i64) -> Point {
    Point {
        at,
        used: used as f64,
    }
}

/// What several servers used: one entry each, in the order asked.
pub async fn server_growth(conn: &mut PgConnection, servers: &[ServerId]) -> Result<Vec<ServerGrowth>> {
    let ids: Vec<Uuid> = servers.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query!(
        r#"select server_id as "server: ServerId", at, disk_total - disk_available as "disk!",
               ram_total - ram_available as "memory!"
           from server_rollups
           where resolution = 7200 and server_id = any($1) and at >= now() - make_interval(days => $2)
           order by server_id, at"#,
        &ids,
        DAYS,
    )
    .fetch_all(conn)
    .await?;
    let mut growth = vec![ServerGrowth::default(); servers.len()];
    for row in rows {
        if let Some(index) = servers.iter().position(|id| *id == row.server) {
            growth[index].disk.push(point(row.at, row.disk));
            growth[index].memory.push(point(row.at, row.memory));
        }
    }
    Ok(growth)
}

/// How large oCore's own database was, an hour at a time.
pub async fn database_growth(conn: &mut PgConnection) -> Result<Vec<Point>> {
    let rows = sqlx::query!(
        r#"select date_bin('1 hour', at, 'epoch') as "at!", max(database_bytes) as "bytes!" from process_samples
           where at >= now() - make_interval(days => $1) and database_bytes is not null
           group by 1 order by 1"#,
        DAYS,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| point(row.at, row.bytes)).collect())
}
