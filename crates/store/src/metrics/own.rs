//! Figures of oCore itself.

use chrono::{TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::{NoContext, Timestamp, Uuid};

use crate::Result;

/// Operations of one kind in one state.
#[derive(Clone, Debug)]
pub struct Operations {
    /// What they do.
    pub kind: String,
    /// How far they are.
    pub state: String,
    /// How many.
    pub count: i64,
    /// For how many seconds the oldest could have been taken up.
    pub oldest_seconds: f64,
}

/// Operations that have not ended.
pub async fn queue(conn: &mut PgConnection) -> Result<Vec<Operations>> {
    Ok(sqlx::query_as!(
        Operations,
        r#"select kind, state, count(*) as "count!",
               greatest(extract(epoch from now() - min(run_at)), 0)::float8 as "oldest_seconds!"
           from operations where finished_at is null group by kind, state order by kind, state"#
    )
    .fetch_all(conn)
    .await?)
}

/// Operations that were asked for in the last 24 hours and have ended.
pub async fn created_within_a_day(conn: &mut PgConnection) -> Result<Vec<Operations>> {
    let since = (Utc::now() - TimeDelta::days(1)).timestamp();
    // Identifiers are ordered by their time, so that the key finds them.
    let first = Uuid::new_v7(Timestamp::from_unix(
        NoContext,
        u64::try_from(since).unwrap_or(0),
        0,
    ));
    Ok(sqlx::query_as!(
        Operations,
        r#"select kind, state, count(*) as "count!", 0::float8 as "oldest_seconds!" from operations
           where id >= $1 and finished_at is not null group by kind, state order by kind, state"#,
        first,
    )
    .fetch_all(conn)
    .await?)
}

/// Up to how many seconds ago rollups were made, by resolution.
pub async fn rollup_ages(conn: &mut PgConnection) -> Result<Vec<(i32, f64)>> {
    let rows = sqlx::query!(
        r#"select resolution, extract(epoch from now() - rolled_until)::float8 as "age!" from metric_resolutions
           where rolled_until is not null order by resolution"#
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.resolution, row.age)).collect())
}

/// Whether any process leads.
pub async fn is_led(conn: &mut PgConnection) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"select exists (select from leases where name = 'leader' and expires_at > now()) as "led!""#
    )
    .fetch_one(conn)
    .await?)
}
