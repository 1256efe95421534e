//! `ocore backup`: copies of oCore's own database and secrets, and the way back from them. On the machine itself, with the
//! environment of `ocore serve`, like `ocore admin`.

mod archive;
mod connection;
mod create;
mod drill;
mod environment;
mod files;
mod manifest;
mod pour;
mod programs;
mod restore;
mod sealing;
mod target;
mod verify;

use std::{
    io::{self, Write},
    path::PathBuf,
};

use chrono::Utc;
use clap::{Args, Subcommand};
use ocore_store::{
    PgConnection,
    audit::{self, Entry},
    backups,
};
use serde_json::{Value, json};

pub(crate) use self::{
    create::{Cause, Done, Wish, create},
    files::{Destination, Folder},
    sealing::{Passphrase, Recipient, Seal},
    target::{Target, connect},
};
use self::{drill::Drill, restore::Restore, sealing::Identities};
use crate::config::Config;

/// What `ocore backup` does.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a backup: the database, the secrets in the environment, and the files that belong to them.
    Create(Create),
    /// List the backups in the directory, or, with `--records`, what the database tells of backups.
    List(List),
    /// Read a whole backup and say whether it is as it was written. Needs no database.
    Verify(Verify),
    /// Restore a backup into a database of its own for as long as it takes to check it, and record the drill.
    Drill(Drill),
    /// Restore a backup into an empty database, and make a control plane of it.
    Restore(Restore),
    /// Make a pair of keys: backups are made with the public one, and opened with the other, which is kept elsewhere.
    Key,
    /// Give the servers back to this control plane, though another was restored from its backup.
    TakeOver,
}

#[derive(Args)]
pub(crate) struct Create {
    /// The directory it goes to, or `-` for standard output; `OCORE_BACKUP_DIR` when left out.
    #[arg(long, value_name = "DIRECTORY")]
    to: Option<PathBuf>,
    /// A public key that opens it (`age1…`), as often as there are; `OCORE_BACKUP_RECIPIENTS` when left out.
    #[arg(long = "recipient", value_name = "KEY", conflicts_with = "passphrase_file")]
    recipients: Vec<Recipient>,
    /// A file with the passphrase that opens it; `OCORE_BACKUP_PASSPHRASE` when left out.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Leave out what was measured: the charts' past is lost, and nothing is managed by it.
    #[arg(long)]
    without_metrics: bool,
    /// How many backups stay in the directory; older ones are removed. `OCORE_BACKUP_KEEP` when left out, else all.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    keep: Option<u32>,
    /// Print one JSON document; not with `--to -`.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct List {
    /// The directory; `OCORE_BACKUP_DIR` when left out.
    #[arg(long = "in", value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
    /// What the database tells, also of those that failed and those that are elsewhere.
    #[arg(long, conflicts_with = "directory")]
    records: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct Verify {
    /// The backup, or `-` for standard input.
    file: PathBuf,
    #[command(flatten)]
    opening: Opening,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// What opens a backup.
#[derive(Args)]
pub(crate) struct Opening {
    /// A file with the secret key (`AGE-SECRET-KEY-…`) of one of its recipients.
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_file")]
    identity: Option<PathBuf>,
    /// A file with its passphrase; `OCORE_BACKUP_PASSPHRASE` when neither is given.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Opening {
    fn identities(&self) -> anyhow::Result<Identities> {
        Identities::read(self.identity.as_deref(), self.passphrase_file.as_deref())
    }
}

/// Runs it.
pub(crate) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create(wanted) => make(wanted).await,
        Command::List(wanted) => list(wanted).await,
        Command::Verify(wanted) => {
            let identities = wanted.opening.identities()?;
            let seen =
                tokio::task::spawn_blocking(move || verify::verify(&wanted.file, &identities)).await??;
            print(wanted.json, &seen, || verify::told(&seen))
        }
        Command::Drill(wanted) => drill::run(wanted).await,
        Command::Restore(wanted) => restore::run(wanted).await,
        Command::Key => key(),
        Command::TakeOver => restore::take_over(Config::from_environment()?).await,
    }
}

