//! Which installation this is, and whether another one was restored from its backup and has the servers now.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Result;

/// This control plane among all that came from the same backups.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Plane {
    pub installation_id: Uuid,
    pub epoch: i64,
    pub restored_at: Option<DateTime<Utc>>,
    pub restored_from: Option<DateTime<Utc>>,
    pub superseded_by: Option<i64>,
}

/// This control plane.
pub async fn get(conn: &mut PgConnection) -> Result<Plane> {
    Ok(sqlx::query_as!(
        Plane,
        "select installation_id, epoch, restored_at, restored_from, superseded_by from control_plane"
    )
    .fetch_one(conn)
    .await?)
}

/// Notes that a server was marked by one that was restored later. All processes of this one end.
pub async fn supersede(conn: &mut PgConnection, by: i64) -> Result<()> {
    sqlx::query!(
        "update control_plane set superseded_by = $1, superseded_at = coalesce(superseded_at, now())
         where epoch < $1 and superseded_by is distinct from $1",
        by
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Makes this one the last: those that have the servers now find out and end. Answers its epoch.
pub async fn take_over(conn: &mut PgConnection) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        "update control_plane set epoch = greatest(epoch, coalesce(superseded_by, 0)) + 1, superseded_by = null,
             superseded_at = null
         returning epoch"
    )
    .fetch_one(conn)
    .await?)
}
