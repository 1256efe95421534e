//! `ocore backup drill`: a backup restored into a database of its own, checked, and thrown away.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use ocore_store::{
    Sealer, Store,
    advice::NewDrill,
    audit::{self, Bounds},
    backups, drills, migrate, require, restored, schema, sealed, snapshot,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};
use uuid::Uuid;

use super::{
    Opening,
    archive::{Head, Part, read},
    connection::{Connection, with_database},
    manifest::Manifest,
    pour::Pour,
    print,
    programs::Programs,
    record_act,
    sealing::Identities,
    target::{Target, connect},
    verify::open,
};
use crate::config::Config;

/// A record of who did what may be long.
const LONG: Duration = Duration::from_hours(1);
/// A database of a drill that was killed is removed by a later one.
const LEFT_OVER: TimeDelta = TimeDelta::days(1);

#[derive(Args)]
pub(crate) struct Drill {
    /// The backup, or `-` for standard input.
    file: PathBuf,
    #[command(flatten)]
    opening: Opening,
    /// In a PostgreSQL of its own in a temporary directory, which needs the server programs on this machine, rather than as
    /// another database of the server that is configured.
    #[arg(long)]
    apart: bool,
    /// Record nothing. With `--apart` no database is needed but that one.
    #[arg(long)]
    no_record: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
struct Check {
    name: &'static str,
    is_good: bool,
    found: String,
}

/// Where a drill takes place.
struct Scratch {
    store_url: SecretString,
    /// A server of its own, which goes with its directory.
    apart: Option<(TempDir, Target)>,
    name: String,
}

pub(crate) async fn run(wanted: Drill) -> anyhow::Result<()> {
    // The programs of this group hear Ctrl-C by themselves; this one cleans up after them.
    let _heard = signal(SignalKind::interrupt())?;
    let identities = wanted.opening.identities()?;
    let config = if wanted.apart && wanted.no_record {
        Config::of_tools()?
    } else {
        Config::from_environment()?
    };
    let live = if wanted.apart && wanted.no_record {
        None
    } else {
        Some(Target::there(&config).await?)
    };
    let drilled = drill(&wanted, &config, live.as_ref(), identities).await;
    let recorded = match (&live, wanted.no_record) {
        (Some(live), false) => record(&live.store, &wanted, &drilled).await,
        _ => Ok(()),
    };
    if let Some(live) = live {
        live.close().await;
    }
    let (manifest, checks) = drilled?;
    recorded.context("the drill could not be recorded")?;
    let succeeded = checks.iter().all(|check| check.is_good);
    let rows: Vec<Value> = checks
        .iter()
        .map(|check| json!({"name": check.name, "succeeded": check.is_good, "found": check.found}))
        .collect();
    let document = json!({
        "succeeded": succeeded, "backupOf": manifest.made_at, "checks": rows, "recorded": !wanted.no_record,
    });
    print(wanted.json, &document, || told(&checks))?;
    ensure!(
        succeeded,
        "the drill failed: this backup does not bring everything back"
    );
    Ok(())
}

fn told(checks: &[Check]) -> String {
    let line = |check: &Check| {
        format!(
            "{} {}: {}",
            if check.is_good { "[x]" } else { "[ ]" },
            check.name,
            check.found
        )
    };
    checks.iter().map(line).collect::<Vec<_>>().join("\n")
}

async fn drill(
    wanted: &Drill,
    config: &Config,
    live: Option<&Target>,
    identities: Identities,
) -> anyhow::Result<(Manifest, Vec<Check>)> {
    let scratch = Scratch::make(wanted.apart, config, live).await?;
    let checked = pour_and_check(wanted.file.clone(), config, &scratch, identities).await;
    let gone = scratch.remove(live).await;
    let checked = checked?;
    gone.context("the drill's database could not be removed")?;
    Ok(checked)
}

impl Scratch {
    async fn make(apart: bool, config: &Config, live: Option<&Target>) -> anyhow::Result<Self> {
        let name = format!(
            "{}{}_{}",
            drills::PREFIX,
            Utc::now().timestamp(),
            &Uuid::new_v4().simple().to_string()[..8]
        );
        let live = match live {
            Some(live) if !apart => live,
            _ => {
                let folder = tempfile::Builder::new().prefix("ocore-drill-").tempdir()?;
                // Its key is not known before the backup is open, and it holds nothing yet.
                let sealer = Sealer::new(&SecretString::from(name.as_str()), &[]);
                let target = Target::embedded(folder.path(), config, &sealer).await?;
                return Ok(Self {
                    store_url: target.url.clone(),
                    apart: Some((folder, target)),
                    name,
                });
            }
        };
        let mut conn = live.store.connection().await?;
        let server = snapshot::server(&mut conn).await?;
        ensure!(
            server.may_create,
            "oCore's role may not make the database for a drill. As a superuser run: psql -c 'ALTER ROLE \"{}\" CREATEDB' — or \
             give --apart, which runs a PostgreSQL of its own on this machine",
            server.role
        );
        drills::remove_left_over(&mut conn, Utc::now() - LEFT_OVER).await?;
        drills::make(&mut conn, &name).await?;
        Ok(Self {
            store_url: with_database(&live.url, &name)?,
            apart: None,
            name,
        })
    }

