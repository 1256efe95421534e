//! `ocore backup restore`: from a file to a control plane.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Component, Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, bail, ensure};
use clap::Args;
use ocore_operations::after_restore::{self, Ended};
use ocore_store::{
    Sealer, advice, migrate, plane, require,
    restored::{self, EMPTY_OUT, Settled},
    schema, sealed, snapshot,
};
use serde_json::{Value, json};

use super::{
    Opening,
    archive::{Head, Part, read},
    connection::Connection,
    drill::{key_of, roles},
    environment::Environment,
    manifest::Manifest,
    pour::Pour,
    print,
    programs::Programs,
    record_act,
    target::Target,
    verify::open,
};
use crate::config::{Config, Machine};

#[derive(Args)]
pub(crate) struct Restore {
    /// The backup, or `-` for standard input.
    file: PathBuf,
    #[command(flatten)]
    opening: Opening,
    /// Take out what is in the database, whose name is to be typed here. It goes only when what comes instead is whole.
    #[arg(long, value_name = "DATABASE")]
    replace: Option<String>,
    /// Restore into a PostgreSQL that oCore runs itself, though the backup is of another one.
    #[arg(long)]
    own_postgres: bool,
    /// Write the variables that this installation needs, secrets and all, to this file, which must not be there.
    #[arg(long, value_name = "FILE")]
    env_to: Option<PathBuf>,
    /// Write the files that are in the backup below this directory. None is overwritten.
    #[arg(long, value_name = "DIRECTORY")]
    files_to: Option<PathBuf>,
    /// Go on with operations that were under way when the backup was made; only for one that is minutes old.
    #[arg(long)]
    keep_operations: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// What has been restored into, and what it was made from.
struct Ready {
    target: Target,
    manifest: Manifest,
    environment: Environment,
    files: BTreeMap<String, Vec<u8>>,
    pour: Pour,
}

pub(crate) async fn run(wanted: Restore) -> anyhow::Result<()> {
    let began = Instant::now();
    if let Some(file) = &wanted.env_to {
        ensure!(
            !file.exists(),
            "{} is there already, and is not overwritten",
            file.display()
        );
    }
    let (keep_operations, json) = (wanted.keep_operations, wanted.json);
    let handle = tokio::runtime::Handle::current();
    let restored = tokio::task::spawn_blocking(move || pour(&wanted, &handle)).await?;
    let (target, manifest, written) = restored?;
    let settled = settle(&target, &manifest, keep_operations).await;
    let name = target.name.clone();
    target.close().await;
    let settled = settled.context(
        "the database is restored, and could not be made a control plane: do not start it; mend this, and restore again with \
         --replace",
    )?;
    let document = json!({
        "database": name, "backupOf": manifest.made_at, "madeOn": manifest.host, "epoch": settled.rows.epoch,
        "servers": settled.managed.servers, "instances": settled.managed.instances,
        "secrets": {"opened": settled.opened, "closed": settled.closed},
        "sessionsEnded": settled.rows.sessions, "deliveriesEnded": settled.rows.deliveries,
        "operations": {"cancelled": settled.operations.cancelled, "failed": settled.operations.failed,
            "givenBack": settled.operations.given_back},
        "written": written, "seconds": began.elapsed().as_secs_f64(),
    });
    print(json, &document, || told(&document))
}

/// Reads the backup and pours it. All of this is in the way of one thread: what it waits for is files and programs.
fn pour(
    wanted: &Restore,
    handle: &tokio::runtime::Handle,
) -> anyhow::Result<(Target, Manifest, Vec<PathBuf>)> {
    let identities = wanted.opening.identities()?;
    let mut ready: Option<Ready> = None;
    let mut written = Vec::new();
    let poured = open(&wanted.file).and_then(|input| {
        read(input, &identities, |part| {
            match part {
                Part::Head(head) => ready = Some(handle.block_on(prepare(wanted, head))?),
                Part::Dump(data) => ready
                    .as_mut()
                    .context("the dump comes too early")?
                    .pour
                    .write(data)?,
                Part::Whole(_) => {
                    written = write_out(wanted, ready.as_ref().context("the backup has no dump")?)?
                }
            }
            Ok(())
        })
    });
    let Some(Ready {
        target,
        manifest,
        pour,
        ..
    }) = ready
    else {
        poured?;
        bail!("the backup has no manifest");
    };
    let committed = poured.and_then(|()| pour.commit());
    if let Err(error) = committed {
        for path in written {
            let _ = fs::remove_file(path);
        }
        handle.block_on(target.close());
        return Err(error.context("nothing was restored"));
    }
    Ok((target, manifest, written))
}

/// Checks everything that can be known before, and begins.
async fn prepare(wanted: &Restore, head: &Head) -> anyhow::Result<Ready> {
    let manifest = &head.manifest;
    ensure!(
        manifest.schema_version <= schema::newest(),
        "the backup is of a newer schema than this oCore {} knows: restore it with oCore {} or newer",
        env!("CARGO_PKG_VERSION"),
        manifest.ocore_version
    );
    // A variable that is empty is one that is not set.
    let mut here = Config::variables_here();
    here.retain(|_, value| !value.is_empty());
    let here = Environment::of(here);
    let key = key_of(head)?;
    match here.get("SSH_ENCRYPTION_KEY") {
        Some(other) => ensure!(
            Sealer::new(other, &[]).fingerprint() == manifest.key_fingerprint,
            "SSH_ENCRYPTION_KEY is another than the secrets in the backup are sealed with: unset it, or set it to the one of \
             that installation"
        ),
        None => ensure!(
            wanted.env_to.is_some(),
            "SSH_ENCRYPTION_KEY is not set here, and without the backup's own a restored control plane reads no secret: give \
             --env-to /etc/ocore/ocore.env to have it written there, with all other variables"
        ),
    }
    let is_told = here.get("DATABASE_URL").is_some();
    ensure!(
        is_told || wanted.own_postgres || manifest.own_postgres,
        "the backup is of a PostgreSQL that was not oCore's own: set DATABASE_URL to the database to restore into, or give \
         --own-postgres"
    );
    let environment = here.over(&head.environment);
    let variables = environment
        .exposed()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let config = Config::from_variables(variables, &Machine::here())?;
    // Of this process's variables only those that are oCore's.
    let environment = Environment::from(config.variables.clone());
    let target = Target::open(&config, &Sealer::new(&key, &[])).await?;
    match begin(wanted, &config, &target, manifest).await {
        Ok(pour) => Ok(Ready {
            target,
            manifest: manifest.clone(),
            environment,
            files: head.files.clone(),
            pour,
        }),
        Err(error) => {
            target.close().await;
            Err(error)
        }
    }
}

async fn begin(
    wanted: &Restore,
    config: &Config,
    target: &Target,
    manifest: &Manifest,
) -> anyhow::Result<Pour> {
    let mut conn = target.store.connection().await?;
    let server = snapshot::server(&mut conn).await?;
    let is_empty = restored::is_empty(&mut conn).await?;
    match &wanted.replace {
        None => ensure!(
            is_empty,
            "the database `{0}` is not empty, and nothing was changed: restore into an empty one, or give --replace {0} to take \
             out what is there",
            server.database
        ),
        Some(name) => ensure!(
            *name == server.database,
            "--replace names `{name}`, and the database is `{}`: nothing was changed",
            server.database
        ),
    }
    let others = restored::others(&mut conn).await?;
    ensure!(
        is_empty || others == 0,
        "{others} connections of oCore use the database: end every `ocore serve` on it first"
    );
    drop(conn);
    require(target.store.pool()).await?;
    roles(&target.store, manifest).await?;
    let why = format!("the backup was made by pg_dump {}", manifest.dump_version);
    let programs = Programs::find(config.postgres_programs.as_deref(), manifest.dump_version, &why)?;
    let first = if is_empty { "" } else { EMPTY_OUT };
    Pour::begin(&programs, &Connection::to(&target.url)?, first, server.major())
}

/// Writes what is asked for beside the database. Answers what was written.
fn write_out(wanted: &Restore, ready: &Ready) -> anyhow::Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    if let Some(path) = &wanted.env_to {
        write_new(path, ready.environment.file().as_bytes())?;
        written.push(path.clone());
    }
    if let Some(folder) = &wanted.files_to {
        for (path, content) in &ready.files {
            let inside: PathBuf = Path::new(path)
                .components()
                .filter(|part| matches!(part, Component::Normal(_)))
                .collect();
            let path = folder.join(inside);
            write_new(&path, content)?;
            written.push(path);
        }
    }
    Ok(written)
}

