//! A running `ocore serve` with an embedded PostgreSQL of its own, and its command line.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

use crate::ingest::cpu_of;

pub struct Ocore {
    binary: PathBuf,
    folder: TempDir,
    serve: Child,
    url: String,
    token: String,
}

impl Ocore {
    /// Starts it with nothing in its database.
    pub fn start(binary: &Path, log: &str) -> Result<Self> {
        Self::start_on(binary, log, None)
    }

    /// Starts it on a database elsewhere, if one is given.
    pub fn start_on(binary: &Path, log: &str, database: Option<&str>) -> Result<Self> {
        ensure!(
            binary.is_file(),
            "there is no {}; build it first",
            binary.display()
        );
        let folder = tempfile::tempdir()?;
        let mut serve = Command::new(binary)
            .arg("serve")
            .env("ENVIRONMENT", "development")
            .env("OCORE_DATA_DIR", folder.path().join("data"))
            .env("OCORE_LISTEN", "127.0.0.1:0")
            .env("OCORE_LOG", log)
            .env("OCORE_LIMIT_READ", "1000000/1")
            .env("OCORE_LIMIT_CHANGE", "1000000/1")
            .env("DATABASE_URL", database.unwrap_or_default())
            .stdout(Stdio::piped())
            .stderr(File::create(folder.path().join("log"))?)
            .spawn()
            .context("could not start `ocore serve`")?;
        let output = serve.stdout.take().context("`ocore serve` has no output")?;
        let mut ocore = Self {
            binary: binary.to_owned(),
            folder,
            serve,
            url: String::new(),
            token: String::new(),
        };
        for line in BufReader::new(output).lines() {
            let line = line?;
            // Only at the first start on a database.
            if let Some((_, token)) = line.split_once("OCORE_TOKEN=") {
                token.trim().clone_into(&mut ocore.token);
            }
            if let Some((_, rest)) = line.split_once("listens on ") {
                rest.split(' ')
                    .next()
                    .unwrap_or_default()
                    .clone_into(&mut ocore.url);
                return Ok(ocore);
            }
        }
        bail!("`ocore serve` did not start: {}", ocore.log())
    }

    /// Runs a command of the client to its end; answers how long it took.
    pub fn run(&self, arguments: &[&str]) -> Result<Duration> {
        let began = Instant::now();
        let output = Command::new(&self.binary)
            .args(arguments)
            .arg("--json")
            .env("OCORE_URL", &self.url)
            .env("OCORE_TOKEN", &self.token)
            .stdin(Stdio::null())
            .output()?;
        let took = began.elapsed();
        ensure!(
            output.status.success(),
            "`ocore {}` failed: {}{}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(took)
    }

    /// Where it serves.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// A folder that goes when it ends.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn pid(&self) -> u32 {
        self.serve.id()
    }

    /// Resident memory of the process itself, in MB (10⁶ bytes), PostgreSQL apart.
    pub fn resident(&self) -> Result<f64> {
        resident(self.pid())
    }

    /// Seconds of CPU that the process itself has used.
    pub fn cpu(&self) -> Result<f64> {
        cpu_of(&format!("/proc/{}/stat", self.pid()), 0..2)
    }
}

/// Resident memory of a process, in MB (10⁶ bytes).
pub fn resident(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib: f64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"))
        .context("no VmRSS")?
        .parse()?;
    Ok(kib * 1024.0 / 1e6)
}

impl Drop for Ocore {
    fn drop(&mut self) {
        if let Ok(pid) = i32::try_from(self.serve.id()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let _ = self.serve.wait();
    }
}

/// Fails when the machine's Docker holds what oCore would take for its own, or what this would disturb.
pub fn check_docker() -> Result<()> {
    let output = Command::new("docker")
        .args(["ps", "-aq", "--filter", "name=^ocore-postgres$"])
        .output()
        .context("docker is not installed")?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    ensure!(
        output.stdout.is_empty(),
        "this machine is a server of an oCore already (it has the container ocore-postgres)"
    );
    Ok(())
}
