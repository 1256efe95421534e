//! A private PostgreSQL: in a temporary folder, on a unix socket in it, gone when dropped.

use std::{
    fs::File,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Child, Command},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::Signal,
    unistd::{Uid, User},
};
use ocore_testbed::command::{output, read};
use tempfile::TempDir;

use crate::process::ask_to_end;

/// Nothing here outlives the process, so nothing has to reach the disk.
const SETTINGS: [&str; 6] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "listen_addresses=",
    // Each test process of nextest has pools of its own.
    "max_connections=400",
    "shared_buffers=256MB",
];

/// A running PostgreSQL, stopped and removed when dropped.
pub(crate) struct Postgres {
    programs: PathBuf,
    folder: TempDir,
    server: Child,
}

impl Postgres {
    /// Makes and starts one.
    pub(crate) fn start() -> Result<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("ocore-pg-").tempdir()?;
        let owner = unprivileged_user()?;
        if let Some(user) = &owner {
            chown(folder.path(), Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
        }
        let data = folder.path().join("data");

        let mut initdb = as_user(owner.as_ref(), &programs.join("initdb"), Signal::SIGQUIT);
        initdb.arg("-D").arg(&data).args([
            "--username=postgres",
            "--auth=trust",
            "--no-sync",
            "--no-instructions",
        ]);
        initdb
            .args(["--encoding=UTF8", "--locale=C.UTF-8"])
            .current_dir(folder.path());
        read(&mut initdb).context("could not make a private PostgreSQL")?;

        let log = folder.path().join("log");
        let mut postgres = as_user(owner.as_ref(), &programs.join("postgres"), Signal::SIGQUIT);
        postgres
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(folder.path())
            .current_dir(folder.path());
        postgres.args(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
        // Into a group of its own: Ctrl-C must reach the tests first, and their database after them.
        std::os::unix::process::CommandExt::process_group(&mut postgres, 0);
        let server = postgres
            .stdout(File::create(&log)?)
            .stderr(File::options().append(true).open(&log)?)
            .spawn()
            .context("could not start PostgreSQL")?;

        let mut postgres = Self {
            programs,
            folder,
            server,
        };
        postgres.wait_ready(&log)?;
        Ok(postgres)
    }

    /// The address of a database in it.
    pub(crate) fn url(&self, database: &str) -> String {
        format!(
            "postgres://postgres@localhost/{database}?host={}",
            self.folder.path().display()
        )
    }

    /// Makes a database and brings it to the schema of the folder of migrations.
    pub(crate) fn create_migrated(&self, database: &str, migrations: &Path) -> Result<()> {
        self.psql("postgres", &["-c", &format!("create database \"{database}\"")])?;
        self.psql(database, &["-c", r#"create extension if not exists "uuid-ossp""#])?;
        let mut files: Vec<PathBuf> = std::fs::read_dir(migrations)
            .with_context(|| format!("no migrations in {}", migrations.display()))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        files.retain(|file| file.extension().is_some_and(|ending| ending == "sql"));
        files.sort();
        for file in files {
            // As sqlx does: one transaction each, unless the file says that it cannot have one.
            let text = std::fs::read_to_string(&file)?;
            let together: &[&str] = if text.starts_with("-- no-transaction") {
                &[]
            } else {
                &["-1"]
            };
            let path = file.to_str().context("a migration whose name is not text")?;
            self.psql(database, &[together, &["-f", path]].concat())
                .with_context(|| format!("migration {path} failed"))?;
        }
        Ok(())
    }

    fn psql(&self, database: &str, arguments: &[&str]) -> Result<String> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &self.url(database)])
            .args(arguments);
        read(&mut psql)
    }

    fn wait_ready(&mut self, log: &Path) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let mut probe = Command::new(self.programs.join("pg_isready"));
            if output(probe.args(["-q", "-U", "postgres", "-h"]).arg(self.folder.path()))?.success() {
                return Ok(());
            }
            let ended = self.server.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                let said = std::fs::read_to_string(log).unwrap_or_default();
                bail!("the private PostgreSQL did not start; it said:\n{said}");
            }
            sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Immediate shutdown: the data is thrown away with the folder.
        ask_to_end(&self.server, Signal::SIGQUIT);
        drop(self.server.wait());
    }
}

/// The folder of PostgreSQL's server programs: `PG_BIN`, else the distribution's newest, else PATH's.
pub(crate) fn programs() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("PG_BIN").map(PathBuf::from) {
        if folder.join("initdb").is_file() {
            return Ok(folder);
        }
        bail!("PG_BIN is {}, but there is no initdb in it", folder.display());
    }
    let distribution = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let newest = distribution
        .filter(|entry| entry.path().join("bin/initdb").is_file())
        .max_by_key(|entry| entry.file_name().to_string_lossy().parse::<u32>().unwrap_or(0));
    if let Some(version) = newest {
        return Ok(version.path().join("bin"));
    }
    std::env::var_os("PATH")
        .and_then(|path| std::env::split_paths(&path).find(|folder| folder.join("initdb").is_file()))
        .context("PostgreSQL's server programs (initdb, postgres) are not installed; run `cargo xtask setup`")
}

/// `initdb` and `postgres` refuse to run as root: then they run as this user.
pub(crate) fn unprivileged_user() -> Result<Option<User>> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Some(user) = User::from_name(name)? {
            return Ok(Some(user));
        }
    }
    bail!(
        "PostgreSQL refuses to run as root, and there is neither a user `postgres` nor `nobody` to run it as"
    )
}

/// A program that ends with us by a signal, even if we are killed, and does not run as root.
pub(crate) fn as_user(user: Option<&User>, program: &Path, end: Signal) -> Command {
    let mut command = Command::new("setpriv");
    if let Some(user) = user {
        command
            .arg(format!("--reuid={}", user.uid))
            .arg(format!("--regid={}", user.gid))
            .arg("--init-groups");
    }
    let end = end.as_str().trim_start_matches("SIG");
    command.args(["--pdeathsig", end]).arg(program);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_answers_and_leaves_nothing_behind() {
        let migrations = tempfile::tempdir().unwrap();
        std::fs::write(migrations.path().join("2_b.sql"), "insert into a values (7)").unwrap();
        std::fs::write(migrations.path().join("1_a.sql"), "create table a (i int)").unwrap();
        let postgres = Postgres::start().unwrap();
        postgres.create_migrated("one", migrations.path()).unwrap();
        assert_eq!(postgres.psql("one", &["-Atc", "select i from a"]).unwrap(), "7");

        let folder = postgres.folder.path().to_owned();
        drop(postgres);
        assert!(!folder.exists());
    }

    #[test]
    fn a_wrong_migration_is_named_with_the_reason() {
        let migrations = tempfile::tempdir().unwrap();
        std::fs::write(migrations.path().join("1_wrong.sql"), "create tabel a (i int)").unwrap();
        let error = Postgres::start()
            .unwrap()
            .create_migrated("one", migrations.path())
            .unwrap_err();
        let error = format!("{error:#}");
        assert!(
            error.contains("1_wrong.sql") && error.contains("syntax error"),
            "{error}"
        );
    }
}
