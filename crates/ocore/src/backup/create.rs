//! `ocore backup create`: everything of one moment, encrypted as it is read, and nowhere in the clear.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, BufWriter, Read, Write},
    path::PathBuf,
    process::{Child, Stdio},
    thread::JoinHandle,
};

use anyhow::{Context, bail};
use chrono::Utc;
use ocore_store::{
    Store, backups, plane, schema,
    snapshot::{self, MEASURED, Snapshot},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    archive::{self, Head, Measured},
    connection::Connection,
    environment::Environment,
    files::{Destination, Folder},
    host,
    manifest::{FORMAT, Manifest},
    programs::Programs,
    record_act,
    sealing::Seal,
};
use crate::config::{Config, token_fingerprint};

/// A file that belongs to an installation is no larger.
const LARGEST_FILE: u64 = 1 << 20;

/// Why there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Somebody or a timer asked for it.
    Asked,
    /// Before a newer version changes the schema.
    Upgrade,
}

impl Cause {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Upgrade => "upgrade",
        }
    }
}

/// What is wanted.
pub(crate) struct Wish {
    pub(crate) cause: Cause,
    pub(crate) to: Destination,
    pub(crate) seal: Seal,
    pub(crate) with_metrics: bool,
    pub(crate) keep: Option<u32>,
}

/// A backup that is whole.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    /// None: it went to standard output.
    pub(crate) file: Option<PathBuf>,
    bytes: u64,
    sha256: String,
    manifest: Manifest,
    recipients: Vec<String>,
    removed: Vec<PathBuf>,
}

impl Done {
    pub(crate) fn json(&self) -> Value {
        json!({
            "file": self.file, "bytes": self.bytes, "sha256": self.sha256, "recipients": self.recipients,
            "removed": self.removed, "manifest": self.manifest,
        })
    }

    pub(crate) fn told(&self) -> String {
        let place = self
            .file
            .as_ref()
            .map_or_else(|| "standard output".to_owned(), |file| file.display().to_string());
        let opened = if self.recipients.is_empty() {
            "opened by the passphrase".to_owned()
        } else {
            format!("opened by the secret keys of {}", self.recipients.join(", "))
        };
        let metrics = if self.manifest.with_metrics {
            ""
        } else {
            " without what was measured"
        };
        let mut text = format!(
            "{place}: {} bytes, {} rows{metrics}, {opened}\nsha256 {}",
            self.bytes,
            self.manifest.counts.values().sum::<i64>(),
            self.sha256
        );
        for old in &self.removed {
            text.extend(["\nremoved ", &old.display().to_string()]);
        }
        text
    }
}

/// Makes a backup of a database as it is, of whatever version its schema is.
pub(crate) async fn create(
    config: &Config,
    store: &Store,
    url: &SecretString,
    wish: Wish,
) -> anyhow::Result<Done> {
    let id = Uuid::now_v7();
    let mut conn = store.connection().await?;
    let version = schema::state(&mut conn).await?.version;
    let version = version.context("the database is empty: there is nothing to back up")?;
    // A schema of before backups were recorded has no place for it.
    let is_recorded = version >= schema::BACKUPS;
    let place = match &wish.to {
        Destination::Folder(folder) => folder.path().display().to_string(),
        Destination::StandardOutput => String::new(),
    };
    let row = backups::NewBackup {
        id,
        cause: wish.cause.as_str(),
        host: host(),
        place,
        ocore_version: env!("CARGO_PKG_VERSION"),
        schema_version: version,
        with_metrics: wish.with_metrics,
        sealed_for: wish.seal.told(),
    };
    // Its row comes after the moment that is copied: in the copy it would never end.
    let made = copy(config, store, url, &wish, (version, is_recorded.then_some(&row))).await;
    if !is_recorded {
        return made;
    }
    match &made {
        Ok(done) => {
            let place = done
                .file
                .as_ref()
                .map(|file| file.display().to_string())
                .unwrap_or_default();
            backups::done(
                &mut conn,
                id,
                &place,
                i64::try_from(done.bytes).unwrap_or(i64::MAX),
                &done.sha256,
            )
            .await?;
            let after = json!({"file": done.file, "bytes": done.bytes, "sha256": done.sha256, "recipients": done.recipients});
            record_act(&mut conn, "ocore backup create", "control_plane.backed_up", after).await?;
        }
        Err(error) => {
            let noted = backups::failed(&mut conn, id, &format!("{error:#}")).await;
            if let Err(error) = noted {
                tracing::warn!(%error, "that the backup failed could not be recorded");
            }
        }
    }
    made
}

async fn copy(
    config: &Config,
    store: &Store,
    url: &SecretString,
    wish: &Wish,
    (schema_version, row): (i64, Option<&backups::NewBackup>),
) -> anyhow::Result<Done> {
    let key = config.encryption_key()?;
    let mut snapshot = Snapshot::take(store).await?;
    let made_at = Utc::now();
    if let Some(row) = row {
        backups::begin(&mut *store.connection().await?, row).await?;
    }
    let server = snapshot::server(snapshot.connection()).await?;
    let why = format!("the server is PostgreSQL {}", server.major());
    let programs = Programs::find(config.postgres_programs.as_deref(), server.major(), &why)?;
    let installation_id = match row {
        Some(_) => Some(plane::get(snapshot.connection()).await?.installation_id),
        None => None,
    };
    let manifest = Manifest {
        format: FORMAT,
        made_at,
        ocore_version: env!("CARGO_PKG_VERSION").to_owned(),
        schema_version,
        server_version: server.version_number,
        dump_version: programs.major,
        host: host(),
        installation_id,
        with_metrics: wish.with_metrics,
        counts: snapshot.counts(wish.with_metrics).await?,
        key_fingerprint: store.sealer().fingerprint(),
        token_fingerprint: token_fingerprint(&config.token_secret()?),
        roles: server.roles,
        own_postgres: config.database_url.is_none(),
    };
    let head = Head {
        manifest,
        environment: environment(config, &key)?,
        files: files(&config.backup.files)?,
    };
    let dump = Dump::begin(&programs, &Connection::to(url)?, &snapshot.id, wish.with_metrics)?;
    let (to, seal, keep) = (wish.to.clone(), wish.seal.clone(), wish.keep);
    let done = tokio::task::spawn_blocking(move || write(head, dump, &to, &seal, keep)).await?;
    // Until here: it is what the dump reads.
    drop(snapshot);
    done
}

