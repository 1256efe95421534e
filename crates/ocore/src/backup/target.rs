//! The database that is copied or restored into, as it is: nothing is migrated.

use std::time::Duration;

use anyhow::{Context, ensure};
use ocore_store::{Sealer, Store, embedded::Embedded};
use secrecy::SecretString;
use tokio::time::timeout;

use crate::config::Config;

/// Connections that this takes: one reads, one writes, one is counted by.
const CONNECTIONS: std::ops::RangeInclusive<u32> = 0..=4;
/// How long connections may take to be given back at the end.
const CLOSING: Duration = Duration::from_secs(5);

/// A database that this process is connected to.
pub(crate) struct Target {
    pub(crate) store: Store,
    /// Past any pooler: a copy needs a session of its own.
    pub(crate) url: SecretString,
    embedded: Option<Embedded>,
    /// What it is, for people. Without a password.
    pub(crate) name: String,
}

impl Target {
    /// The one that is configured, which has to be there already.
    pub(crate) async fn there(config: &Config) -> anyhow::Result<Self> {
        let cluster = config.data_dir.join("postgres/PG_VERSION");
        ensure!(
            config.database_url.is_some() || cluster.exists(),
            "there is no database in {}, and DATABASE_URL is not set: run this with the environment of `ocore serve`",
            config.data_dir.display()
        );
        Self::open(config, &Sealer::new(&config.encryption_key()?, &[])).await
    }

    /// The one that is configured; oCore's own is made where there is none.
    pub(crate) async fn open(config: &Config, sealer: &Sealer) -> anyhow::Result<Self> {
        if let Some(address) = config
            .database_direct_url
            .as_ref()
            .or(config.database_url.as_ref())
        {
            let name = format!("PostgreSQL at {}", address.shown());
            let store = connect(address.url(), sealer, &name).await?;
            return Ok(Self {
                store,
                url: address.url().clone(),
                embedded: None,
                name,
            });
        }
        Self::embedded(&config.data_dir, config, sealer).await
    }

    /// A PostgreSQL of oCore's own in a directory.
    pub(crate) async fn embedded(
        data_dir: &std::path::Path,
        config: &Config,
        sealer: &Sealer,
    ) -> anyhow::Result<Self> {
        let own = Embedded::start(data_dir, config.postgres_programs.as_deref()).await?;
        let name = format!("its own PostgreSQL in {}", own.directory().display());
        let url = own.url();
        match connect(&url, sealer, &name).await {
            Ok(store) => Ok(Self {
                store,
                url,
                embedded: Some(own),
                name,
            }),
            Err(error) => {
                own.stop().await;
                Err(error)
            }
        }
    }

    /// Closes every connection, and stops oCore's own PostgreSQL unless another process uses it.
    pub(crate) async fn close(self) {
        let _ = timeout(CLOSING, self.store.pool().close()).await;
        if let Some(embedded) = self.embedded {
            embedded.stop().await;
        }
    }
}

/// A store over a database, by few connections.
pub(crate) async fn connect(url: &SecretString, sealer: &Sealer, name: &str) -> anyhow::Result<Store> {
    Store::connect(url, CONNECTIONS, sealer.clone())
        .await
        .with_context(|| format!("{name} cannot be used; check DATABASE_URL"))
}
