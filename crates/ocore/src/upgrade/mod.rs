//! `ocore upgrade`, and what `ocore serve` does at its start: from the schema that is there to this version's, with a backup
//! before it and a way back.

mod review;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::{Context, ensure};
use clap::Args;
use ocore_store::{Store, migrate, schema};
use secrecy::SecretString;
use serde_json::json;

use self::review::Review;
use crate::{
    backup::{Cause, Done, Target, Wish, connect, create},
    config::Config,
};

/// The exit code of what is not to be done: as when an operation does not end as wanted.
const NO_GO: u8 = 4;

/// What `ocore upgrade` is told.
#[derive(Args)]
pub(crate) struct Upgrade {
    /// Change nothing: tell what this version would do, and whether it may. Exit code 4 tells that it may not.
    #[arg(long)]
    check: bool,
    /// Make no backup before.
    #[arg(long)]
    no_backup: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub(crate) async fn run(wanted: Upgrade) -> anyhow::Result<ExitCode> {
    let config = Config::from_environment()?;
    let with_backup = config.upgrade_backup && !wanted.no_backup;
    let target = Target::there(&config).await?;
    let upgraded = upgrade(&wanted, &config, &target, with_backup).await;
    target.close().await;
    upgraded
}

async fn upgrade(
    wanted: &Upgrade,
    config: &Config,
    target: &Target,
    with_backup: bool,
) -> anyhow::Result<ExitCode> {
    let review = Review::of(config, &target.store, with_backup).await?;
    let may = review.against().is_empty();
    if wanted.check || !may {
        say(wanted.json, &review.json(), || review.told())?;
        return Ok(if may {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(NO_GO)
        });
    }
    let done = lift(config, &target.store, &target.url, with_backup).await?;
    let file = done.as_ref().and_then(|done| done.file.as_ref());
    let document = json!({"check": review.json(), "backup": done.as_ref().map(Done::json)});
    say(wanted.json, &document, || {
        let mut text = review.told();
        text += match (review.is_up_to_date(), file) {
            (true, _) => return text,
            (false, None) => "\nDone, without a backup.".to_owned(),
            (false, Some(file)) => format!(
                "\nDone. The way back: end every process, and with the version of before run\n  ocore backup restore {} \
                 --replace {} --identity FILE",
                file.display(),
                review.database()
            ),
        }
        .as_str();
        text
    })?;
    Ok(ExitCode::SUCCESS)
}

fn say(json: bool, document: &serde_json::Value, told: impl FnOnce() -> String) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{document}")?;
    } else {
        writeln!(out, "{}", told().trim_end())?;
    }
    Ok(out.flush()?)
}

/// Brings a database to this version when it is not, with a backup before it where that is configured.
pub(crate) async fn bring_up_to_date(
    config: &Config,
    store: &Store,
    url: &SecretString,
) -> anyhow::Result<()> {
    let done = lift(config, store, url, config.upgrade_backup).await?;
    if let Some(file) = done.and_then(|done| done.file) {
        tracing::info!(file = %file.display(), "a backup was made before the schema was changed: `ocore backup restore` is the way back");
    }
    Ok(())
}

/// The same. Of several processes that start together one does it, and the others wait for it.
async fn lift(
    config: &Config,
    store: &Store,
    url: &SecretString,
    with_backup: bool,
) -> anyhow::Result<Option<Done>> {
    let state = schema::state(&mut *store.connection().await.map_err(ocore_domain::Problem::from)?).await?;
    if state.version.is_none() || state.pending.is_empty() {
        migrate(store.pool()).await.map_err(ocore_domain::Problem::from)?;
        return Ok(None);
    }
    let turn = schema::take_turn(store).await?;
    // Another process may have done it meanwhile.
    let review = Review::of(config, store, false).await?;
    if review.is_up_to_date() {
        turn.rollback().await.map_err(ocore_store::Error::from)?;
        migrate(store.pool()).await.map_err(ocore_domain::Problem::from)?;
        return Ok(None);
    }
    let against = review.against();
    ensure!(
        against.is_empty(),
        "this version may not change the database now: {}",
        against.join("; ")
    );
    let done = match review::wish(config)? {
        Some(wish) if with_backup => Some(backup(config, store, url, wish).await?),
        Some(_) => None,
        None => {
            tracing::warn!(
                "the schema is changed without a backup: OCORE_BACKUP_DIR and OCORE_BACKUP_RECIPIENTS say where one goes and \
                 who opens it"
            );
            None
        }
    };
    let changed = migrate(store.pool()).await.map_err(ocore_domain::Problem::from);
    turn.rollback().await.map_err(ocore_store::Error::from)?;
    changed.with_context(|| match done.as_ref().and_then(|done| done.file.as_ref()) {
        Some(file) => format!(
            "the schema could not be changed; what was before is in {}",
            file.display()
        ),
        None => "the schema could not be changed".to_owned(),
    })?;
    Ok(done)
}

async fn backup(config: &Config, store: &Store, url: &SecretString, wish: Wish) -> anyhow::Result<Done> {
    debug_assert!(wish.cause == Cause::Upgrade);
    // With connections of its own: those past a pooler are few.
    let own = connect(url, store.sealer(), "the database").await?;
    let made = create(config, &own, url, wish).await;
    own.pool().close().await;
    made.context(
        "the backup before the upgrade failed, and nothing was changed. Mend that, or go without one: OCORE_UPGRADE_BACKUP=off, \
         or `ocore upgrade --no-backup`",
    )
}
