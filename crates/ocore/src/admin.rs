//! `ocore admin create`: makes an administrator's key or account, straight in the database.

use std::{io::Write, time::Duration};

use anyhow::{Context, ensure};
use chrono::{TimeDelta, Utc};
use ocore_domain::{OrganizationId, UserId};
use ocore_identity::{opaque, password};
use ocore_store::{
    Store,
    api_keys::{self, NewApiKey},
    audit::{self, Entry},
    one_time_tokens::{self, Purpose},
    users::{self, NewUser},
};
use secrecy::{ExposeSecret, SecretString};

use crate::{config::Config, database::Database};

/// How long a database that does not answer is waited for.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long the link is good by which an administrator chooses a password.
const LINK: TimeDelta = TimeDelta::days(1);

/// Makes an administrator's key and prints it, which is the only time it can be read.
pub(crate) async fn create(config: Config, name: &str) -> anyhow::Result<()> {
    check_name(name)?;
    let database = Database::open(&config, Some(PATIENCE)).await?;
    let made = async {
        let mut conn = database.store.connection().await?;
        let key = NewApiKey::administrator(OrganizationId::DEFAULT, name);
        api_keys::create(&mut conn, &key).await
    };
    let made = made.await;
    database.close().await;
    print(made?.1.expose_secret())
}

/// Makes the account of an administrator, or makes an account there is one; prints a link to a new password unless a
/// password is given.
pub(crate) async fn create_account(
    config: Config,
    email: &str,
    name: &str,
    password: Option<SecretString>,
) -> anyhow::Result<()> {
    check_name(name)?;
    ensure!(
        ocore_mail::is_address(email),
        "--email must be an e-mail address such as name@example.com"
    );
    let hash = match password {
        Some(password) => Some(password::hash(password).await?),
        None => None,
    };
    let database = Database::open(&config, Some(PATIENCE)).await?;
    let made = make(&database.store, email, name, hash.as_deref()).await;
    database.close().await;
    match made? {
        Some(token) => print(&format!(
            "{}/reset-password?token={}",
            config.app_url(),
            token.expose_secret()
        )),
        None => print(&format!("{email} administers this installation.")),
    }
}

/// One line from standard input.
pub(crate) fn password_from_stdin() -> anyhow::Result<SecretString> {
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .context("the password cannot be read from standard input")?;
    Ok(line.trim_end_matches(['\r', '\n']).into())
}

/// A token for a new password, when none was given.
async fn make(
    store: &Store,
    email: &str,
    name: &str,
    hash: Option<&str>,
) -> anyhow::Result<Option<SecretString>> {
    let mut tx = store.begin().await?;
    let id = if let Some(user) = users::by_email(&mut tx, email).await? {
        user.id
    } else {
        let new = NewUser {
            email: email.to_owned(),
            name: name.to_owned(),
            password_hash: None,
            is_verified: true,
            is_server_admin: true,
        };
        users::insert(&mut tx, &new).await?
    };
    users::set_server_admin(&mut tx, id).await?;
    users::join_default(&mut tx, id).await?;
    let token = if let Some(hash) = hash {
        users::set_password(&mut tx, id, hash).await?;
        None
    } else {
        let (token, hash) = opaque::generate("reset_");
        one_time_tokens::insert(&mut tx, Purpose::ResetPassword, &hash, Some(id), &[], LINK).await?;
        Some(token)
    };
    audit::append(&mut tx, None, &entry(id, email)).await?;
    tx.commit().await?;
    Ok(token)
}

/// The record of it: nobody was signed in, somebody was on the machine.
fn entry(id: UserId, email: &str) -> Entry {
    Entry {
        at_micros: Utc::now().timestamp_micros(),
        action: "user.administrator_made".to_owned(),
        actor_type: "system".to_owned(),
        user_id: None,
        api_key_id: None,
        user_name: "ocore admin create".to_owned(),
        resource_type: Some("user".to_owned()),
        resource_id: Some(id.to_string()),
        resource_name: Some(email.to_owned()),
        before_state: None,
        after_state: None,
        ip_address: None,
        user_agent: None,
        request_id: None,
    }
}

fn check_name(name: &str) -> anyhow::Result<()> {
    let fits = (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    ensure!(
        fits,
        "--name must have 1 to 100 characters, none of them a control character"
    );
    Ok(())
}

fn print(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