async fn make(wanted: Create) -> anyhow::Result<()> {
    let config = Config::from_environment()?;
    let seal = Seal::of(
        &config.backup,
        wanted.recipients,
        wanted.passphrase_file.as_deref(),
    )?;
    let wish = Wish {
        cause: Cause::Asked,
        to: files::destination(wanted.to, &config.backup)?,
        seal,
        with_metrics: !wanted.without_metrics,
        keep: wanted.keep.or(config.backup.keep),
    };
    anyhow::ensure!(
        !(wanted.json && wish.to.is_standard_output()),
        "--json prints to standard output, where the backup goes with `--to -`: use one of them"
    );
    let is_quiet = wish.to.is_standard_output();
    let target = Target::there(&config).await?;
    let made = create(&config, &target.store, &target.url, wish).await;
    target.close().await;
    let made = made?;
    if is_quiet {
        eprintln!("{}", made.told());
        return Ok(());
    }
    print(wanted.json, &made.json(), || made.told())
}

async fn list(wanted: List) -> anyhow::Result<()> {
    let config = Config::from_environment()?;
    if wanted.records {
        let target = Target::there(&config).await?;
        let rows = async { backups::list(&mut *target.store.connection().await?, 100).await }.await;
        target.close().await;
        let rows: Vec<Value> = rows?.iter().map(record).collect();
        let told = || rows.iter().map(told_record).collect::<Vec<_>>().join("\n");
        return print(wanted.json, &json!({ "backups": rows }), told);
    }
    let folder = Folder::open(wanted.directory.or_else(|| config.backup.dir.clone()))?;
    let found = folder.backups()?;
    let rows: Vec<Value> = found
        .iter()
        .map(|one| json!({"file": one.path, "madeAt": one.made_at, "bytes": one.bytes}))
        .collect();
    print(wanted.json, &json!({ "backups": rows }), || {
        let lines: Vec<String> = found
            .iter()
            .map(|one| {
                format!(
                    "{}  {:>14} bytes  {}",
                    one.made_at.format("%Y-%m-%d %H:%M:%S UTC"),
                    one.bytes,
                    one.path.display()
                )
            })
            .collect();
        if lines.is_empty() {
            format!("No backup is in {}.", folder.path().display())
        } else {
            lines.join("\n")
        }
    })
}

fn record(row: &backups::Backup) -> Value {
    json!({
        "id": row.id, "beganAt": row.began_at, "finishedAt": row.finished_at, "cause": row.cause, "host": row.host,
        "place": row.place, "withMetrics": row.with_metrics, "bytes": row.bytes, "sha256": row.sha256, "error": row.error,
    })
}

fn told_record(row: &Value) -> String {
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let end = match (&row["error"], &row["finishedAt"]) {
        (Value::String(error), _) => format!("failed: {error}"),
        (_, Value::Null) => "without an end".to_owned(),
        _ => format!("{} bytes", row["bytes"]),
    };
    let place = if text("place").is_empty() {
        "standard output".to_owned()
    } else {
        text("place")
    };
    format!(
        "{}  {:8} {end}  {place} on {}",
        text("beganAt"),
        text("cause"),
        text("host")
    )
}

fn key() -> anyhow::Result<()> {
    let (secret, public) = sealing::generate();
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "# Opens backups of oCore. Keep it where oCore is not.\n# public key: {public}"
    )?;
    writeln!(out, "{}", secrecy::ExposeSecret::expose_secret(&secret))?;
    out.flush()?;
    eprintln!("OCORE_BACKUP_RECIPIENTS={public}");
    Ok(())
}

/// One JSON document, or what people read.
fn print(json: bool, document: &Value, told: impl FnOnce() -> String) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{document}")?;
    } else {
        writeln!(out, "{}", told().trim_end())?;
    }
    Ok(out.flush()?)
}

/// Records in the installation's own chain what was done on the machine: nobody was signed in.
async fn record_act(
    conn: &mut PgConnection,
    by: &str,
    action: &str,
    after: Value,
) -> Result<(), ocore_store::Error> {
    let entry = Entry {
        at_micros: Utc::now().timestamp_micros(),
        action: action.to_owned(),
        actor_type: "system".to_owned(),
        user_name: by.to_owned(),
        resource_type: Some("control_plane".to_owned()),
        after_state: Some(after),
        ..Entry::default()
    };
    audit::append(conn, None, &entry).await.map(drop)
}

/// This machine's name.
fn host() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .unwrap_or_else(|| "unknown".to_owned())
}
