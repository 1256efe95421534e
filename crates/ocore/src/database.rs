//! The database: the one that is configured, or oCore's own.

pub(crate) mod check;
mod finding;
mod judge;

use std::{ops::RangeInclusive, time::Duration};

use ocore_domain::Problem;
use ocore_store::{
    Sealer, Store,
    connect::{Address, Way, failure},
    embedded::Embedded,
    metrics,
    notifications::Notifications,
};
use tokio::time::{Instant, sleep, timeout};

use crate::{config::Config, upgrade};

/// Connections past a pooler. An upgrade holds two of them, its turn and the lock of migrations, while it works by a third;
/// later one listens.
const DIRECT: RangeInclusive<u32> = 0..=3;
/// The pause between two attempts to reach the database.
const PAUSE: Duration = Duration::from_secs(2);
/// How long connections may take to be given back at the end.
const CLOSING: Duration = Duration::from_secs(5);

/// The database.
pub(crate) struct Database {
    pub(crate) store: Store,
    /// Past any pooler, for `LISTEN`.
    pub(crate) direct: Option<Store>,
    embedded: Option<Embedded>,
    /// Where it is.
    pub(crate) address: Address,
    /// What it is, for people. Without a password.
    pub(crate) name: String,
}

impl Database {
    /// Connects, starting oCore's own PostgreSQL when none is configured, and runs the migrations that have not run.
    ///
    /// A configured one that does not answer yet is waited for, for ever or for `patience`.
    pub(crate) async fn open(config: &Config, patience: Option<Duration>) -> anyhow::Result<Self> {
        let database = Self::reach(config, patience).await?;
        match database.bring_up_to_date(config).await {
            Ok(()) => Ok(database),
            Err(error) => {
                database.close().await;
                Err(error)
            }
        }
    }

    /// The same, and changes nothing in it.
    pub(crate) async fn reach(config: &Config, patience: Option<Duration>) -> anyhow::Result<Self> {
        let sealer = Sealer::new(&config.encryption_key()?, &[]);
        let until = patience.map(|patience| Instant::now() + patience);
        let connections = config.database_connections.clone();
        let (embedded, address, name, mend) = if let Some(address) = &config.database_url {
            let name = format!("PostgreSQL at {}", address.shown());
            (None, address.clone(), name, "Check DATABASE_URL.".to_owned())
        } else {
            let own = Embedded::start(&config.data_dir, config.postgres_programs.as_deref()).await?;
            let name = format!("its own PostgreSQL in {}", own.directory().display());
            let mend = format!(
                "Look at its log in {}, or set DATABASE_URL to a PostgreSQL of your own.",
                own.directory().join("log").display()
            );
            let address = Address::read(&own.url())?;
            (Some(own), address, name, mend)
        };
        let reached = async {
            let store = connect(&address, &name, &mend, connections, &sealer, until).await?;
            let direct = match &config.database_direct_url {
                Some(address) => {
                    let name = format!("PostgreSQL at {}", address.shown());
                    let mend = "Check DATABASE_DIRECT_URL.";
                    Some(connect(address, &name, mend, DIRECT, &sealer, until).await?)
                }
                None => None,
            };
            tell_of_pooler(&store, direct.as_ref())?;
            anyhow::Ok((store, direct))
        };
        match reached.await {
            Ok((store, direct)) => Ok(Self {
                store,
                direct,
                embedded,
                address,
                name,
            }),
            Err(error) => {
                if let Some(own) = embedded {
                    own.stop().await;
                }
                Err(error)
            }
        }
    }

    async fn bring_up_to_date(&self, config: &Config) -> anyhow::Result<()> {
        let way = config.database_direct_url.as_ref().unwrap_or(&self.address);
        upgrade::bring_up_to_date(config, self.direct.as_ref().unwrap_or(&self.store), way.url()).await?;
        let mut conn = self.store.connection().await.map_err(Problem::from)?;
        metrics::set_retention(&mut conn, &config.metrics_retention)
            .await
            .map_err(Problem::from)?;
        Ok(())
    }

    /// What is heard of the rows from now on.
    pub(crate) fn notifications(&self) -> Notifications {
        let store = self.direct.as_ref().unwrap_or(&self.store);
        match store.way() {
            Way::Direct => Notifications::listen(store.pool().clone()),
            Way::Pooled => Notifications::poll(store.pool().clone()),
        }
    }

    /// Closes every connection, and stops oCore's own PostgreSQL unless another process uses it.
    pub(crate) async fn close(self) {
        for store in [Some(self.store), self.direct].into_iter().flatten() {
            if timeout(CLOSING, store.pool().close()).await.is_err() {
                tracing::warn!("connections to the database were still in use at the end");
            }
        }
        if let Some(embedded) = self.embedded {
            embedded.stop().await;
        }
    }
}

/// What follows from a pooler. Nothing of it is wrong but a way around it that is none.
fn tell_of_pooler(store: &Store, direct: Option<&Store>) -> anyhow::Result<()> {
    match (store.way(), direct.map(Store::way)) {
        (_, Some(Way::Pooled)) => anyhow::bail!(
            "DATABASE_DIRECT_URL leads to a pooler, by which nothing is heard. Name the PostgreSQL server itself, or take \
             the variable out: oCore then looks for changes about once a second."
        ),
        (Way::Pooled, None) => tracing::warn!(
            "a pooler stands in front of the database, and DATABASE_DIRECT_URL is not set: nothing is heard of changes, so \
             oCore looks for them about once a second"
        ),
        (Way::Pooled, Some(Way::Direct)) => {
            tracing::info!("a pooler stands in front of the database; changes are heard past it");
        }
        (Way::Direct, _) => {}
    }
    Ok(())
}

async fn connect(
    address: &Address,
    name: &str,
    mend: &str,
    connections: RangeInclusive<u32>,
    sealer: &Sealer,
    until: Option<Instant>,
) -> anyhow::Result<Store> {
    tracing::info!("connecting to {name}");
    loop {
        let error = match Store::open(address, connections.clone(), sealer.clone()).await {
            Ok(store) => return Ok(store),
            Err(error) => error,
        };
        if let ocore_store::Error::Database(error) = &error
            && let Some(failure) = failure(error, address)
        {
            anyhow::bail!("{name} cannot be used: {}. {}", failure.what, failure.mend);
        }
        if error.is_unavailable() && until.is_none_or(|until| Instant::now() < until) {
            tracing::warn!("{name} does not answer yet ({error}); trying again");
            sleep(PAUSE).await;
            continue;
        }
        if let ocore_store::Error::Problem(problem) = error {
            anyhow::bail!("{name} cannot be used: {}. {}", problem.detail, problem.mend);
        }
        // A dot may stand there already.
        let error = error.to_string();
        let error = error.trim_end_matches('.');
        anyhow::bail!("{name} cannot be used: {error}. {mend}");
    }
}
