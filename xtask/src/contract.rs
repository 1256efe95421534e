//! `cargo xtask contract`: a running `ocore serve` is held against its own description by schemathesis, which makes up
//! requests, right ones and wrong ones, and looks whether each answer is one that the description allows.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread::{self, sleep},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use ocore_testbed::command::read;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    binary,
    postgres::{self, as_user, unprivileged_user},
    process::{ask_to_end, interrupted},
    setup, workspace,
};

/// How long oCore's start may take.
const START: Duration = Duration::from_secs(90);
/// How long all the requests may take.
const REQUESTS: Duration = Duration::from_secs(300);
/// Requests made up for each route, beside those at the bounds of its parameters.
const EXAMPLES: &str = "20";

/// What a validation that went well leaves behind.
const ACTIVE: &str = r#"update servers set status = 'active', facts = '{
    "osName": "Debian GNU/Linux", "osVersion": "12", "kernel": "6.1", "architecture": "x86_64", "cpuCores": 4,
    "ramTotalBytes": 1000000000000, "diskTotalBytes": 1000000000000, "diskAvailableBytes": 1000000000000,
    "dockerVersion": "27.0", "dockerRoute": "streamlocal", "privilege": "root", "bootId": "b",
    "observedAt": "2026-01-01T00:00:00Z"}' where name = 'contract'"#;

/// Builds oCore, starts it on nothing, and asks it everything: the same every time, or what follows from a seed.
pub(crate) fn command(seed: Option<u64>) -> Result<()> {
    let tool = setup::schemathesis()?;
    let mut plane = Plane::start(&binary::build()?)?;
    let asked = furnish(&plane).and_then(|operation| ask(&tool, &plane, &operation, seed));
    if !plane.runs() {
        bail!("`ocore serve` ended meanwhile; it said:\n{}", plane.said());
    }
    asked
}

/// Makes a server and an instance, both named `contract`, so that requests can be about something; answers the
/// operation that makes the instance. Nothing listens where the server is said to be.
fn furnish(plane: &Plane) -> Result<String> {
    let server = json!({
        "name": "contract", "authMethod": "password", "sshPassword": "none", "host": "127.0.0.1", "port": 1,
    });
    let validation = plane.post("/api/servers", &server)?;
    plane.post(&format!("/api/operations/{validation}/cancel"), &json!({}))?;
    let instance = json!({"name": "contract", "serverId": "contract"});
    let deadline = Instant::now() + START;
    let operation = loop {
        // An instance is only made on a server that was seen to be good.
        plane.sql(ACTIVE)?;
        match plane.post("/api/instances", &instance) {
            Ok(operation) => break operation,
            Err(error) if Instant::now() > deadline || interrupted() => return Err(error),
            Err(_) => sleep(Duration::from_millis(200)),
        }
    };
    // Made it cannot be, but what is asked about it can be answered as if it were.
    while plane.get(&format!("/api/operations/{operation}"))?["finishedAt"].is_null() {
        if Instant::now() > deadline || interrupted() {
            bail!("the operation {operation} does not end");
        }
        sleep(Duration::from_millis(200));
    }
    plane.sql(ACTIVE)?;
    plane.sql("update instances set status = 'running' where name = 'contract'")?;
    Ok(operation)
}

