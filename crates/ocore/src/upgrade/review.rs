//! What this version would do to a database, and what speaks against it.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use ocore_store::{
    Store, backups,
    schema::{self, Migration, Process, State, Version},
    snapshot::{self, Server},
};
use serde_json::{Value, json};

use crate::{
    backup::{Cause, Destination, Folder, Seal, Wish},
    config::Config,
};

/// A backup that is older is none to go back to.
const FRESH: TimeDelta = TimeDelta::hours(24);

/// How a backup is made before an upgrade, where that is configured.
pub(super) fn wish(config: &Config) -> anyhow::Result<Option<Wish>> {
    let (Some(seal), Some(dir)) = (Seal::configured(&config.backup), &config.backup.dir) else {
        return Ok(None);
    };
    Ok(Some(Wish {
        cause: Cause::Upgrade,
        to: Destination::Folder(Folder::open(Some(dir.clone()))?),
        seal,
        with_metrics: true,
        keep: config.backup.keep,
    }))
}

/// What was looked at.
#[derive(Debug)]
pub(super) struct Review {
    schema: State,
    server: Server,
    processes: Vec<Process>,
    /// The newest good backup, and its size.
    last_backup: Option<(DateTime<Utc>, i64)>,
    /// Whether a backup is wanted before, and could be made.
    wants_backup: bool,
    has_way: bool,
    /// What is free where backups go, and where oCore's own PostgreSQL is.
    free_for_backup: Option<u64>,
    free_for_database: Option<u64>,
}

impl Review {
    pub(super) async fn of(config: &Config, store: &Store, wants_backup: bool) -> anyhow::Result<Self> {
        let mut conn = store.connection().await?;
        let schema = schema::state(&mut conn).await?;
        let standing = match schema.version {
            Some(version) if version >= schema::BACKUPS => backups::standing(&mut conn).await?,
            _ => backups::Standing::default(),
        };
        Ok(Self {
            server: snapshot::server(&mut conn).await?,
            processes: schema::processes(&mut conn).await?,
            last_backup: standing
                .last_good
                .map(|at| (at, standing.last_bytes.unwrap_or(0))),
            wants_backup,
            has_way: Seal::configured(&config.backup).is_some() && config.backup.dir.is_some(),
            free_for_backup: config.backup.dir.as_deref().and_then(free),
            free_for_database: config
                .database_url
                .is_none()
                .then(|| free(&config.data_dir))
                .flatten(),
            schema,
        })
    }

    pub(super) fn database(&self) -> &str {
        &self.server.database
    }

    pub(super) const fn is_up_to_date(&self) -> bool {
        self.schema.version.is_some() && self.schema.pending.is_empty()
    }

    /// Why it may not be done now.
    pub(super) fn against(&self) -> Vec<String> {
        let mut against = Vec::new();
        if let Err(problem) = self.schema.survives() {
            against.push(format!("{} {}", problem.detail, problem.mend));
        }
        if self.is_up_to_date() {
            return against;
        }
        for migration in &self.schema.pending {
            let Some(since) = migration.contract_since else {
                continue;
            };
            let old: Vec<String> = self
                .processes
                .iter()
                .filter(|process| !process.survives(migration))
                .map(named)
                .collect();
            if !old.is_empty() {
                against.push(format!(
                    "{} ({}) takes away what processes before {since} use, and there are {}: end those first",
                    migration.version,
                    migration.description,
                    old.join(", ")
                ));
            }
        }
        if !self.wants_backup {
            return against;
        }
        let is_fresh = self.last_backup.is_some_and(|(at, _)| Utc::now() - at < FRESH);
        if !self.has_way && !is_fresh {
            against.push(
                "there is no backup of the last 24 hours, and nothing says how one is made: set OCORE_BACKUP_DIR and \
                 OCORE_BACKUP_RECIPIENTS, or say --no-backup"
                    .to_owned(),
            );
        }
        if let Some(free) = self.free_for_backup.filter(|free| *free < self.needed()) {
            against.push(format!(
                "the backup before it may take {}, and {} are free in OCORE_BACKUP_DIR",
                size(self.needed()),
                size(free)
            ));
        }
        against
    }

    /// What a backup may take: a tenth more than the last one, or all of the database.
    fn needed(&self) -> u64 {
        let last = self
            .last_backup
            .map(|(_, bytes)| bytes + bytes / 10)
            .filter(|bytes| *bytes > 0);
        u64::try_from(last.unwrap_or(self.server.bytes)).unwrap_or(0)
    }

    /// What is worth knowing, and no reason against it.
    fn beside(&self) -> Vec<String> {
        let database = u64::try_from(self.server.bytes).unwrap_or(0);
        let mut beside = Vec::new();
        if let Some(free) = self
            .free_for_database
            .filter(|free| !self.is_up_to_date() && *free < database)
        {
            beside.push(format!(
                "the database has {}, and {} are free beside it: a migration that rewrites a table may need as much as that has",
                size(database),
                size(free)
            ));
        }
        let own = Version::own();
        let other = self
            .processes
            .iter()
            .filter(|one| one.version.as_deref().and_then(|v| v.parse().ok()) != Some(own));
        let other: Vec<String> = other.map(named).collect();
        if !other.is_empty() {
            beside.push(format!(
                "of another version are {}; they go on beside what is only added",
                other.join(", ")
            ));
        }
        beside
    }

