//! Rollups: made from what is finer when a bucket of time is over, and made anew where samples came late.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use super::{
    ROLLUPS, partitions,
    rollup_sql::{KINDS, Which, finer},
};
use crate::Result;

/// How long a minute is waited for after it is over: an agent brings its samples after half a minute. What comes later than
/// 45 seconds is noted as late by whoever writes it, which leaves 15 seconds for that statement to end in.
const SETTLED: TimeDelta = TimeDelta::seconds(60);

/// Buckets made in one transaction.
const AT_ONCE: i64 = 10;

/// What was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RolledUp {
    /// Rows of rollups.
    pub rows: u64,
    /// Minutes of servers and instances for which samples had come late.
    pub late: usize,
}

/// Makes what is missing by now. Twice makes the same; two processes at once wait for one another.
pub async fn roll_up(conn: &mut PgConnection) -> Result<RolledUp> {
    let now = partitions::now(conn).await?;
    roll_up_at(conn, now).await
}

/// The same as if it were another time.
pub async fn roll_up_at(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<RolledUp> {
    let mut made = RolledUp::default();
    for resolution in ROLLUPS {
        while let Some(rows) = advance(conn, resolution, now).await? {
            made.rows += rows;
        }
    }
    again(conn, &mut made).await?;
    Ok(made)
}

/// Makes the next buckets of one resolution; none when there are none yet.
async fn advance(conn: &mut PgConnection, resolution: i32, now: DateTime<Utc>) -> Result<Option<u64>> {
    let mut tx = conn.begin().await?;
    let done = sqlx::query_scalar!(
        "select rolled_until from metric_resolutions where resolution = $1 for update",
        resolution,
    )
    .fetch_one(&mut *tx)
    .await?;
    let source = sqlx::query!(
        "select kept_from, rolled_until from metric_resolutions where resolution = $1",
        finer(resolution),
    )
    .fetch_one(&mut *tx)
    .await?;
    let ready = if resolution == ROLLUPS[0] {
        Some(now - SETTLED)
    } else {
        source.rolled_until
    };
    // Nothing is kept yet, or nothing was made of what is finer.
    let Some((kept_from, ready)) = source.kept_from.zip(ready) else {
        return Ok(None);
    };
    let from = done.map_or(kept_from, |done| done.max(kept_from));
    let from = bucket(from, resolution);
    let until = bucket(ready, resolution).min(from + TimeDelta::seconds(AT_ONCE * i64::from(resolution)));
    if until <= from {
        return Ok(None);
    }
    let mut rows = 0;
    for kind in KINDS {
        for sql in [
            kind.delete(resolution, Which::Between),
            kind.insert(resolution, Which::Between),
        ] {
            let done = sqlx::query(AssertSqlSafe(sql)).bind(from).bind(until);
            rows += done.execute(&mut *tx).await?.rows_affected();
        }
    }
    sqlx::query!(
        "update metric_resolutions set rolled_until = $2 where resolution = $1",
        resolution,
        until,
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Some(rows))
}

/// Makes anew what samples came late for, from the finest on.
async fn again(conn: &mut PgConnection, made: &mut RolledUp) -> Result<()> {
    let mut tx = conn.begin().await?;
    let done = sqlx::query!(
        "select resolution, rolled_until from metric_resolutions order by resolution for update"
    )
    .fetch_all(&mut *tx)
    .await?;
    let done = |resolution| {
        let of = done.iter().find(|row| row.resolution == resolution);
        of.and_then(|row| row.rolled_until)
    };
    let Some(minutes_done) = done(ROLLUPS[0]) else {
        return Ok(());
    };
    let late = sqlx::query!(
        "delete from metric_late where at < $1 returning subject_id, at",
        minutes_done
    )
    .fetch_all(&mut *tx)
    .await?;
    if late.is_empty() {
        return Ok(());
    }
    made.late += late.len();
    for resolution in ROLLUPS {
        let Some(done) = done(resolution) else { continue };
        let buckets: BTreeSet<(Uuid, DateTime<Utc>)> = late
            .iter()
            .map(|late| (late.subject_id, bucket(late.at, resolution)))
            .filter(|(_, at)| *at < done)
            .collect();
        let (subjects, times): (Vec<Uuid>, Vec<DateTime<Utc>>) = buckets.into_iter().unzip();
        for kind in KINDS {
            for sql in [
                kind.delete(resolution, Which::These),
                kind.insert(resolution, Which::These),
            ] {
                let written = sqlx::query(AssertSqlSafe(sql)).bind(&subjects).bind(&times);
                made.rows += written.execute(&mut *tx).await?.rows_affected();
            }
        }
    }
    tx.commit().await?;
    Ok(())
}

/// The beginning of the bucket that a time lies in.
fn bucket(at: DateTime<Utc>, resolution: i32) -> DateTime<Utc> {
    let seconds = at.timestamp().rem_euclid(i64::from(resolution));
    let whole = DateTime::from_timestamp(at.timestamp() - seconds, 0);
    whole.unwrap_or(at)
}