/// A file that only its owner reads.
fn write_new(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let write = || {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(content)?;
        file.sync_all()
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}

/// What came of making it a control plane.
struct Plane {
    rows: Settled,
    operations: Ended,
    managed: advice::Managed,
    opened: u64,
    closed: u64,
}

async fn settle(target: &Target, manifest: &Manifest, keep_operations: bool) -> anyhow::Result<Plane> {
    migrate(target.store.pool()).await?;
    let mut tx = target.store.begin().await?;
    let operations = after_restore::end_unfinished(&mut tx, manifest.made_at, keep_operations).await?;
    let rows = restored::settle(&mut tx, manifest.made_at).await?;
    let after = json!({
        "backupOf": manifest.made_at, "madeOn": manifest.host, "epoch": rows.epoch, "sessionsEnded": rows.sessions,
        "operationsEnded": operations.cancelled + operations.failed,
    });
    record_act(&mut tx, "ocore backup restore", "control_plane.restored", after).await?;
    tx.commit().await.map_err(ocore_store::Error::from)?;
    let mut conn = target.store.connection().await?;
    let secrets = sealed::check(&mut conn, target.store.sealer()).await?;
    let managed = advice::managed(&mut conn).await?;
    Ok(Plane {
        rows,
        operations,
        managed,
        opened: secrets.opened,
        closed: secrets.closed,
    })
}

fn told(done: &Value) -> String {
    let mut text = format!(
        "{} holds the control plane of {}, as it was at {}: {} servers, {} instances; {} secrets open{}.\n\
         Ended: {} sessions, {} messages on their way, {} operations ({} of them half done: look and retry).\n",
        done["database"].as_str().unwrap_or_default(),
        done["madeOn"].as_str().unwrap_or_default(),
        done["backupOf"].as_str().unwrap_or_default(),
        done["servers"],
        done["instances"],
        done["secrets"]["opened"],
        match done["secrets"]["closed"].as_u64() {
            Some(0) | None => String::new(),
            Some(closed) => format!(", {closed} do not"),
        },
        done["sessionsEnded"],
        done["deliveriesEnded"],
        done["operations"]["cancelled"].as_u64().unwrap_or(0)
            + done["operations"]["failed"].as_u64().unwrap_or(0),
        done["operations"]["failed"],
    );
    for path in done["written"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        text += &format!("Written: {path}\n");
    }
    text + "What happened since the backup is not known: API keys and members that were taken away since are good again, and \
            agents that were installed since are to be installed again.\n\
            BEWARE of two control planes at once. One that this was made from, and that still runs, stands down when it finds \
            this one's mark on a server, which takes both some seconds; what it does until then it does. End it if you can.\n\
            Now start `ocore serve`."
}

/// `ocore backup take-over`.
pub(crate) async fn take_over(config: Config) -> anyhow::Result<()> {
    let target = Target::there(&config).await?;
    let taken = async {
        let mut tx = target.store.begin().await?;
        let epoch = plane::take_over(&mut tx).await?;
        record_act(
            &mut tx,
            "ocore backup take-over",
            "control_plane.took_over",
            json!({"epoch": epoch}),
        )
        .await?;
        tx.commit().await.map_err(ocore_store::Error::from)?;
        Ok::<_, ocore_store::Error>(epoch)
    };
    let taken = taken.await;
    target.close().await;
    let epoch = taken?;
    print(false, &json!(null), || {
        format!(
            "This control plane has the servers ({epoch}). The other one stands down when it finds that out."
        )
    })
}
