//! One installation by the compose files, made by `ocore setup`, and the ways to it.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::Server;

/// Nothing else on this machine is called so.
const PROJECT: &str = "ocore-testbed-compose";
/// Where Caddy is reached, and the frontend.
const HTTPS: u16 = 12_943;
const HTTP: u16 = 12_980;
const FRONTEND: u16 = 12_930;

/// Gone, volumes and all, when it is dropped.
pub(crate) struct Installation {
    folder: TempDir,
    token: String,
}

impl Installation {
    /// The files, and an environment of this machine's and this test's; nothing is started.
    pub(crate) fn set_up() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("ocore-compose-")
            .tempdir()
            .unwrap();
        let done = Command::new(binary())
            .arg("setup")
            .arg(folder.path())
            .args(["--app-url", "https://localhost", "--tls", "internal"])
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", said(&done));
        let installation = Self {
            folder,
            token: String::new(),
        };
        let tag = std::env::var("OCORE_IMAGES_TAG").unwrap_or_else(|_| "ocore-testbed".to_owned());
        installation.add(&format!(
            "COMPOSE_PROJECT_NAME={PROJECT}\nHTTP_PORT=127.0.0.1:{HTTP}\nHTTPS_PORT=127.0.0.1:{HTTPS}\n\
             FRONTEND_PORT={FRONTEND}\nBACKEND_IMAGE=ocore-backend:{tag}\nFRONTEND_IMAGE=ocore-frontend:{tag}\n\
             PGBOUNCER_IMAGE=ocore-pgbouncer:{tag}\nOCORE_AGENT_AUTO=false\nOCORE_HEALTH_INTERVAL=3\n"
        ));
        installation.use_files(&["docker-compose.prod.yml"]);
        // What an earlier run left that was cut off.
        installation.down();
        installation
    }

    pub(crate) fn dir(&self) -> &Path {
        self.folder.path()
    }

    /// The value of a variable in `.env`.
    pub(crate) fn env(&self, name: &str) -> String {
        let text = fs::read_to_string(self.dir().join(".env")).unwrap();
        let start = format!("{name}=");
        let value = text.lines().rev().find_map(|line| line.strip_prefix(&start));
        value
            .unwrap_or_else(|| panic!("no {name} in .env"))
            .trim_matches('\'')
            .to_owned()
    }

    /// Adds lines to `.env`: of two that set the same, the last one counts.
    pub(crate) fn add(&self, lines: &str) {
        let file = fs::OpenOptions::new().append(true).open(self.dir().join(".env"));
        file.unwrap().write_all(lines.as_bytes()).unwrap();
    }

    /// From now on these, and what this test needs on top of them: a way to the testbed's servers.
    pub(crate) fn use_files(&self, files: &[&str]) {
        const OWN: &str = "docker-compose.test.yml";
        let has_pgbouncer = files.iter().any(|file| file.contains("pgbouncer"));
        let pgbouncer = if has_pgbouncer {
            "  pgbouncer:\n    networks: [servers]\n"
        } else {
            ""
        };
        let text = format!(
            "services:\n  backend:\n    networks: [servers]\n{pgbouncer}\
             networks:\n  servers:\n    external: true\n    name: ocore-testbed\n"
        );
        fs::write(self.dir().join(OWN), text).unwrap();
        self.add(&format!("COMPOSE_FILE={}:{OWN}\n", files.join(":")));
    }

    /// `docker compose`, as who stands in the folder calls it.
    pub(crate) fn compose(&self, arguments: &[&str]) -> Command {
        let mut compose = ocore_testbed::compose().unwrap();
        for (name, _) in std::env::vars() {
            // What is set here would come before `.env`.
            if name.starts_with("OCORE_") || name == "DATABASE_URL" || name == "APP_URL" {
                compose.env_remove(name);
            }
        }
        compose
            .args(arguments)
            .current_dir(self.dir())
            .stdin(Stdio::null());
        compose
    }

    /// The same, which must succeed.
    pub(crate) fn do_compose(&self, arguments: &[&str]) -> String {
        let done = self.compose(arguments).output().unwrap();
        assert!(
            done.status.success(),
            "docker compose {}: {}\n{}",
            arguments.join(" "),
            said(&done),
            self.logs()
        );
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// Starts what is not as the files say, and waits until all is healthy.
    pub(crate) fn up(&self) {
        let arguments = ["up", "-d", "--wait", "--wait-timeout", "150", "--remove-orphans"];
        self.do_compose(&arguments);
    }

    pub(crate) fn logs(&self) -> String {
        let logs = self.compose(&["logs", "--no-color", "--tail", "200"]).output();
        logs.map(|logs| said(&logs)).unwrap_or_default()
    }

    fn down(&self) {
        let _ = self
            .compose(&["down", "-v", "-t", "5", "--remove-orphans"])
            .output();
    }

    /// The container of a service.
    pub(crate) fn container(&self, service: &str) -> String {
        self.do_compose(&["ps", "-q", service])
    }

    /// What Docker knows of a service's container.
    pub(crate) fn inspect(&self, service: &str) -> Value {
        let known: Value = serde_json::from_str(&docker(&["inspect", &self.container(service)])).unwrap();
        known[0].clone()
    }

    /// Where Caddy's own authority keeps its certificate.
    fn authority(&self) -> PathBuf {
        let path = self.dir().join("authority.pem");
        if !path.exists() {
            let own = "caddy:/data/caddy/pki/authorities/local/root.crt";
            self.do_compose(&["cp", own, &path.to_string_lossy()]);
        }
        path
    }

    /// Status, head and body of an answer by TLS, through Caddy.
    pub(crate) fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, String, String) {
        let authority = self.authority();
        let url = format!("https://localhost:{HTTPS}{path}");
        self.curl(&url, method, body, &["--cacert", &authority.to_string_lossy()])
    }

    /// The same through the frontend, without Caddy.
    pub(crate) fn ask_frontend(&self, path: &str) -> (u16, String, String) {
        self.curl(&format!("http://127.0.0.1:{FRONTEND}{path}"), "GET", None, &[])
    }

    fn curl(&self, url: &str, method: &str, body: Option<&Value>, more: &[&str]) -> (u16, String, String) {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-i", "-m", "60", "-X", method]).args(more);
        if !self.token.is_empty() {
            curl.args(["-H", &format!("authorization: Bearer {}", self.token)]);
        }
        if let Some(body) = body {
            curl.args(["-H", "content-type: application/json", "-d", &body.to_string()]);
        }
        let answer = curl.arg("--http1.1").arg(url).output().unwrap();
        let text = String::from_utf8_lossy(&answer.stdout).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split_whitespace().nth(1).and_then(|code| code.parse().ok());
        (status.unwrap_or(0), head.to_lowercase(), body.to_owned())
    }

    /// The beginning of a stream of events, which never ends by itself.
    pub(crate) fn first_event(&self, is_by_frontend: bool) -> String {
        let mut curl = Command::new("curl");
        curl.args([
            "-sSN",
            "-m",
            "4",
            "-H",
            &format!("authorization: Bearer {}", self.token),
        ]);
        if is_by_frontend {
            curl.arg(format!("http://127.0.0.1:{FRONTEND}/api/events"));
        } else {
            curl.arg("--cacert").arg(self.authority());
            curl.arg(format!("https://localhost:{HTTPS}/api/events"));
        }
        String::from_utf8_lossy(&curl.output().unwrap().stdout).into_owned()
    }

    /// Signs up as the very first person, through Caddy, and in.
    pub(crate) fn first_administrator(&mut self) {
        let account =
            json!({"email": "ada@example.com", "name": "Ada", "password": "correct horse battery 1"});
        let (status, _, body) = self.ask("POST", "/api/auth/signup", Some(&account));
        assert_eq!(status, 201, "{body}\n{}", self.logs());
        let second =
            json!({"email": "ben@example.com", "name": "Ben", "password": "correct horse battery 2"});
        let (status, _, body) = self.ask("POST", "/api/auth/signup", Some(&second));
        assert_eq!(status, 403, "nobody else without an invitation: {body}");
        self.log_in();
    }

    /// Signs in as that person.
    pub(crate) fn log_in(&mut self) {
        let login = json!({"email": "ada@example.com", "password": "correct horse battery 1"});
        let (status, head, body) = self.ask("POST", "/api/auth/login", Some(&login));
        assert_eq!(status, 200, "{body}\n{}", self.logs());
        // The cookies are a browser's: they are bound to the site, and go by TLS only.
        let cookies: Vec<&str> = head
            .lines()
            .filter(|line| line.starts_with("set-cookie:"))
            .collect();
        assert!(
            !cookies.is_empty() && cookies.iter().all(|cookie| cookie.contains("secure")),
            "{head}"
        );
        let answer: Value = serde_json::from_str(&body).unwrap();
        answer["accessToken"]
            .as_str()
            .unwrap_or_else(|| panic!("no token in {answer}"))
            .clone_into(&mut self.token);
    }

    /// The command line, through Caddy; it must succeed.
    pub(crate) fn ocore(&self, arguments: &[&str]) -> Value {
        let done = Command::new(binary())
            .args(arguments)
            .arg("--json")
            .env("OCORE_URL", format!("https://localhost:{HTTPS}"))
            .env("OCORE_TOKEN", &self.token)
            .env("SSL_CERT_FILE", self.authority())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "ocore {}: {}\n{}",
            arguments.join(" "),
            said(&done),
            self.logs()
        );
        serde_json::from_slice(&done.stdout).unwrap()
    }

    /// Adds a server by SSH.
    pub(crate) fn add_server(&self, server: Server) {
        let (address, key) = (server.address(), server.key_file());
        let add = [
            "server", "add", "--name", "one", "--host", &address, "--user", "root",
        ];
        self.ocore(&[&add[..], &["--key-file", &key]].concat());
    }

    /// Makes an Odoo there; answers what was made, with the instance as it is then.
    pub(crate) fn create(&self, name: &str) -> Value {
        let create = ["instance", "create", name, "--server", "one", "--workers", "0"];
        let mut created = self.ocore(&[&create[..], &["--memory", "1GiB"]].concat());
        assert_eq!(created["operation"]["state"], "done", "{created}");
        created["instance"] = self.ocore(&["instance", "show", name]);
        created
    }

    /// Waits until the API is ready, as anybody may ask it.
    pub(crate) fn await_ready(&self) -> Duration {
        let began = Instant::now();
        while self.ask("GET", "/health/ready", None).0 != 200 {
            assert!(began.elapsed() < Duration::from_secs(60), "{}", self.logs());
            sleep(Duration::from_millis(300));
        }
        began.elapsed()
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the logs ---\n{}", self.logs());
        }
        // The file that knows all volumes: one that runs elsewhere leaves the database's behind.
        self.use_files(&["docker-compose.prod.yml"]);
        self.down();
    }
}

/// `docker`, which must succeed.
pub(crate) fn docker(arguments: &[&str]) -> String {
    let done = Command::new("docker").args(arguments).output().unwrap();
    assert!(
        done.status.success(),
        "docker {}: {}",
        arguments.join(" "),
        said(&done)
    );
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

pub(crate) fn binary() -> PathBuf {
    std::env::var_os("OCORE_BIN").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/debug/ocore"),
        PathBuf::from,
    )
}

pub(crate) fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}
