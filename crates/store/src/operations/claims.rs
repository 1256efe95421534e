//! The connection of a worker's claims.

use sqlx::{Connection, Postgres, Transaction, pool::PoolConnection};

use crate::{Result, Store};

/// One connection kept for claims: each finds its statements prepared, and none has to wait for one from the pool.
#[derive(Debug)]
pub struct Claims {
    store: Store,
    connection: Option<PoolConnection<Postgres>>,
    doubtful: bool,
}

impl Claims {
    /// Connects when the first claim is made.
    pub const fn new(store: Store) -> Self {
        Self {
            store,
            connection: None,
            doubtful: false,
        }
    }

    /// A transaction for [`claim`](super::claim). After a failure call [`Claims::reconnect`].
    pub async fn begin(&mut self) -> Result<Transaction<'_, Postgres>> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.store.own_connection().await?,
        };
        Ok(self.connection.insert(connection).begin().await?)
    }

    /// After a failure: lets the next claim find itself another connection, and remembers that the one which failed may
    /// have been made all the same.
    pub fn reconnect(&mut self) {
        self.connection = None;
        self.doubtful = true;
    }

    /// Whether a claim failed since this was last asked.
    pub const fn is_doubtful(&self) -> bool {
        self.doubtful
    }

    /// What was in doubt is settled.
    pub const fn settled(&mut self) {
        self.doubtful = false;
    }
}
