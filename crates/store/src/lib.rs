//! PostgreSQL: migrations, one file per aggregate, the queue of operations, secrets at rest, notifications.
//!
//! The functions take a connection, so that the caller says which of them share a transaction:
//!
//! ```ignore
//! let mut tx = store.begin().await?;
//! let instance = instances::insert(&mut tx, &new).await?;
//! operations::enqueue(&mut tx, &operation).await?;
//! tx.commit().await?;
//! ```

pub mod activity;
pub mod admin;
pub mod advice;
pub mod agents;
pub mod alerts;
pub mod api_keys;
pub mod audit;
pub mod availability;
pub mod backups;
pub mod changes;
pub mod channels;
pub mod checks;
pub mod connect;
pub mod connected_accounts;
pub mod deliveries;
pub mod device_logins;
pub mod drills;
pub mod dumps;
pub mod embedded;
mod error;
pub mod facts;
pub mod idempotency;
pub mod instances;
pub mod inventory;
pub mod invitations;
pub mod invite_links;
pub mod leases;
pub mod login_attempts;
pub mod members;
pub mod metrics;
mod migrate;
pub mod notifications;
pub mod one_time_tokens;
pub mod operations;
pub mod organizations;
mod page;
pub mod passkeys;
pub mod people_told;
pub mod placement;
pub mod plane;
pub mod ports;
pub mod recovery_codes;
pub mod restored;
pub mod roles;
pub mod schema;
pub mod scopes;
mod seal;
pub mod sealed;
pub mod servers;
pub mod sessions;
pub mod snapshot;
pub mod tenancy;
pub mod users;
pub mod views;

use secrecy::SecretString;
use sqlx::{AssertSqlSafe, PgPool, Postgres, Transaction, pool::PoolConnection};

use connect::{Address, Way};
pub use error::{Error, Result};
pub use migrate::{migrate, pending, require};
pub use page::{After, NotACursor, Page, PageRequest, Sorted};
pub use seal::{Place, Sealer};
pub use sqlx::PgConnection;

/// A transaction; dropped without `commit`, it changes nothing.
pub type Tx = Transaction<'static, Postgres>;

/// The database, and the key to the secrets in it.
#[derive(Clone, Debug)]
pub struct Store {
    pool: PgPool,
    sealer: Sealer,
    way: Way,
}

impl Store {
    /// Connects with a bounded pool. Does not migrate.
    pub async fn connect(
        url: &SecretString,
        connections: std::ops::RangeInclusive<u32>,
        sealer: Sealer,
    ) -> Result<Self> {
        Self::open(&Address::read(url)?, connections, sealer).await
    }

    /// The same at an address that was read already.
    pub async fn open(
        address: &Address,
        connections: std::ops::RangeInclusive<u32>,
        sealer: Sealer,
    ) -> Result<Self> {
        let (pool, way) = connect::open(address, connections).await?;
        Ok(Self { pool, sealer, way })
    }

    /// A store over a pool made elsewhere, which leads straight to the server.
    pub const fn new(pool: PgPool, sealer: Sealer) -> Self {
        Self {
            pool,
            sealer,
            way: Way::Direct,
        }
    }

    /// Whether a pooler stands in between.
    pub const fn way(&self) -> Way {
        self.way
    }

    /// Opens and seals the secrets.
    pub const fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// The pool, for the listener and the health page.
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// A transaction.
    pub async fn begin(&self) -> Result<Tx> {
        self.begin_by(None).await
    }

    /// A transaction that begins with a statement of ours.
    ///
    /// It is begun in a task of its own. Whoever asked may be gone before the answer is there, as when a browser hangs up: dropped at
    /// that moment, the pool's own way leaves the transaction open on a connection that goes back to the pool, and the next
    /// who takes it would be within that transaction, and behind the walls of its organization. The task goes on to the
    /// end, and what nobody waits for any more is rolled back.
    pub(crate) async fn begin_by(&self, statement: Option<String>) -> Result<Tx> {
        let pool = self.pool.clone();
        let begun = tokio::spawn(async move {
            match statement {
                Some(statement) => pool.begin_with(AssertSqlSafe(statement)).await,
                None => pool.begin().await,
            }
        });
        // It does not panic and is not aborted: it fails to be joined only when the process ends.
        Ok(begun.await.map_err(|_| sqlx::Error::WorkerCrashed)??)
    }

    /// A connection outside any transaction. Who begins transactions on it takes [`Store::own_connection`].
    pub async fn connection(&self) -> Result<PoolConnection<Postgres>> {
        Ok(self.pool.acquire().await?)
    }

    /// A connection to begin transactions on. It is closed when it is dropped and goes to nobody else: whoever has it may be
    /// dropped while one begins, and then that is left open, for the reason that [`Store::begin_by`] tells.
    pub async fn own_connection(&self) -> Result<PoolConnection<Postgres>> {
        let mut connection = self.connection().await?;
        connection.close_on_drop();
        Ok(connection)
    }
}
