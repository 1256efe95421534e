//! Clusters of real PostgreSQL, of each version that oCore runs on: on a port of this machine and on a socket, with
//! certificates, with a standby, killed and promoted.

mod pgbouncer;
mod programs;
mod switch;

use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::command::{output, read};

pub use pgbouncer::{PgBouncer, Release, install as install_pgbouncer};
pub(crate) use programs::TOOL;
pub use programs::VERSIONS;
pub use switch::Switch;

/// The superuser of each cluster, whom the socket lets in without a password.
pub const SUPERUSER: &str = "postgres";
/// How long a cluster may take to answer.
const READY: Duration = Duration::from_secs(60);

/// A cluster; it ends, and all of it goes, when this is dropped. When the holder dies, so does it.
#[derive(Debug)]
pub struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    settings: Vec<String>,
    server: Option<Child>,
}

impl Postgres {
    /// One of a version, with settings such as `max_connections=20`, which nobody but the superuser may enter by TCP
    /// without a password.
    pub fn start(version: u32, settings: &[&str]) -> Result<Self> {
        let folder = folder()?;
        let programs = programs::programs(version, folder.path())?;
        Self::make(folder, programs, settings)
    }

    /// One of the distribution's version, which can have a standby.
    pub fn start_packaged(settings: &[&str]) -> Result<Self> {
        let (_, programs) = programs::distribution()?;
        Self::make(folder()?, programs, settings)
    }

    fn make(folder: TempDir, programs: PathBuf, settings: &[&str]) -> Result<Self> {
        let mut cluster = Self {
            folder,
            programs,
            port: free_port()?,
            settings: settings.iter().map(|&setting| setting.to_owned()).collect(),
            server: None,
        };
        let mut initdb = cluster.command("initdb");
        initdb.arg("-D").arg(cluster.data()).args([
            "--username",
            SUPERUSER,
            "--auth=trust",
            "--no-sync",
            "--no-instructions",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ]);
        read(&mut initdb).context("could not make a cluster")?;
        cluster.admit(
            "local all all trust\n\
             host replication all 127.0.0.1/32 trust\n\
             host all postgres 127.0.0.1/32 trust\n\
             host all all all scram-sha-256\n",
        )?;
        cluster.run()?;
        Ok(cluster)
    }

    /// Who is let in, in the words of `pg_hba.conf`. In force from the next start or reload on.
    pub fn admit(&self, rules: &str) -> Result<()> {
        Ok(fs::write(self.data().join("pg_hba.conf"), rules)?)
    }

    /// Gives it a certificate and its key, and the authorities whose clients it knows; all PEM. From the next start on.
    pub fn secure(&mut self, certificate: &str, key: &str, clients: Option<&str>) -> Result<()> {
        let files = [
            ("server.crt", Some(certificate)),
            ("server.key", Some(key)),
            ("root.crt", clients),
        ];
        for (name, pem) in files {
            let Some(pem) = pem else { continue };
            let path = self.data().join(name);
            fs::write(&path, pem)?;
            own(&path)?;
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        }
        self.settings.push("ssl=on".to_owned());
        if clients.is_some() {
            self.settings.push("ssl_ca_file=root.crt".to_owned());
        }
        Ok(())
    }

    /// Starts it, and waits until it answers.
    pub fn run(&mut self) -> Result<()> {
        let log = self.folder.path().join("log");
        let mut postgres = self.command("postgres");
        postgres
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(self.folder.path())
            .arg(format!("-p{}", self.port))
            .args(["-c", "listen_addresses=localhost", "-c", "fsync=off"])
            .args(self.settings.iter().flat_map(|setting| ["-c", setting]))
            .stdin(Stdio::null())
            .stdout(File::options().create(true).append(true).open(&log)?)
            .stderr(File::options().append(true).open(&log)?);
        self.server = Some(postgres.spawn().context("could not start PostgreSQL")?);
        let until = Instant::now() + READY;
        while self.sql(SUPERUSER, "select 1").is_err() {
            let ended = match &mut self.server {
                Some(server) => server.try_wait()?.is_some(),
                None => true,
            };
            if ended || Instant::now() > until {
                bail!(
                    "PostgreSQL did not start: {}",
                    fs::read_to_string(&log).unwrap_or_default()
                );
            }
            sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Ends every process of it at once, without a word to anybody.
    pub fn kill(&mut self) -> Result<()> {
        let Some(mut server) = self.server.take() else {
            return Ok(());
        };
        // The postmaster first, so that it makes no new ones; what it leaves would notice and end, but later.
        let children = output(Command::new("pgrep").args(["-P", &server.id().to_string()]))?.stdout;
        server.kill()?;
        server.wait()?;
        if !children.is_empty() {
            output(Command::new("kill").arg("-9").args(children.lines()))?;
        }
        Ok(())
    }

    /// Ends it in order: sessions are ended, and everything is written.
    pub fn stop(&mut self) -> Result<()> {
        let Some(mut server) = self.server.take() else {
            return Ok(());
        };
        read(Command::new("kill").args(["-INT", &server.id().to_string()]))?;
        server.wait()?;
        Ok(())
    }

    /// A standby that follows it, under a name; it takes part in no commit until the primary is told to wait for it.
    pub fn standby(&self, name: &str) -> Result<Self> {
        let folder = folder()?;
        let mut standby = Self {
            folder,
            programs: self.programs.clone(),
            port: free_port()?,
            settings: self.settings.clone(),
            server: None,
        };
        let mut copy = standby.command("pg_basebackup");
        copy.arg("-D")
            .arg(standby.data())
            .args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "-d"])
            .arg(format!(
                "host=127.0.0.1 port={} user={SUPERUSER} application_name={name}",
                self.port
            ));
        read(&mut copy).context("could not copy the cluster")?;
        standby.run()?;
        Ok(standby)
    }

    /// Makes a standby the primary.
    pub fn promote(&self) -> Result<()> {
        self.sql(SUPERUSER, "select pg_promote()").map(drop)
    }

    /// Asks the database something as the superuser, by the socket; rows are lines, columns stand between `|`.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String> {
        let mut psql = Command::new("psql");
        psql.args([
            "-XqAt",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            SUPERUSER,
            "-d",
            database,
            "-h",
        ])
        .arg(self.folder.path())
        .arg(format!("-p{}", self.port))
        .args(["-c", sql]);
        read(&mut psql)
    }

    /// Its port, at localhost.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of its socket.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = as_nobody(&self.programs.join(program));
        command.current_dir(self.folder.path());
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        drop(self.kill());
    }
}

/// A folder that whoever the programs run as owns.
fn folder() -> Result<TempDir> {
    let folder = TempDir::with_prefix("ocore-testbed-pg-")?;
    own(folder.path())?;
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    Ok(folder)
}

/// Gives a file to whoever the programs run as.
fn own(path: &Path) -> Result<()> {
    if is_root()? {
        read(Command::new("chown").arg(SUPERUSER).arg(path))?;
    }
    Ok(())
}

fn is_root() -> Result<bool> {
    Ok(read(Command::new("id").arg("-u"))? == "0")
}

/// A program that ends when we do, and does not run as root, as which neither PostgreSQL nor PgBouncer would.
fn as_nobody(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if is_root().unwrap_or(false) {
        command.args(["--reuid", SUPERUSER, "--regid", SUPERUSER, "--init-groups"]);
    }
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
