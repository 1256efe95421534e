//! The database: the one that is configured, or oCore's own.

use std::time::Duration;

use ocore_domain::Problem;
use ocore_store::{Sealer, Store, embedded::Embedded, metrics, notifications::Notifications};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, sleep, timeout};

use crate::{config::Config, upgrade};

/// The pause between two attempts to reach the database.
const PAUSE: Duration = Duration::from_secs(2);
/// How long connections may take to be given back at the end.
const CLOSING: Duration = Duration::from_secs(5);

/// The database, up to date.
pub(crate) struct Database {
    pub(crate) store: Store,
    /// Past any pooler, for `LISTEN`.
    direct: Option<Store>,
    embedded: Option<Embedded>,
    /// What it is, for people. Without a password.
    pub(crate) name: String,
}

impl Database {
    /// Connects, starting oCore's own PostgreSQL when none is configured, and runs the migrations that have not run.
    ///
    /// A configured one that does not answer yet is waited for, for ever or for `patience`.
    pub(crate) async fn open(config: &Config, patience: Option<Duration>) -> anyhow::Result<Self> {
        if let Some(url) = &config.database_url {
            let name = format!("PostgreSQL at {}", shown(url));
            let (store, direct) = prepare(config, url, &name, "Check DATABASE_URL.", patience).await?;
            return Ok(Self {
                store,
                direct,
                embedded: None,
                name,
            });
        }
        let own = Embedded::start(&config.data_dir, config.postgres_programs.as_deref()).await?;
        let name = format!("its own PostgreSQL in {}", own.directory().display());
        let mend = format!(
            "Look at its log in {}, or set DATABASE_URL to a PostgreSQL of your own.",
            own.directory().join("log").display()
        );
        match prepare(config, &own.url(), &name, &mend, patience).await {
            Ok((store, direct)) => Ok(Self {
                store,
                direct,
                embedded: Some(own),
                name,
            }),
            Err(error) => {
                own.stop().await;
                Err(error)
            }
        }
    }

    /// What is heard of the rows from now on.
    pub(crate) fn notifications(&self) -> Notifications {
        Notifications::listen(self.direct.as_ref().unwrap_or(&self.store).pool().clone())
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

/// Connects, also past a pooler if there is one, and migrates. `mend` is what to do when `url` cannot be used.
async fn prepare(
    config: &Config,
    url: &SecretString,
    name: &str,
    mend: &str,
    patience: Option<Duration>,
) -> anyhow::Result<(Store, Option<Store>)> {
    let sealer = Sealer::new(&config.encryption_key()?, &[]);
    let until = patience.map(|patience| Instant::now() + patience);
    let connections = config.database_connections.clone();
    let store = connect(url, name, mend, connections, &sealer, until).await?;
    let direct = match &config.database_direct_url {
        Some(url) => {
            let name = format!("PostgreSQL at {}", shown(url));
            Some(connect(url, &name, "Check DATABASE_DIRECT_URL.", 0..=2, &sealer, until).await?)
        }
        None => None,
    };
    let way = config.database_direct_url.as_ref().unwrap_or(url);
    upgrade::bring_up_to_date(config, direct.as_ref().unwrap_or(&store), way).await?;
    let mut conn = store.connection().await.map_err(Problem::from)?;
    metrics::set_retention(&mut conn, &config.metrics_retention)
        .await
        .map_err(Problem::from)?;
    drop(conn);
    Ok((store, direct))
}

async fn connect(
    url: &SecretString,
    name: &str,
    mend: &str,
    connections: std::ops::RangeInclusive<u32>,
    sealer: &Sealer,
    until: Option<Instant>,
) -> anyhow::Result<Store> {
    tracing::info!("connecting to {name}");
    loop {
        match Store::connect(url, connections.clone(), sealer.clone()).await {
            Ok(store) => return Ok(store),
            Err(error) if error.is_unavailable() && until.is_none_or(|until| Instant::now() < until) => {
                tracing::warn!("{name} does not answer yet ({error}); trying again");
                sleep(PAUSE).await;
            }
            Err(error) => {
                // A dot may stand there already.
                let error = error.to_string();
                let error = error.trim_end_matches('.');
                return Err(anyhow::anyhow!("{name} cannot be used: {error}. {mend}"));
            }
        }
    }
}

/// A database URL as it may be shown: without user, password and parameters.
pub(crate) fn shown(url: &SecretString) -> String {
    let url = url.expose_secret();
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    rest.split(['?', '#']).next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_secrets() {
        for (url, text) in [
            (
                "postgres://ocore:canary@db:5432/ocore?password=canary",
                "db:5432/ocore",
            ),
            ("postgresql://u:can@ary@[::1]/x", "[::1]/x"),
            ("postgres:///ocore?host=/run/postgresql", "/ocore"),
        ] {
            assert_eq!(shown(&url.into()), text);
        }
    }
}
