//! Partitions: made ahead of time, dropped when everything in them is too old. Any number of processes may do both.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::{RAW, spans, spans::Span};
use crate::{Error, Result};

/// Who makes or drops partitions holds this lock of PostgreSQL's until the end of the transaction.
const LOCK: i64 = 0x6f43_6f72_654d; // "oCoreM"

/// How far ahead of now there are always partitions.
const AHEAD: TimeDelta = TimeDelta::minutes(30);

/// How long a partition stays after its time, so that late samples find what they belong to.
const GRACE: TimeDelta = TimeDelta::minutes(10);

/// The tables, with the resolution of what they hold.
const TABLES: &[(&str, i32)] = &[
    ("server_samples", RAW),
    ("instance_samples", RAW),
    ("server_rollups_60", 60),
    ("instance_rollups_60", 60),
    ("server_rollups_600", 600),
    ("instance_rollups_600", 600),
    ("server_rollups_7200", 7200),
    ("instance_rollups_7200", 7200),
];

/// What [`maintain`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Partitions that were made.
    pub made: usize,
    /// Partitions that were dropped, with everything in them.
    pub dropped: usize,
}

/// Makes the partitions that are needed soon and drops those whose time is over.
pub async fn maintain(conn: &mut PgConnection) -> Result<Maintained> {
    let now = now(conn).await?;
    Ok(Maintained {
        made: make_ahead(conn, now).await?,
        dropped: drop_old(conn, now).await?,
    })
}

/// The time by PostgreSQL's clock, which alone counts here: processes may be on several machines.
pub(super) async fn now(conn: &mut PgConnection) -> Result<DateTime<Utc>> {
    Ok(sqlx::query_scalar!(r#"select now() as "now!""#)
        .fetch_one(conn)
        .await?)
}

/// Makes what is missing from the oldest that is kept until a while from `now`. Reads and writes go on meanwhile: a table is
/// made by itself and then attached, which locks out neither.
pub async fn make_ahead(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<usize> {
    let mut tx = conn.begin().await?;
    sqlx::query!("select pg_advisory_xact_lock($1)", LOCK)
        .execute(&mut *tx)
        .await?;
    let mut made = 0;
    for &(table, resolution) in TABLES {
        let keep = keep(&mut tx, resolution).await?.num_seconds();
        let length = spans::length(keep);
        let (from, until) = (now.timestamp() - keep, (now + AHEAD).timestamp());
        let mut there = existing(&mut tx, table).await?;
        let missing = spans::missing(&there, from, until, length);
        for span in &missing {
            create(&mut tx, table, resolution, *span).await?;
        }
        made += missing.len();
        there.extend(missing);
        let ends = (
            there.iter().map(|span| span.from).min(),
            there.iter().map(|span| span.until).max(),
        );
        if let (Some(kept_from), Some(kept_until)) = ends {
            sqlx::query!(
                "update metric_resolutions set kept_from = to_timestamp($2), kept_until = to_timestamp($3)
                 where resolution = $1
                     and (kept_from, kept_until) is distinct from (to_timestamp($2), to_timestamp($3))",
                resolution,
                seconds(kept_from),
                seconds(kept_until),
            )
            .execute(&mut *tx)
            .await?;
        }
    }
    tx.commit().await?;
    Ok(made)
}

/// Drops partitions in which everything is older than it is kept. One that is being read at length is left for the next
/// time: nobody waits for it.
pub async fn drop_old(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<usize> {
    let mut dropped = 0;
    for &(table, resolution) in TABLES {
        let over = (now - keep(conn, resolution).await? - GRACE).timestamp();
        let old = existing(conn, table).await?;
        for span in old.into_iter().filter(|span| span.until <= over) {
            match drop_one(conn, &name(table, span)).await {
                Ok(()) => dropped += 1,
                // lock_not_available
                Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("55P03") => {
                    tracing::debug!(table, "an old partition is in use; it is dropped later");
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(dropped)
}

async fn drop_one(conn: &mut PgConnection, name: &str) -> Result<(), sqlx::Error> {
    let mut tx = conn.begin().await?;
    // Dropping locks the whole table for a moment, and while it waits for that everybody else waits behind it.
    sqlx::query("set local lock_timeout = '200ms'")
        .execute(&mut *tx)
        .await?;
    sqlx::query!("select pg_advisory_xact_lock($1)", LOCK)
        .execute(&mut *tx)
        .await?;
    sqlx::query(AssertSqlSafe(format!("drop table if exists {name}")))
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

async fn keep(conn: &mut PgConnection, resolution: i32) -> Result<TimeDelta> {
    let seconds = sqlx::query_scalar!(
        r#"select extract(epoch from keep)::bigint as "keep!" from metric_resolutions where resolution = $1"#,
        resolution,
    )
    .fetch_one(conn)
    .await?;
    TimeDelta::try_seconds(seconds).ok_or_else(|| Error::Row(format!("{seconds} s are kept")))
}

/// A partition's name tells what it covers.
fn name(table: &str, span: Span) -> String {
    format!("{table}_{}_{}", span.from, span.until)
}

async fn existing(conn: &mut PgConnection, table: &str) -> Result<Vec<Span>> {
    let names = sqlx::query_scalar!(
        r#"select c.relname::text as "name!" from pg_inherits i join pg_class c on c.oid = i.inhrelid
           where i.inhparent = $1::text::regclass"#,
        table,
    )
    .fetch_all(conn)
    .await?;
    let span = |name: &str| {
        let (rest, until) = name.rsplit_once('_')?;
        let (_, from) = rest.rsplit_once('_')?;
        Some(Span {
            from: from.parse().ok()?,
            until: until.parse().ok()?,
        })
    };
    names
        .iter()
        .map(|name| span(name).ok_or_else(|| Error::Row(format!("{name} is no partition of ours"))))
        .collect()
}

async fn create(conn: &mut PgConnection, table: &str, resolution: i32, span: Span) -> Result<()> {
    let name = name(table, span);
    // What lives for an hour is not worth a vacuum.
    let storage = if resolution == RAW {
        "with (autovacuum_vacuum_insert_threshold = -1)"
    } else {
        ""
    };
    let sql = format!(
        "create table {name} (like {table} including all) {storage};
         alter table {name} enable row level security;
         alter table {table} attach partition {name} for values from (to_timestamp({})) to (to_timestamp({}))",
        span.from, span.until,
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(conn).await?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far from 2^52")]
const fn seconds(at: i64) -> f64 {
    at as f64
}
