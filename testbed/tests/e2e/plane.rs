//! One control plane: the real binary with a database of its own, driven by the real CLI.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    rc::Rc,
    sync::atomic::{AtomicU16, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::world::slot;

/// A secret that must never be seen again; every plane's own secrets bear it.
pub(crate) const CANARY: &str = "canary7f3a";

pub(crate) struct Plane {
    dir: Rc<TempDir>,
    serve: Option<Child>,
    port: u16,
    token: String,
    runs: u32,
    /// A PostgreSQL that is not its own.
    database: Option<String>,
    /// What else its configuration says.
    settings: Vec<(&'static str, String)>,
    /// Whether servers reach it, and agents are to be had.
    has_agents: bool,
}

/// What one call of the CLI gave.
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) json: Value,
    pub(crate) text: String,
}

impl Plane {
    /// With the embedded PostgreSQL.
    pub(crate) fn start() -> Self {
        Self::start_on(None)
    }

    /// With the embedded PostgreSQL, and configured further.
    pub(crate) fn start_with(settings: Vec<(&'static str, String)>) -> Self {
        Self::start_as(None, settings, false)
    }

    /// With the embedded PostgreSQL, where the servers reach it, and with agents for them.
    pub(crate) fn start_with_agents() -> Self {
        Self::start_as(None, Vec::new(), true)
    }

    /// The same, and configured further.
    pub(crate) fn start_with_agents_and(settings: Vec<(&'static str, String)>) -> Self {
        Self::start_as(None, settings, true)
    }

    /// With a PostgreSQL elsewhere.
    pub(crate) fn start_on(database: Option<String>) -> Self {
        Self::start_as(database, Vec::new(), false)
    }

    fn start_as(database: Option<String>, settings: Vec<(&'static str, String)>, has_agents: bool) -> Self {
        let dir = tempfile::Builder::new().prefix("ocore-e2e-").tempdir().unwrap();
        let mut plane = Self {
            dir: Rc::new(dir),
            serve: None,
            port: free_port(),
            token: String::new(),
            runs: 0,
            database,
            settings,
            has_agents,
        };
        plane.up();
        let made = plane
            .command(&["admin", "create", "--name", "e2e"])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&made.stdout).into_owned();
        let token = text
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .find(|w| w.starts_with("ocore_"));
        plane.token = token.map_or_else(|| panic!("no token in {text}{}", err(&made)), str::to_owned);
        plane
    }

    /// The machine is gone, with everything on it and without a warning.
    pub(crate) fn lose(mut self) -> Lost {
        let own = self.dir.path().join("postgres/postmaster.pid");
        let database = fs::read_to_string(own).unwrap();
        if let Some(mut serve) = self.serve.take() {
            serve.kill().unwrap();
            serve.wait().unwrap();
        }
        let pid = database.lines().next().unwrap();
        assert!(Command::new("kill").args(["-9", pid]).status().unwrap().success());
        let dir = self.dir.path().to_owned();
        let lost = Lost {
            port: self.port,
            token: self.token.clone(),
            settings: self.settings.clone(),
            has_agents: self.has_agents,
        };
        // With the plane its directory goes. What is left of PostgreSQL may still write there for a moment.
        sleep(Duration::from_secs(1));
        drop(self);
        let _ = fs::remove_dir_all(&dir);
        assert!(!dir.exists(), "{} is still there", dir.display());
        lost
    }

    /// A machine that has nothing, where the lost one was reached. It does not serve yet.
    pub(crate) fn in_place_of(lost: &Lost) -> Self {
        Self {
            dir: Rc::new(tempfile::Builder::new().prefix("ocore-e2e-").tempdir().unwrap()),
            serve: None,
            port: lost.port,
            token: lost.token.clone(),
            runs: 0,
            database: None,
            settings: lost.settings.clone(),
            has_agents: lost.has_agents,
        }
    }

    /// Another process of the same control plane, on the same database.
    pub(crate) fn beside(&self) -> Self {
        self.beside_with(self.settings.clone())
    }

    /// The same, configured in its own way.
    pub(crate) fn beside_with(&self, settings: Vec<(&'static str, String)>) -> Self {
        let mut second = Self {
            dir: self.dir.clone(),
            serve: None,
            port: free_port(),
            token: self.token.clone(),
            runs: 0,
            database: self.database.clone(),
            settings,
            has_agents: self.has_agents,
        };
        second.up();
        second
    }

    /// What is to go wrong in this process from now on (`faults.rs` of `ocore-operations`).
    pub(crate) fn ask_for(&self, faults: &str) {
        fs::write(self.faults(), faults).unwrap();
    }

    fn faults(&self) -> PathBuf {
        self.dir.path().join(format!("faults-{}", self.port))
    }

    /// Starts `ocore serve` and waits until it is ready.
    pub(crate) fn up(&mut self) {
        self.runs += 1;
        let log = File::create(self.log_path(self.runs)).unwrap();
        let mut command = self.command(&["serve"]);
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.serve = Some(command.spawn().unwrap());
        let began = Instant::now();
        while !self.is_ready() {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "not ready: {}",
                self.log()
            );
            let ended = self.serve.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "serve ended at once: {}", self.log());
            sleep(Duration::from_millis(100));
        }
    }

    fn is_ready(&self) -> bool {
        let ready = format!("http://127.0.0.1:{}/health/ready", self.port);
        let asked = Command::new("curl")
            .args(["-fsS", "-m", "2", "-o", "/dev/null", &ready])
            .stderr(Stdio::null())
            .status();
        asked.is_ok_and(|status| status.success())
    }

    /// Whether the process runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        let serve = self.serve.as_mut();
        serve.is_some_and(|serve| serve.try_wait().unwrap().is_none())
    }

