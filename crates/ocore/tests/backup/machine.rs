//! The program on a machine of its own, and what is looked at there.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

pub(crate) const KEY: &str = "canary-encryption-key-of-32-characters";
pub(crate) const TOKENS: &str = "canary-jwt-secret-of-32-characters-or-so";

/// The program on a machine of its own: a directory, and an environment.
pub(crate) struct Machine {
    pub(crate) dir: PathBuf,
    environment: Vec<(String, String)>,
}

impl Machine {
    /// One that knows the installation's secrets.
    pub(crate) fn new(dir: &Path) -> Self {
        Self::bare(dir)
            .with("SSH_ENCRYPTION_KEY", KEY)
            .with("JWT_SECRET", TOKENS)
    }

    /// One that knows nothing but where its data is to be.
    pub(crate) fn bare(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            environment: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ocore"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("OCORE_DATA_DIR", self.dir.join("data"))
            .env("OCORE_LISTEN", "127.0.0.1:0")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "ocore {}: {}",
            arguments.join(" "),
            all(&output)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(&[arguments, &["--json"]].concat())).unwrap()
    }

    /// Expected to fail; answers what it said, which holds no secret.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            !output.status.success(),
            "ocore {} is to fail: {}",
            arguments.join(" "),
            all(&output)
        );
        assert!(!all(&output).contains("canary"), "{}", all(&output));
        all(&output)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.join("data/postgres")
    }

    /// SQL on its own database, while something runs on it.
    pub(crate) fn sql(&self, sql: &str) -> String {
        psql(
            &format!("host={} user=ocore dbname=ocore", self.socket().display()),
            sql,
        )
    }
}

pub(crate) fn psql(to: &str, sql: &str) -> String {
    let output = Command::new("psql")
        .args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-d", to, "-c", sql])
        .output()
        .unwrap();
    assert!(output.status.success(), "{sql}: {}", all(&output));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(crate) fn all(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// `ocore serve`, until it is stopped.
pub(crate) struct Serve {
    process: Child,
    address: String,
}

impl Serve {
    pub(crate) fn start(machine: &Machine) -> Self {
        let mut process = machine.command(&["serve"]).spawn().unwrap();
        for line in BufReader::new(process.stdout.take().unwrap()).lines() {
            if let Some((_, rest)) = line.unwrap().split_once("listens on http://") {
                let address = rest.split_whitespace().next().unwrap().to_owned();
                // Heard out, so that it never waits to be heard.
                let mut log = process.stderr.take().unwrap();
                thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
                return Self { process, address };
            }
        }
        let output = process.wait_with_output().unwrap();
        panic!("it ended: {}", all(&output));
    }

    pub(crate) fn get(&self, path: &str, token: &str) -> Value {
        let header = format!("authorization: Bearer {token}");
        let output = Command::new("curl")
            .args([
                "-fsS",
                "-m",
                "20",
                "-H",
                &header,
                &format!("http://{}{path}", self.address),
            ])
            .output()
            .unwrap();
        assert!(output.status.success(), "{path}: {}", all(&output));
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    pub(crate) fn runs(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    pub(crate) fn stop(mut self) {
        kill(
            Pid::from_raw(i32::try_from(self.process.id()).unwrap()),
            Signal::SIGTERM,
        )
        .unwrap();
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A directory in which PostgreSQL's own user finds its way.
pub(crate) fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o711)).unwrap();
    dir
}

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A pair of keys: the file with the secret one, and the public one.
pub(crate) fn pair(machine: &Machine, file: &Path) -> String {
    let output = machine.run(&["backup", "key"]);
    fs::write(file, &output.stdout).unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    said.trim()
        .strip_prefix("OCORE_BACKUP_RECIPIENTS=")
        .unwrap()
        .to_owned()
}

pub(crate) fn backup_files(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort();
    found
}
