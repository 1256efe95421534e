//! The control plane of the demonstration: `ocore serve` as a child, and its own command line.

use std::{
    fs::{self, DirBuilder, File},
    net::TcpListener,
    os::unix::{fs::DirBuilderExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::{sys::signal::Signal, unistd::Uid};
use ocore_testbed::command::{output, read};
use serde_json::Value;

use super::secrets::Secrets;
use crate::{
    process::{ask_to_end, interrupted},
    workspace,
};

/// How long a start may take, and a stop: running steps are let come to an end.
const PATIENCE: Duration = Duration::from_secs(90);

/// Who signs in to the dashboard.
pub(crate) const LOGIN: &str = "demo@example.com";

/// A running `ocore serve`, asked to stop when dropped.
pub(crate) struct Plane {
    /// The program.
    pub(crate) binary: PathBuf,
    /// Its data directory.
    pub(crate) data: PathBuf,
    /// Where its API is.
    pub(crate) url: String,
    /// What it was started with.
    pub(crate) secrets: Secrets,
    token: String,
    serve: Child,
}

impl Plane {
    /// Starts it and makes an administrator.
    pub(crate) fn start() -> Result<Self> {
        let binary = workspace::target().join("debug/ocore");
        let data = data_folder()?;
        let secrets = Secrets::in_folder(&data)?;
        let listen = listen()?;
        let log = data.join("serve.log");
        // In a group of its own, so that Ctrl-C reaches us first; and not to outlive us, should we be killed.
        let mut serve = Command::new("setpriv");
        configure(
            serve.args(["--pdeathsig", "TERM"]).arg(&binary).arg("serve"),
            &data,
            &secrets,
            &listen,
        );
        let serve = serve
            .process_group(0)
            .stdin(Stdio::null())
            // At its first start it prints a token there, which belongs in no file.
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .context("could not start `ocore serve`")?;
        let url = format!("http://{listen}");
        let mut plane = Self {
            binary,
            data,
            url,
            secrets,
            token: String::new(),
            serve,
        };
        plane.wait_ready(&log)?;
        let mut admin = Command::new(&plane.binary);
        configure(
            admin.args(["admin", "create", "--name", "demo"]),
            &plane.data,
            &plane.secrets,
            &listen,
        );
        let made = read(&mut admin)?;
        let token = made.split_whitespace().rfind(|word| word.starts_with("ocore_"));
        token
            .context("`ocore admin create` printed no token")?
            .clone_into(&mut plane.token);
        plane.make_account(&listen)?;
        Ok(plane)
    }

    /// Makes the account by which a person signs in to the dashboard; one that is there already is the same afterwards.
    fn make_account(&self, listen: &str) -> Result<()> {
        let mut admin = Command::new(&self.binary);
        configure(
            admin.args([
                "admin",
                "create",
                "--name",
                "demo",
                "--email",
                LOGIN,
                "--password-stdin",
            ]),
            &self.data,
            &self.secrets,
            listen,
        );
        // The password is in a file already, and is shown in no list of processes.
        let password = File::open(&self.secrets.admin_password_file)?;
        let made = admin.stdin(password).stdout(Stdio::null()).status()?;
        if !made.success() {
            bail!("`ocore admin create --email {LOGIN}` failed: {made}");
        }
        Ok(())
    }

    /// Where the dashboard is. By this name: browsers know it for this machine, and take it for as safe as https.
    pub(crate) fn dashboard(&self) -> String {
        self.url.replace("127.0.0.1", "localhost")
    }

    /// The administrator's token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Runs a command of its command line, which shows its progress itself, and answers what it printed as JSON.
    pub(crate) fn cli(&self, arguments: &[&str]) -> Result<Value> {
        let answer = Command::new(&self.binary)
            .args(arguments)
            .arg("--json")
            .env("OCORE_URL", &self.url)
            .env("OCORE_TOKEN", &self.token)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .context("could not start ocore's command line")?;
        if interrupted() {
            bail!("interrupted");
        }
        let json: Value = serde_json::from_slice(&answer.stdout).unwrap_or(Value::Null);
        if !answer.status.success() {
            bail!(
                "`ocore {}` failed ({}); oCore's log: {}/serve.log",
                arguments.join(" "),
                answer.status,
                self.data.display()
            );
        }
        Ok(json)
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.serve.try_wait(), Ok(None))
    }

    /// Asks it to stop and waits until it has.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        if !self.runs() {
            return Ok(());
        }
        ask_to_end(&self.serve, Signal::SIGTERM);
        let deadline = Instant::now() + PATIENCE;
        while self.runs() {
            if Instant::now() > deadline {
                self.serve.kill()?;
                self.serve.wait()?;
                bail!(
                    "`ocore serve` did not stop within {} s and was killed",
                    PATIENCE.as_secs()
                );
            }
            sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn wait_ready(&mut self, log: &Path) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let ready = format!("{}/health/ready", self.url);
        while ureq::get(&ready).call().is_err() {
            if interrupted() {
                bail!("interrupted");
            }
            if !self.runs() || Instant::now() > deadline {
                let said = fs::read_to_string(log).unwrap_or_default();
                bail!("`ocore serve` did not become ready; it said:\n{said}");
            }
            sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("{error:#}");
        }
    }
}

fn configure(command: &mut Command, data: &Path, secrets: &Secrets, listen: &str) {
    command
        .env_remove("DATABASE_URL")
        .env("OCORE_DATA_DIR", data)
        .env("OCORE_LISTEN", listen)
        .env("OCORE_LOG_FORMAT", "text")
        .env("JWT_SECRET", &secrets.jwt)
        .env("SSH_ENCRYPTION_KEY", &secrets.encryption_key);
}

/// The usual address, or one with a free port where the usual one is taken.
fn listen() -> Result<String> {
    const USUAL: &str = "127.0.0.1:8080";
    let free = TcpListener::bind(USUAL).or_else(|_| TcpListener::bind("127.0.0.1:0"));
    Ok(free
        .context("no port on the loopback is free")?
        .local_addr()?
        .to_string())
}

/// `target/demo`; as root, where PostgreSQL runs as another user, a folder that user can get to.
fn data_folder() -> Result<PathBuf> {
    let usual = workspace::target().join("demo");
    let folder = if Uid::effective().is_root() && !others_can_enter(&workspace::target()) {
        PathBuf::from("/var/lib/ocore-demo")
    } else {
        usual
    };
    DirBuilder::new().recursive(true).mode(0o755).create(&folder)?;
    folder
        .canonicalize()
        .with_context(|| format!("could not use {}", folder.display()))
}

fn others_can_enter(folder: &Path) -> bool {
    let mut test = Command::new("setpriv");
    test.args(["--reuid=65534", "--regid=65534", "--clear-groups", "test", "-x"])
        .arg(folder);
    output(&mut test).is_ok_and(|answer| answer.success())
}
