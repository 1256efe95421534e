//! Whether a pooler stands between oCore and PostgreSQL.

use sqlx::{Connection, PgConnection, Row, postgres::PgConnectOptions};

use super::lifeline::UNHEARD;
use crate::Result;
use ocore_domain::{Code, Problem};

/// What leads to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Nothing in between: what is set for a session stays with it, and what is told is heard.
    Direct,
    /// A pooler: a session is only as long as a transaction.
    Pooled,
}

/// A setting of our own, which PostgreSQL takes from `options` and no pooler passes on.
const MARK: &str = "ocore.way";

/// Finds out, by a connection of its own.
///
/// It is asked for with a setting among its options. PostgreSQL takes any that has a dot in its name; a pooler, which has
/// connections of its own to the server, refuses it or drops it. So nobody has to say what they have, or to remember to.
pub(super) async fn find(options: &PgConnectOptions) -> Result<Way> {
    match PgConnection::connect_with(&direct(options)).await {
        Ok(mut conn) => {
            let told = sqlx::raw_sql("select current_setting('ocore.way', true)")
                .fetch_one(&mut conn)
                .await?;
            let told: Option<String> = told.try_get(0)?;
            let _ = conn.close().await;
            if told.as_deref() == Some("direct") {
                return Ok(Way::Direct);
            }
        }
        Err(sqlx::Error::Database(error))
            if error.code().as_deref() == Some("08P01") && error.message().contains("startup parameter") => {}
        Err(error) => return Err(error.into()),
    }
    require_tracking(options).await?;
    Ok(Way::Pooled)
}

/// The options of a connection that goes straight to the server: there the server is told to notice as quickly as oCore
/// does that the other end is gone, so that a process that vanishes holds no lock for long. And to compile no statement:
/// those about a whole fleet look dear enough to be, and it takes longer than they do.
pub(super) fn direct(options: &PgConnectOptions) -> PgConnectOptions {
    let unheard = UNHEARD.as_millis().to_string();
    options.clone().options([
        (MARK, "direct"),
        ("jit", "off"),
        ("tcp_keepalives_idle", "5"),
        ("tcp_keepalives_interval", "3"),
        ("tcp_keepalives_count", "3"),
        ("tcp_user_timeout", &unheard),
    ])
}

/// sqlx prepares statements under names and counts on them for as long as its connection lasts. A pooler in transaction mode
/// has to know of that: else a name means another statement on the next connection, or none.
async fn require_tracking(options: &PgConnectOptions) -> Result<()> {
    let mut conn = PgConnection::connect_with(options).await?;
    let tracked = async {
        let mut tx = conn.begin().await?;
        sqlx::query("select $1::integer")
            .bind(1)
            .execute(&mut *tx)
            .await?;
        let own = "select count(*)::text from pg_prepared_statements where name like 'sqlx\\_s\\_%'";
        let own: String = sqlx::raw_sql(own).fetch_one(&mut *tx).await?.try_get(0)?;
        if own == "0" {
            return Ok(true);
        }
        // Nothing of it is to stay on a connection that belongs to everybody.
        sqlx::raw_sql("deallocate all").execute(&mut *tx).await?;
        Ok(false)
    };
    let tracked = match tracked.await {
        // Somebody else's has the name, or ours is elsewhere: duplicate_prepared_statement, invalid_sql_statement_name.
        Err(sqlx::Error::Database(error)) if matches!(error.code().as_deref(), Some("42P05" | "26000")) => {
            false
        }
        tracked => tracked?,
    };
    let _ = conn.close().await;
    if tracked {
        return Ok(());
    }
    Err(Problem::new(
        Code::Internal,
        "A pooler stands in front of the database and does not keep track of prepared statements",
        "Use PgBouncer 1.21 or newer with pool_mode = transaction and max_prepared_statements = 200, or name the server \
         itself in DATABASE_URL.",
    )
    .into())
}
