//! `ocore admin create`: makes an administrator's key, straight in the database.

use std::{io::Write, time::Duration};

use anyhow::ensure;
use ocore_domain::OrganizationId;
use ocore_store::api_keys::{self, NewApiKey};
use secrecy::ExposeSecret;

use crate::{config::Config, database::Database};

/// How long a database that does not answer is waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// Makes an administrator's key and prints it, which is the only time it can be read.
pub(crate) async fn create(config: Config, name: &str) -> anyhow::Result<()> {
    let fits = (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    ensure!(
        fits,
        "--name must have 1 to 100 characters, none of them a control character"
    );
    let database = Database::open(&config, Some(PATIENCE)).await?;
    let made = async {
        let mut conn = database.store.connection().await?;
        let key = NewApiKey::administrator(OrganizationId::DEFAULT, name);
        api_keys::create(&mut conn, &key).await
    };
    let made = made.await;
    database.close().await;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", made?.1.expose_secret())?;
    Ok(out.flush()?)
}