    /// Waits until the process has killed itself, as a fault asked for.
    pub(crate) fn wait_for_death(&mut self, limit: Duration) {
        let began = Instant::now();
        // Kept until it is dead: should this fail, the process has to be stopped all the same.
        while self.serve.as_mut().unwrap().try_wait().unwrap().is_none() {
            assert!(
                began.elapsed() < limit,
                "still alive after {limit:?}: {}",
                self.log()
            );
            sleep(Duration::from_millis(50));
        }
        self.serve = None;
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.serve.as_ref().unwrap().id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Kills it, as if the machine had lost its power.
    pub(crate) fn kill(&mut self) {
        let mut serve = self.serve.take().unwrap();
        serve.kill().unwrap();
        serve.wait().unwrap();
    }

    /// What opens its API.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Ends it in good order.
    pub(crate) fn stop(&mut self) {
        if let Some(mut serve) = self.serve.take() {
            let _ = Command::new("kill")
                .args(["-TERM", &serve.id().to_string()])
                .status();
            let began = Instant::now();
            while serve.try_wait().unwrap().is_none() {
                if began.elapsed() > Duration::from_secs(60) {
                    let _ = serve.kill();
                }
                sleep(Duration::from_millis(50));
            }
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .env_remove("DATABASE_URL")
            .env("ENVIRONMENT", "development")
            .env("OCORE_DATA_DIR", self.dir.path())
            .env("OCORE_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("OCORE_URL", format!("http://127.0.0.1:{}", self.port))
            .env("OCORE_TOKEN", &self.token)
            .env("OCORE_HEALTH_INTERVAL", "3")
            .env("OCORE_LOG", "trace")
            .env(
                "JWT_SECRET",
                format!("{CANARY}-jwt-secret-of-32-characters-and-more"),
            )
            .env(
                "SSH_ENCRYPTION_KEY",
                format!("{CANARY}-encryption-key-of-32-characters"),
            )
            .env("OCORE_FAULTS", self.faults())
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        if let Some(database) = &self.database {
            command.env("DATABASE_URL", database);
        }
        if self.has_agents {
            command
                .env("OCORE_LISTEN", format!("0.0.0.0:{}", self.port))
                .env(
                    "OCORE_AGENT_URL",
                    format!("http://{}:{}", ocore_testbed::gateway(), self.port),
                )
                .env("OCORE_AGENT_BINARY", agent());
        }
        command
    }

    pub(crate) fn cli(&self, arguments: &[impl AsRef<str>]) -> Answer {
        self.cli_in(arguments, None)
    }

    /// The CLI with something on its standard input.
    pub(crate) fn cli_in(&self, arguments: &[impl AsRef<str>], stdin: Option<&str>) -> Answer {
        let mut arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
        arguments.push("--json");
        let mut command = self.command(&arguments);
        if stdin.is_some() {
            command.stdin(Stdio::piped());
        }
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        if let Some(text) = stdin {
            use std::io::Write;
            child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        }
        let output = child.wait_with_output().unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        Answer {
            code: output.status.code().unwrap_or(-1),
            json: serde_json::from_str(&stdout).unwrap_or(Value::Null),
            text: format!("{stdout}{}", err(&output)),
        }
    }

    /// The CLI, expected to succeed; a changing verb has waited for the end of its operation.
    pub(crate) fn ok(&self, arguments: &[impl AsRef<str>]) -> Value {
        let answer = self.cli(arguments);
        assert_eq!(
            answer.code,
            0,
            "ocore {}: {}\n{}",
            said(arguments),
            answer.text,
            self.log_tail()
        );
        answer.json
    }

    /// Begins an operation by the CLI without waiting for its end; answers its id.
    pub(crate) fn begin(&self, arguments: &[impl AsRef<str>]) -> String {
        let mut arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
        arguments.push("--no-wait");
        let begun = self.ok(&arguments);
        let id = begun["operation"]["id"].as_str();
        id.unwrap_or_else(|| panic!("no operation in {begun}")).to_owned()
    }

    /// The CLI, expected to fail with a code; answers the whole text.
    pub(crate) fn refused(&self, arguments: &[&str], code: &str) -> String {
        let answer = self.cli(arguments);
        assert_ne!(
            answer.code,
            0,
            "ocore {} should fail with {code}: {}",
            arguments.join(" "),
            answer.text
        );
        assert!(
            answer.text.contains(code),
            "ocore {}: no {code} in {}",
            arguments.join(" "),
            answer.text
        );
        answer.text
    }

    /// The API by itself: status and body.
    pub(crate) fn api(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, String) {
        let mut command = Command::new("curl");
        command.args(["-sS", "-m", "60", "-X", method, "-w", "\n%{http_code}"]);
        command.args(["-H", &format!("authorization: Bearer {}", self.token)]);
        if let Some(body) = body {
            command.args(["-H", "content-type: application/json", "-d", &body.to_string()]);
        }
        let output = command
            .arg(format!("http://127.0.0.1:{}{path}", self.port))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, status) = text.rsplit_once('\n').unwrap_or(("", "0"));
        (status.trim().parse().unwrap_or(0), body.to_owned())
    }

    /// Where it listens.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, body) = self.api("GET", path, None);
        assert_eq!(status, 200, "GET {path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Waits until an operation is final, and answers it.
    pub(crate) fn await_operation(&self, id: &str, limit: Duration) -> Value {
        self.await_that(limit, &format!("operation {id} to end"), || {
            let operation = self.get(&format!("/api/operations/{id}"));
            let state = operation["state"].as_str().unwrap_or("").to_owned();
            (!["queued", "running", "undoing"].contains(&state.as_str())).then_some(operation)
        })
    }

    pub(crate) fn await_that<T>(
        &self,
        limit: Duration,
        what: &str,
        mut look: impl FnMut() -> Option<T>,
    ) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(
                began.elapsed() < limit,
                "waited {limit:?} for {what}\n{}",
                self.log_tail()
            );
            sleep(Duration::from_millis(250));
        }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    fn log_path(&self, run: u32) -> PathBuf {
        self.dir.path().join(format!("serve-{}-{run}.log", self.port))
    }

    /// Everything `ocore serve` has said in all its runs.
    pub(crate) fn log(&self) -> String {
        (1..=self.runs)
            .map(|run| fs::read_to_string(self.log_path(run)).unwrap_or_default())
            .collect()
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log
            .lines()
            .filter(|l| !l.contains("DEBUG") && !l.contains("TRACE"))
            .collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// SQL on the plane's own database: the rows themselves.
    pub(crate) fn sql(&self, sql: &str) -> String {
        let own = format!(
            "postgres://ocore@localhost/ocore?host={}",
            self.dir.path().join("postgres").display()
        );
        let url = self.database.as_ref().unwrap_or(&own);
        let output = Command::new("psql")
            .args(["-XqAt", "-d", url, "-c", sql])
            .output()
            .unwrap();
        assert!(output.status.success(), "{sql}: {}", err(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

/// What people still have of a control plane that is lost: where it was reached, and their token.
pub(crate) struct Lost {
    port: u16,
    token: String,
    settings: Vec<(&'static str, String)>,
    has_agents: bool,
}

impl Lost {
    /// The same, reached elsewhere.
    pub(crate) fn elsewhere(&self) -> Self {
        Self {
            port: free_port(),
            token: self.token.clone(),
            settings: self.settings.clone(),
            has_agents: self.has_agents,
        }
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the end of the plane's log ---\n{}", self.log_tail());
        }
        self.stop();
    }
}

fn said(arguments: &[impl AsRef<str>]) -> String {
    let words: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
    words.join(" ")
}

/// A port that nothing listens on. It is none of those that the kernel gives out by itself, and none of the test's beside
/// this one, so it is still free when a process that was killed starts again.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 12_000 + 500 * u16::from(slot());
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed) % 500;
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
}

fn binary() -> PathBuf {
    std::env::var_os("OCORE_BIN").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/debug/ocore"),
        PathBuf::from,
    )
}

/// The agent, as it is given away.
pub(crate) fn agent() -> PathBuf {
    std::env::var_os("OCORE_AGENT_BIN").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/x86_64-unknown-linux-gnu/agent/ocore-agent"),
        PathBuf::from,
    )
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
