//! Real PgBouncers, of two Debian releases: one that keeps track of prepared statements, and one that cannot.

use std::{
    fs::{self, File},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::{as_nobody, folder, free_port, programs::copy};
use crate::{
    command::{installed, read},
    packages::{self, Need},
    tools::modules,
};

/// Of which Debian release it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// 1.18, which knows nothing of prepared statements in transaction mode.
    Bookworm,
    /// 1.24, which keeps track of them.
    Trixie,
}

impl Release {
    const ALL: [Self; 2] = [Self::Bookworm, Self::Trixie];

    const fn suite(self) -> &'static str {
        match self {
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
        }
    }

    fn folder(self) -> PathBuf {
        modules("pgbouncer").join(self.suite())
    }
}

/// What fetching them needs.
const NEEDED: [Need; 1] = [Need {
    what: "the keys of Debian's archive",
    package: "debian-archive-keyring",
    present: || Path::new("/usr/share/keyrings/debian-archive-keyring.gpg").is_file(),
}];

/// The script that fetches one.
const SCRIPT: &str = "images/pgbouncer.sh";

/// Makes sure that both are there.
pub fn install() -> Result<()> {
    for release in Release::ALL {
        let to = release.folder();
        if to.is_dir() {
            continue;
        }
        if !installed("apt-get") {
            bail!("PgBouncer comes from Debian's packages, and there is no apt-get here");
        }
        packages::install(&NEEDED)?;
        eprintln!(
            "installing PgBouncer of Debian {} into {}",
            release.suite(),
            to.display()
        );
        let parent = to.parent().context("the cache has no folder")?;
        fs::create_dir_all(parent)?;
        // What is half made never bears its name.
        let half = TempDir::with_prefix_in("half-", parent)?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(SCRIPT);
        read(
            Command::new("bash")
                .arg(script)
                .arg(half.path())
                .arg(release.suite()),
        )?;
        fs::rename(half.keep(), &to)?;
    }
    Ok(())
}

/// A PgBouncer; it ends when this is dropped.
#[derive(Debug)]
pub struct PgBouncer {
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

impl PgBouncer {
    /// One in transaction mode in front of a PostgreSQL on a port of this machine, which lets in users with passwords, with
    /// more lines for `[pgbouncer]`.
    pub fn start(release: Release, postgres: u16, users: &[(&str, &str)], more: &str) -> Result<Self> {
        let from = release.folder();
        if !from.is_dir() {
            bail!("PgBouncer is not installed: run `cargo xtask setup`");
        }
        let mut bouncer = Self {
            folder: folder()?,
            port: free_port()?,
            process: None,
        };
        copy(&from, &bouncer.folder.path().join("programs"))?;
        let known = bouncer.folder.path().join("users.txt");
        let users: String = users
            .iter()
            .map(|(user, password)| format!("\"{user}\" \"{password}\"\n"))
            .collect();
        fs::write(&known, users)?;
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={postgres}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {}\n\
             auth_type = scram-sha-256\nauth_file = {}\npool_mode = transaction\nunix_socket_dir =\n\
             max_client_conn = 500\n{more}\n",
            bouncer.port,
            known.display()
        );
        fs::write(bouncer.folder.path().join("pgbouncer.ini"), settings)?;
        bouncer.run()?;
        Ok(bouncer)
    }

    /// Its port, at 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends it at once.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill()?;
            process.wait()?;
        }
        Ok(())
    }

    /// Starts it, and waits until it listens.
    pub fn run(&mut self) -> Result<()> {
        let root = self.folder.path().join("programs");
        let libraries = ["usr/lib", "lib"]
            .map(|lib| format!("{}/{lib}/{}-linux-gnu", root.display(), std::env::consts::ARCH))
            .join(":");
        let loader = [
            "lib64/ld-linux-x86-64.so.2",
            "usr/lib64/ld-linux-x86-64.so.2",
            "lib/ld-linux-aarch64.so.1",
            "usr/lib/ld-linux-aarch64.so.1",
        ]
        .iter()
        .map(|path| root.join(path))
        .find(|path| path.exists())
        .context("PgBouncer's loader is missing")?;
        let log = self.folder.path().join("log");
        let mut command = as_nobody(&loader);
        command
            .args(["--library-path", &libraries])
            .arg(root.join("usr/sbin/pgbouncer"))
            .arg(self.folder.path().join("pgbouncer.ini"))
            .stdin(Stdio::null())
            .stdout(File::options().create(true).append(true).open(&log)?)
            .stderr(File::options().append(true).open(&log)?);
        self.process = Some(command.spawn()?);
        let until = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if Instant::now() > until {
                bail!("PgBouncer did not start: {}", self.log());
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.kill());
    }
}
