//! Databases that are made to try out a backup, beside oCore's own on the same server.

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::Result;

/// How they are named; the second in which each was made follows.
pub const PREFIX: &str = "ocore_drill_";

/// Makes one, with nothing in it.
pub async fn make(conn: &mut PgConnection, name: &str) -> Result<()> {
    let sql = format!("create database {} template template0", quoted(name));
    sqlx::query(AssertSqlSafe(sql)).execute(conn).await?;
    Ok(())
}

/// Removes one, whoever is connected to it.
pub async fn remove(conn: &mut PgConnection, name: &str) -> Result<()> {
    let sql = format!("drop database if exists {} with (force)", quoted(name));
    sqlx::query(AssertSqlSafe(sql)).execute(conn).await?;
    Ok(())
}

/// Removes those that were made before a moment and that nobody is connected to: their drill was killed.
pub async fn remove_left_over(conn: &mut PgConnection, before: DateTime<Utc>) -> Result<()> {
    let names: Vec<String> = sqlx::query_scalar(
        r"select datname::text from pg_database d
          where datname like 'ocore\_drill\_%' and pg_has_role(datdba, 'member')
              and not exists (select from pg_stat_activity a where a.datname = d.datname)",
    )
    .fetch_all(&mut *conn)
    .await?;
    let is_old = |name: &&String| {
        let made = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('_').next()?.parse::<i64>().ok());
        made.is_some_and(|made| made < before.timestamp())
    };
    for name in names.iter().filter(is_old) {
        remove(conn, name).await?;
    }
    Ok(())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
