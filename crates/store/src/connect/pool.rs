//! The pool: what a new connection must be, and when one is not used again.

use std::{
    ops::RangeInclusive,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use sqlx::{PgConnection, PgPool, Row, postgres::PgPoolOptions};
use tokio::time::timeout;

use super::{Address, Way, lifeline, way};
use crate::Result;

/// For how long a connection is taken to be as well as it was when it came back to the pool, which is when it is tried. To
/// try it again before each use is a message there and back for each transaction of a process that has much to do.
const TRUSTED: Duration = Duration::from_millis(100);
/// How long a connection may take to answer when it is tried.
const ANSWER: Duration = Duration::from_secs(3);
/// How long a caller waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(10);
/// How long a connection is not trusted without being tried, after one led to a server that only reads.
const DOUBT: i64 = 30;

/// When a server was last found to be read-only, in seconds since the epoch.
static DOUBTED: AtomicI64 = AtomicI64::new(0);

/// A server refused to write: it is a standby, or was made one. From now on connections are tried before each use for a
/// while, and those that lead to it are closed.
pub(crate) fn doubt() {
    DOUBTED.store(chrono::Utc::now().timestamp(), Ordering::Relaxed);
}

fn is_in_doubt() -> bool {
    chrono::Utc::now().timestamp() - DOUBTED.load(Ordering::Relaxed) < DOUBT
}

/// A bounded pool of connections to the primary, and the way there.
pub(crate) async fn open(address: &Address, connections: RangeInclusive<u32>) -> Result<(PgPool, Way)> {
    let way = timeout(ACQUIRE, way::find(address.options()))
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut.into()))?;
    let options = match way {
        Way::Direct => way::direct(address.options()),
        Way::Pooled => address.options().clone(),
    };
    let port = address.host().map(|_| address.port());
    let pool = PgPoolOptions::new()
        .min_connections(*connections.start())
        .max_connections(*connections.end())
        .acquire_timeout(ACQUIRE)
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                if let Some(port) = port {
                    lifeline::tie(port);
                }
                if writes(connection).await? {
                    return Ok(());
                }
                let reason = "the server only reads: it is a standby, or is about to become the primary";
                Err(sqlx::Error::Protocol(reason.to_owned()))
            })
        })
        .before_acquire(|connection, about| {
            Box::pin(async move {
                if about.idle_for <= TRUSTED && !is_in_doubt() {
                    return Ok(true);
                }
                writes(connection).await
            })
        })
        .connect_with(options)
        .await?;
    Ok((pool, way))
}

/// Whether the server on the other end is one that writes. It is also a sign of life.
async fn writes(connection: &mut PgConnection) -> sqlx::Result<bool> {
    let asked = sqlx::raw_sql("show transaction_read_only").fetch_one(connection);
    let row = timeout(ANSWER, asked)
        .await
        .unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
    let read_only: String = row.try_get(0)?;
    Ok(read_only == "off")
}