/// Runs schemathesis; its report is for whoever reads along.
fn ask(tool: &Path, plane: &Plane, operation: &str, seed: Option<u64>) -> Result<()> {
    let folder = workspace::root().join("xtask/contract");
    let config = plane.folder.path().join("schemathesis.toml");
    let template = fs::read_to_string(folder.join("schemathesis.toml"))?;
    fs::write(&config, template.replace("@OPERATION@", operation))?;
    let mut run = Command::new(tool);
    run.arg("--config-file")
        .arg(&config)
        .args(["run", &format!("{}/api/openapi.json", plane.url)])
        .args(["--max-examples", EXAMPLES])
        .env("OCORE_URL", &plane.url)
        .env("OCORE_TOKEN", &plane.token)
        .env("OCORE_HOOKS", folder.join("hooks.py"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(plane.folder.path())
        .stdin(Stdio::null());
    match seed {
        None => run.arg("--generation-deterministic"),
        Some(seed) => run.args(["--generation-database", "none", "--seed", &seed.to_string()]),
    };
    let mut running = run.spawn().context("could not start schemathesis")?;
    let deadline = Instant::now() + REQUESTS;
    let mut asked_to_end = false;
    loop {
        if let Some(status) = running.try_wait()? {
            return match status {
                _ if interrupted() => bail!("interrupted"),
                _ if asked_to_end => bail!("schemathesis was not done after {} s", REQUESTS.as_secs()),
                status if status.success() => Ok(()),
                status => bail!("the API breaks its contract ({status}); see above"),
            };
        }
        if !asked_to_end && (interrupted() || Instant::now() > deadline) {
            ask_to_end(&running, Signal::SIGTERM);
            asked_to_end = true;
        }
        sleep(Duration::from_millis(50));
    }
}

/// An `ocore serve` in a temporary folder, stopped and removed when dropped.
struct Plane {
    folder: TempDir,
    url: String,
    token: String,
    serve: Child,
}

impl Plane {
    /// As root it runs as another user: whatever it is asked, it can do nothing to this machine.
    fn start(built: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("ocore-contract-").tempdir()?;
        let owner = unprivileged_user()?;
        // The other user may not get to where it was built.
        let binary = folder.path().join("ocore");
        fs::copy(built, &binary).with_context(|| format!("could not copy {}", built.display()))?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        if let Some(user) = &owner {
            chown(folder.path(), Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
        }
        let mut serve = as_user(owner.as_ref(), &binary, Signal::SIGTERM);
        serve
            .arg("serve")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("PG_BIN", postgres::programs()?)
            .env("ENVIRONMENT", "development")
            .env("OCORE_DATA_DIR", folder.path().join("data"))
            .env("OCORE_LISTEN", "127.0.0.1:0")
            // What is asked here in seconds is no measure for anybody.
            .env("OCORE_LIMIT_READ", "1000000/1")
            .env("OCORE_LIMIT_CHANGE", "1000000/1")
            .env("OCORE_LIMIT_LOGIN", "1000000/1")
            .current_dir(folder.path());
        std::os::unix::process::CommandExt::process_group(&mut serve, 0);
        let mut serve = serve
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(log(&folder))?)
            .spawn()
            .context("could not start `ocore serve`")?;
        let out = serve.stdout.take().context("it has no output")?;
        let mut plane = Self {
            folder,
            url: String::new(),
            token: String::new(),
            serve,
        };
        (plane.url, plane.token) = introduction(out)
            .with_context(|| format!("`ocore serve` did not start; it said:\n{}", plane.said()))?;
        Ok(plane)
    }

    /// Sends a request that begins an operation, and answers that one's id.
    fn post(&self, path: &str, body: &Value) -> Result<String> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        let mut answer = agent
            .post(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {}", self.token))
            .send_json(body)?;
        let said: Value = answer.body_mut().read_json()?;
        let id = said["operation"]["id"].as_str().or_else(|| said["id"].as_str());
        Ok(id
            .with_context(|| format!("POST {path} was answered {said}"))?
            .to_owned())
    }

    fn get(&self, path: &str) -> Result<Value> {
        let mut answer = ureq::get(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {}", self.token))
            .call()?;
        Ok(answer.body_mut().read_json()?)
    }

    /// Changes something in its database.
    fn sql(&self, statement: &str) -> Result<()> {
        let socket = self.folder.path().join("data/postgres");
        let mut psql = as_user(
            unprivileged_user()?.as_ref(),
            &postgres::programs()?.join("psql"),
            Signal::SIGTERM,
        );
        psql.args([
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "ocore",
            "-d",
            "ocore",
            "-c",
            statement,
        ])
        .arg("-h")
        .arg(socket)
        .current_dir(self.folder.path());
        read(&mut psql).map(drop)
    }

    fn runs(&mut self) -> bool {
        matches!(self.serve.try_wait(), Ok(None))
    }

    fn said(&self) -> String {
        fs::read_to_string(log(&self.folder)).unwrap_or_default()
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        if self.runs() {
            ask_to_end(&self.serve, Signal::SIGTERM);
        }
        let deadline = Instant::now() + START;
        while self.runs() && Instant::now() < deadline {
            sleep(Duration::from_millis(50));
        }
        if self.runs() {
            eprintln!("`ocore serve` did not stop and is killed");
            let _ = self.serve.kill();
            let _ = self.serve.wait();
        }
    }
}

fn log(folder: &TempDir) -> PathBuf {
    folder.path().join("serve.log")
}

/// The address and the token that a first start prints.
fn introduction(out: impl std::io::Read + Send + 'static) -> Result<(String, String)> {
    let (lines, heard) = mpsc::channel();
    // To its end, or oCore would be stopped by a pipe that nobody reads.
    thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(std::result::Result::ok) {
            let _ = lines.send(line);
        }
    });
    let word =
        |line: &str, after: &str| Some(line.split_once(after)?.1.split_whitespace().next()?.to_owned());
    let deadline = Instant::now() + START;
    let mut token = None;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let line = heard
            .recv_timeout(left)
            .context("it did not say where it listens")?;
        token = token.or_else(|| word(&line, "OCORE_TOKEN="));
        if let Some(address) = word(&line, "listens on http://") {
            return Ok((format!("http://{address}"), token.context("it showed no token")?));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_and_the_token_are_heard() {
        let said = "The token:\n\n  export OCORE_TOKEN=ocore_12\n\noCore 0.1.0 listens on http://127.0.0.1:9 and keeps\n";
        let (url, token) = introduction(said.as_bytes()).unwrap();
        assert_eq!((url.as_str(), token.as_str()), ("http://127.0.0.1:9", "ocore_12"));
        assert!(introduction("it ends\n".as_bytes()).is_err());
    }
}