    async fn remove(self, live: Option<&Target>) -> anyhow::Result<()> {
        match (self.apart, live) {
            (Some((folder, target)), _) => {
                target.close().await;
                folder.close()?;
            }
            (None, Some(live)) => drills::remove(&mut *live.store.connection().await?, &self.name).await?,
            (None, None) => {}
        }
        Ok(())
    }
}

async fn pour_and_check(
    file: PathBuf,
    config: &Config,
    scratch: &Scratch,
    identities: Identities,
) -> anyhow::Result<(Manifest, Vec<Check>)> {
    let url = scratch.store_url.clone();
    let programs = config.postgres_programs.clone();
    let handle = tokio::runtime::Handle::current();
    let poured = tokio::task::spawn_blocking(move || {
        let mut head: Option<(Manifest, SecretString)> = None;
        let mut pour: Option<Pour> = None;
        read(open(&file)?, &identities, |part| {
            match part {
                Part::Head(found) => {
                    let key = key_of(found)?;
                    let manifest = found.manifest.clone();
                    let why = format!("the backup was made by pg_dump {}", manifest.dump_version);
                    let programs = Programs::find(programs.as_deref(), manifest.dump_version, &why)?;
                    let sealer = Sealer::new(&key, &[]);
                    let major = handle.block_on(prepare(&url, &sealer, &manifest))?;
                    pour = Some(Pour::begin(&programs, &Connection::to(&url)?, "", major)?);
                    head = Some((manifest, key));
                }
                Part::Dump(data) => pour.as_mut().context("the dump comes too early")?.write(data)?,
                Part::Whole(_) => pour.take().context("the backup has no dump")?.commit()?,
            }
            Ok(())
        })?;
        head.context("the backup has no manifest")
    });
    let (manifest, key) = poured.await??;
    let store = connect(
        &scratch.store_url,
        &Sealer::new(&key, &[]),
        "the drill's database",
    )
    .await?;
    let checks = check(&store, &manifest).await;
    store.pool().close().await;
    Ok((manifest, checks?))
}

/// The key in a backup.
pub(super) fn key_of(head: &Head) -> anyhow::Result<SecretString> {
    head.environment
        .get("SSH_ENCRYPTION_KEY")
        .cloned()
        .context("the backup holds no SSH_ENCRYPTION_KEY")
}

/// Makes what a database needs before it is restored into. Answers the server's major version.
async fn prepare(url: &SecretString, sealer: &Sealer, manifest: &Manifest) -> anyhow::Result<u32> {
    let store = connect(url, sealer, "the drill's database").await?;
    let prepared = async {
        require(store.pool()).await?;
        roles(&store, manifest).await?;
        Ok(snapshot::server(&mut *store.connection().await?).await?.major())
    };
    let prepared = prepared.await;
    store.pool().close().await;
    prepared
}

/// Whether the roles are there that have rights in it.
pub(super) async fn roles(store: &Store, manifest: &Manifest) -> anyhow::Result<()> {
    let missing = restored::missing_roles(&mut *store.connection().await?, &manifest.roles).await?;
    let create: Vec<String> = missing
        .iter()
        .map(|role| format!("psql -c 'CREATE ROLE \"{role}\" NOLOGIN'"))
        .collect();
    ensure!(
        missing.is_empty(),
        "the database's server lacks roles that have rights in the backup. As a superuser run: {}",
        create.join(" && ")
    );
    Ok(())
}

async fn check(store: &Store, manifest: &Manifest) -> anyhow::Result<Vec<Check>> {
    let mut checks = vec![Check {
        name: "checksum",
        is_good: true,
        found: "the dump is the one that was written".to_owned(),
    }];
    let mut conn = store.connection().await?;
    let version = schema::state(&mut conn).await?.version;
    checks.push(Check {
        name: "schema",
        is_good: version == Some(manifest.schema_version),
        found: format!(
            "the newest migration is {}",
            version.map_or_else(|| "none".to_owned(), |v| v.to_string())
        ),
    });
    checks.push(rows(&mut conn, manifest).await?);
    drop(conn);
    // That it can be brought to this version is a part of the way back, and what follows is of this version.
    let migrated = migrate(store.pool()).await;
    checks.push(Check {
        name: "migration",
        is_good: migrated.is_ok(),
        found: migrated.as_ref().err().map_or_else(
            || "this version of oCore runs on it".to_owned(),
            ToString::to_string,
        ),
    });
    if migrated.is_ok() {
        checks.push(secrets(store).await?);
        checks.push(chains(store).await?);
    }
    Ok(checks)
}

async fn rows(conn: &mut ocore_store::PgConnection, manifest: &Manifest) -> anyhow::Result<Check> {
    let names: Vec<String> = manifest.counts.keys().cloned().collect();
    let found = snapshot::count(conn, &names).await;
    Ok(match found {
        Ok(found) if found == manifest.counts => Check {
            name: "rows",
            is_good: true,
            found: format!(
                "{} in {} tables, as in the manifest",
                found.values().sum::<i64>(),
                found.len()
            ),
        },
        Ok(found) => {
            let other: Vec<String> = manifest
                .counts
                .iter()
                .filter(|(name, rows)| found.get(*name) != Some(*rows))
                .map(|(name, rows)| format!("{name} has {} of {rows}", found.get(name).unwrap_or(&0)))
                .collect();
            Check {
                name: "rows",
                is_good: false,
                found: other.join(", "),
            }
        }
        Err(error) => Check {
            name: "rows",
            is_good: false,
            found: error.to_string(),
        },
    })
}

async fn secrets(store: &Store) -> anyhow::Result<Check> {
    let checked = sealed::check(&mut *store.connection().await?, store.sealer()).await?;
    let found = match &checked.first {
        Some(first) => format!("{} open, {} do not: {first}", checked.opened, checked.closed),
        None if checked.unknown.is_empty() => {
            format!("all {} open with the key in the backup", checked.opened)
        }
        None => format!(
            "{} open; not looked at: {}",
            checked.opened,
            checked.unknown.join(", ")
        ),
    };
    Ok(Check {
        name: "secrets",
        is_good: checked.closed == 0 && checked.unknown.is_empty(),
        found,
    })
}

async fn chains(store: &Store) -> anyhow::Result<Check> {
    let mut tx = store.begin().await?;
    let mut owners = vec![None];
    owners.extend(restored::organizations(&mut tx).await?.into_iter().map(Some));
    let (mut entries, chains) = (0, owners.len());
    for owner in owners {
        let bounds = Bounds {
            entries: u64::MAX,
            time: LONG,
        };
        let seen = audit::verify_within(&mut tx, owner, None, bounds).await?;
        entries += seen.entries;
        if let Some(broken) = seen.broken {
            let whose = owner.map_or_else(|| "the installation".to_owned(), |id| id.to_string());
            let found = format!(
                "the record of {whose} is broken at entry {}: {}",
                broken.seq, broken.fault
            );
            return Ok(Check {
                name: "record",
                is_good: false,
                found,
            });
        }
    }
    Ok(Check {
        name: "record",
        is_good: true,
        found: format!("{chains} chains with {entries} entries are unbroken"),
    })
}

async fn record(
    store: &Store,
    wanted: &Drill,
    drilled: &anyhow::Result<(Manifest, Vec<Check>)>,
) -> anyhow::Result<()> {
    let (succeeded, of, said) = match drilled {
        Ok((manifest, checks)) => (
            checks.iter().all(|check| check.is_good),
            Some(manifest.made_at),
            told(checks).replace('\n', "; "),
        ),
        Err(error) => (false, None::<DateTime<Utc>>, format!("{error:#}")),
    };
    let of = of
        .map(|at| format!(", made {}", at.format("%Y-%m-%d %H:%M UTC")))
        .unwrap_or_default();
    let note: String = format!("ocore backup drill {}{of}: {said}", wanted.file.display())
        .chars()
        .take(2000)
        .collect();
    let mut tx = store.begin().await?;
    let new = NewDrill {
        at: Utc::now(),
        succeeded,
        note,
    };
    let id = backups::record_drill(&mut tx, &new).await?;
    let after = json!({"id": id, "succeeded": succeeded, "note": new.note});
    record_act(&mut tx, "ocore backup drill", "recovery_drill.recorded", after).await?;
    tx.commit().await.map_err(ocore_store::Error::from)?;
    Ok(())
}
