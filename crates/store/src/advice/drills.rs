//! Recovery drills: when somebody tried to bring back what would be lost.

use chrono::{DateTime, Utc};
use ocore_domain::OrganizationId;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Page, PageRequest, Result};

/// One drill.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Drill {
    pub id: Uuid,
    pub at: DateTime<Utc>,
    pub succeeded: bool,
    pub note: String,
    pub recorded_at: DateTime<Utc>,
}

/// What is to be recorded of one.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct NewDrill {
    pub at: DateTime<Utc>,
    pub succeeded: bool,
    pub note: String,
}

/// Records a drill.
pub async fn record_drill(
    conn: &mut PgConnection,
    organization: OrganizationId,
    new: &NewDrill,
) -> Result<Drill> {
    Ok(sqlx::query_as!(
        Drill,
        "insert into recovery_drills (id, organization_id, at, succeeded, note) values ($1, $2, $3, $4, $5)
         returning id, at, succeeded, note, recorded_at",
        Uuid::now_v7(),
        organization as OrganizationId,
        new.at,
        new.succeeded,
        new.note,
    )
    .fetch_one(conn)
    .await?)
}

/// The newest drill that succeeded.
pub async fn latest_drill(
    conn: &mut PgConnection,
    organization: OrganizationId,
) -> Result<Option<DateTime<Utc>>> {
    Ok(sqlx::query_scalar!(
        "select max(at) from recovery_drills where organization_id = $1 and succeeded",
        organization as OrganizationId
    )
    .fetch_one(conn)
    .await?)
}

/// Drills, the newest first. The cursor is the last one's time and id: `<microseconds>.<id>`.
pub async fn drills(
    conn: &mut PgConnection,
    organization: OrganizationId,
    page: &PageRequest,
) -> Result<Page<Drill>> {
    let before = page.cursor.as_deref().and_then(|cursor| {
        let (at, id) = cursor.split_once('.')?;
        Some((
            DateTime::from_timestamp_micros(at.parse().ok()?)?,
            id.parse::<Uuid>().ok()?,
        ))
    });
    let (at, id) = before.unzip();
    let rows = sqlx::query_as!(
        Drill,
        "select id, at, succeeded, note, recorded_at from recovery_drills
         where organization_id = $1 and ($2::timestamptz is null or (at, id) < ($2, $3))
         order by at desc, id desc limit $4",
        organization as OrganizationId,
        at,
        id,
        page.limit + 1,
    )
    .fetch_all(conn)
    .await?;
    Ok(Page::from_rows(rows, page.limit, |drill| {
        format!("{}.{}", drill.at.timestamp_micros(), drill.id)
    }))
}