    pub(super) fn json(&self) -> Value {
        let pending: Vec<Value> = self.schema.pending.iter().map(described).collect();
        let ahead: Vec<Value> = self
            .schema
            .ahead
            .iter()
            .map(|one| match one {
                Ok(migration) => described(migration),
                Err(version) => json!({"version": version, "description": null}),
            })
            .collect();
        let processes: Vec<Value> = self
            .processes
            .iter()
            .map(|process| {
                let survives = self.schema.pending.iter().all(|migration| process.survives(migration));
                json!({"host": process.host, "pid": process.pid, "version": process.version, "survives": survives})
            })
            .collect();
        json!({
            "version": env!("CARGO_PKG_VERSION"), "schemaVersion": self.schema.version, "newest": schema::newest(),
            "pending": pending, "ahead": ahead, "processes": processes, "databaseBytes": self.server.bytes,
            "freeForBackup": self.free_for_backup, "lastBackupAt": self.last_backup.map(|(at, _)| at),
            "makesBackup": self.wants_backup && self.has_way && !self.is_up_to_date(),
            "go": self.against().is_empty(), "against": self.against(), "beside": self.beside(),
        })
    }

    pub(super) fn told(&self) -> String {
        let mut lines = vec![format!(
            "oCore {}, on a database of the schema {}.",
            env!("CARGO_PKG_VERSION"),
            self.schema
                .version
                .map_or_else(|| "none".to_owned(), |version| version.to_string())
        )];
        if self.is_up_to_date() {
            lines.push("Nothing is to be changed.".to_owned());
        }
        for migration in &self.schema.pending {
            let kind = migration.contract_since.map_or_else(
                || "expand: processes of the version before go on".to_owned(),
                |since| format!("contract: processes before {since} do not go on"),
            );
            lines.push(format!(
                "  {} {} ({kind})",
                migration.version, migration.description
            ));
        }
        let last = self
            .last_backup
            .map_or_else(|| "none is recorded".to_owned(), |(at, _)| at.to_rfc3339());
        lines.push(format!("The last good backup: {last}."));
        lines.extend(self.beside().into_iter().map(|line| format!("Note: {line}.")));
        let against = self.against();
        lines.extend(against.iter().map(|line| format!("Against it: {line}.")));
        lines.push(if against.is_empty() { "Go." } else { "No go." }.to_owned());
        lines.join("\n")
    }
}

fn described(migration: &Migration) -> Value {
    json!({
        "version": migration.version, "description": migration.description,
        "kind": if migration.contract_since.is_some() { "contract" } else { "expand" },
        "since": migration.contract_since.map(|since| since.to_string()),
    })
}

fn named(process: &Process) -> String {
    let version = process
        .version
        .as_deref()
        .unwrap_or("a version that does not tell");
    format!("{} on {} ({version})", process.pid, process.host)
}

/// What is free on the file system of a path.
fn free(path: &Path) -> Option<u64> {
    let there = path.ancestors().find(|path| path.exists())?;
    let about = nix::sys::statvfs::statvfs(there).ok()?;
    Some(about.blocks_available() * about.fragment_size())
}

fn size(bytes: u64) -> String {
    let mib = bytes.div_ceil(1 << 20);
    if mib < 10_240 {
        format!("{mib} MiB")
    } else {
        format!("{} GiB", mib / 1024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migration(contract_since: Option<&str>) -> Migration {
        Migration {
            version: 9,
            description: "later".to_owned(),
            contract_since: contract_since.map(|since| since.parse().unwrap()),
        }
    }

    fn review(pending: Vec<Migration>) -> Review {
        let process = |version: Option<&str>| Process {
            host: "a".to_owned(),
            pid: 7,
            version: version.map(str::to_owned),
            seen_at: Utc::now(),
        };
        Review {
            schema: State {
                version: Some(1),
                pending,
                ahead: Vec::new(),
            },
            server: Server {
                version_number: 170_004,
                database: "ocore".to_owned(),
                role: "ocore".to_owned(),
                bytes: 1 << 30,
                may_create: true,
                roles: Vec::new(),
            },
            processes: vec![process(Some("0.3.0")), process(None)],
            last_backup: Some((Utc::now(), 100 << 20)),
            wants_backup: true,
            has_way: true,
            free_for_backup: Some(1 << 30),
            free_for_database: None,
        }
    }

    #[test]
    fn what_only_adds_is_done_beside_any_process() {
        assert_eq!(review(vec![migration(None)]).against(), [""; 0]);
    }

    #[test]
    fn what_takes_away_waits_for_old_processes_to_end() {
        let mut review = review(vec![migration(Some("0.3.0"))]);
        let against = review.against();
        assert!(
            against[0].contains("end those first") && against[0].contains("does not tell"),
            "{against:?}"
        );
        assert!(!against[0].contains("0.3.0)"), "{against:?}");
        assert_eq!(review.json()["processes"][1]["survives"], false);
        review.processes.pop();
        assert_eq!(review.against(), [""; 0]);
    }

    #[test]
    fn without_a_way_back_it_is_not_done() {
        let mut review = review(vec![migration(None)]);
        review.free_for_backup = Some(50 << 20);
        assert!(review.against()[0].contains("110 MiB"), "{:?}", review.against());
        (review.free_for_backup, review.has_way) = (None, false);
        assert_eq!(review.against(), [""; 0], "a fresh one is there");
        review.last_backup = Some((Utc::now() - TimeDelta::hours(25), 1));
        assert!(review.against()[0].contains("OCORE_BACKUP_DIR"));
        review.wants_backup = false;
        assert_eq!(review.against(), [""; 0]);
        // Nothing to do is done without any.
        review.schema.pending.clear();
        assert!(review.is_up_to_date() && review.against().is_empty() && review.told().ends_with("Go."));
    }
}