/// All variables that oCore was told, and the keys also where they were made or derived.
fn environment(config: &Config, key: &SecretString) -> anyhow::Result<Environment> {
    let mut variables: BTreeMap<String, String> = config
        .variables
        .iter()
        .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
        .collect();
    variables.insert("SSH_ENCRYPTION_KEY".to_owned(), key.expose_secret().to_owned());
    variables.insert(
        "JWT_SECRET".to_owned(),
        config.token_secret()?.expose_secret().to_owned(),
    );
    Ok(Environment::of(variables))
}

/// What an installation needs beside its variables, and whoever runs it has named.
fn files(paths: &[PathBuf]) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let read = |path: &PathBuf| {
        let mut content = Vec::new();
        let read =
            fs::File::open(path).and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut content));
        read.with_context(|| format!("OCORE_BACKUP_FILES: {} cannot be read", path.display()))?;
        if content.len() as u64 > LARGEST_FILE {
            bail!(
                "OCORE_BACKUP_FILES: {} has more than {LARGEST_FILE} bytes",
                path.display()
            );
        }
        Ok((path.display().to_string(), content))
    };
    paths.iter().map(read).collect()
}

fn write(
    head: Head,
    mut dump: Dump,
    to: &Destination,
    seal: &Seal,
    keep: Option<u32>,
) -> anyhow::Result<Done> {
    let output = dump.output()?;
    let whole = || dump.end();
    let (file, bytes, sha256, removed) = match to {
        Destination::Folder(folder) => into(folder, &head, output, whole, seal, keep)?,
        Destination::StandardOutput => {
            let out = Measured::new(BufWriter::new(io::stdout()));
            let (out, _) = archive::write(&head, output, whole, seal, out)?;
            let (mut out, bytes, sha256) = out.end();
            out.flush()?;
            (None, bytes, sha256, Vec::new())
        }
    };
    Ok(Done {
        file,
        bytes,
        sha256,
        manifest: head.manifest,
        recipients: seal.told(),
        removed,
    })
}

type Written = (Option<PathBuf>, u64, String, Vec<PathBuf>);

fn into(
    folder: &Folder,
    head: &Head,
    output: impl Read,
    whole: impl FnOnce() -> anyhow::Result<()>,
    seal: &Seal,
    keep: Option<u32>,
) -> anyhow::Result<Written> {
    let out = Measured::new(BufWriter::new(folder.begin()?));
    let written = archive::write(head, output, whole, seal, out);
    let (out, _) = written
        .with_context(|| format!("the backup could not be written into {}", folder.path().display()))?;
    let (out, bytes, sha256) = out.end();
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    let path = folder.keep(file, head.manifest.made_at)?;
    // Only now that there is a newer one.
    let removed = keep.map_or_else(|| Ok(Vec::new()), |keep| folder.prune(keep))?;
    Ok((Some(path), bytes, sha256, removed))
}

/// `pg_dump` at work. Dropped before its end, it is killed.
struct Dump {
    child: Child,
    said: Option<JoinHandle<String>>,
}

impl Dump {
    fn begin(
        programs: &Programs,
        to: &Connection,
        snapshot: &str,
        with_metrics: bool,
    ) -> anyhow::Result<Self> {
        let mut command = to.command(&programs.path("pg_dump"));
        command.args([
            "--format=custom",
            "--schema=public",
            "--no-comments",
            "--no-publications",
            "--no-subscriptions",
            "--no-tablespaces",
            "--no-password",
        ]);
        command.arg(format!("--snapshot={snapshot}"));
        if !with_metrics {
            // Partitions are named after their tables.
            command.args(
                MEASURED
                    .iter()
                    .map(|table| format!("--exclude-table-data=public.{table}*")),
            );
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("pg_dump cannot be run")?;
        let said = child.stderr.take().map(listen);
        Ok(Self { child, said })
    }

    fn output(&mut self) -> anyhow::Result<impl Read + use<>> {
        self.child.stdout.take().context("pg_dump has no output")
    }

    /// Waits for it, and says whether what came was all.
    fn end(&mut self) -> anyhow::Result<()> {
        let status = self.child.wait()?;
        let said = self
            .said
            .take()
            .and_then(|said| said.join().ok())
            .unwrap_or_default();
        if status.success() {
            return Ok(());
        }
        bail!("pg_dump failed ({status}): {}", last_lines(&said))
    }
}

impl Drop for Dump {
    fn drop(&mut self) {
        // One that has ended is not hurt by it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Hears a program out, so that it never waits to be heard.
pub(super) fn listen(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut said = Vec::new();
        let _ = from.read_to_end(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    })
}

/// The end of what a program said, in one line.
pub(super) fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said.trim().lines().collect();
    lines[lines.len().saturating_sub(4)..].join("; ")
}
