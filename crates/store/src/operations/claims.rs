//! The connection of a worker's claims.

use sqlx::{Connection, Postgres, Transaction, pool::PoolConnection};

use crate::{Result, Store};

/// One connection kept for claims: each finds its statements prepared, and none has to wait for one from the pool.
#[derive(Debug)]
pub struct Claims {
    store: Store,
    connection: Option<PoolConnection<Postgres>>,
}

impl Claims {
    /// Connects when the first claim is made.
    pub const fn new(store: Store) -> Self {
        Self {
            store,
            connection: None,
        }
    }

    /// A transaction for [`claim`](super::claim). After a failure call [`Claims::reconnect`].
    pub async fn begin(&mut self) -> Result<Transaction<'_, Postgres>> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.store.connection().await?,
        };
        Ok(self.connection.insert(connection).begin().await?)
    }

    /// Lets the next claim find itself another connection.
    pub fn reconnect(&mut self) {
        self.connection = None;
    }
}
