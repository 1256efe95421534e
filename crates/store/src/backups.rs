//! Backups of oCore's own database, and the drills with them: rows that tell when there was one, and what came of it.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Result, advice::NewDrill};

/// A backup that begins.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct NewBackup {
    pub id: Uuid,
    pub cause: &'static str,
    pub host: String,
    pub place: String,
    pub ocore_version: &'static str,
    pub schema_version: i64,
    pub with_metrics: bool,
    pub sealed_for: Vec<String>,
}

/// A backup.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Backup {
    pub id: Uuid,
    pub began_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
    pub cause: String,
    pub host: String,
    pub place: String,
    pub with_metrics: bool,
    pub bytes: Option<i64>,
    pub sha256: Option<String>,
    pub error: Option<String>,
}

/// Notes that one begins.
pub async fn begin(conn: &mut PgConnection, new: &NewBackup) -> Result<()> {
    sqlx::query!(
        "insert into control_plane_backups
             (id, cause, host, place, ocore_version, schema_version, with_metrics, sealed_for)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        new.id,
        new.cause,
        new.host,
        new.place,
        new.ocore_version,
        new.schema_version,
        new.with_metrics,
        &new.sealed_for,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that one is whole and where it belongs.
pub async fn done(conn: &mut PgConnection, id: Uuid, place: &str, bytes: i64, sha256: &str) -> Result<()> {
    sqlx::query!(
        "update control_plane_backups set finished_at = now(), place = $2, bytes = $3, sha256 = $4 where id = $1",
        id,
        place,
        bytes,
        sha256,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that one did not come about.
pub async fn failed(conn: &mut PgConnection, id: Uuid, error: &str) -> Result<()> {
    sqlx::query!(
        "update control_plane_backups set finished_at = now(), error = $2 where id = $1",
        id,
        error,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The newest, the newest first.
pub async fn list(conn: &mut PgConnection, limit: i64) -> Result<Vec<Backup>> {
    Ok(sqlx::query_as!(
        Backup,
        "select id, began_at, finished_at, cause, host, place, with_metrics, bytes, sha256, error
         from control_plane_backups order by began_at desc limit $1",
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// What is known of how well the control plane could be brought back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// When the newest backup began that is whole.
    pub last_good: Option<DateTime<Utc>>,
    /// Its size.
    pub last_bytes: Option<i64>,
    /// Why the newest one failed, when a good one did not follow.
    pub last_error: Option<String>,
    /// The newest drill that succeeded.
    pub last_drill: Option<DateTime<Utc>>,
    /// Whether a drill that failed came after it.
    pub drill_failed_since: bool,
}

/// How well the control plane could be brought back.
pub async fn standing(conn: &mut PgConnection) -> Result<Standing> {
    let good = sqlx::query!(
        "select began_at, bytes from control_plane_backups
         where finished_at is not null and error is null order by began_at desc limit 1"
    )
    .fetch_optional(&mut *conn)
    .await?;
    let newest = sqlx::query!(
        "select error from control_plane_backups where finished_at is not null order by began_at desc limit 1"
    )
    .fetch_optional(&mut *conn)
    .await?;
    let drills = sqlx::query!(
        "select max(at) filter (where succeeded) as good, max(at) filter (where not succeeded) as bad
         from recovery_drills where organization_id is null"
    )
    .fetch_one(conn)
    .await?;
    Ok(Standing {
        last_good: good.as_ref().map(|row| row.began_at),
        last_bytes: good.and_then(|row| row.bytes),
        last_error: newest.and_then(|row| row.error),
        last_drill: drills.good,
        drill_failed_since: drills.bad > drills.good,
    })
}

/// Records a drill with a backup of the control plane.
pub async fn record_drill(conn: &mut PgConnection, new: &NewDrill) -> Result<Uuid> {
    let id = Uuid::now_v7();
    sqlx::query!(
        "insert into recovery_drills (id, organization_id, at, succeeded, note) values ($1, null, $2, $3, $4)",
        id,
        new.at,
        new.succeeded,
        new.note,
    )
    .execute(conn)
    .await?;
    Ok(id)
}
