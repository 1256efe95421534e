//! Containers of this machine that write logs.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use ocore_testbed::command;

use crate::CANARY;

/// The compose project that the control plane's containers are of.
pub(crate) const PROJECT: &str = "ocore-testbed-logs";
/// The instance whose container writes.
pub(crate) const INSTANCE: &str = "01a22979-0901-766e-97cb-b885ac4d7fff";
/// The server it is on.
pub(crate) const SERVER: &str = "01a22978-fbf3-70ea-8e9d-3445a06bcf58";

/// One, until it is dropped.
pub(crate) struct Container(String);

impl Container {
    fn run(name: &str, arguments: &[&str]) -> Self {
        let name = format!("ocore-testbed-logs-{name}-{}", std::process::id());
        let mut docker = Command::new("docker");
        command::read(docker.args(["run", "--detach", "--name", &name]).args(arguments)).unwrap();
        Self(name)
    }

    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// What it wrote so far, by both streams.
    pub(crate) fn log(&self) -> String {
        let output = command::output(Command::new("docker").args(["logs", &self.0])).unwrap();
        output.stdout + &output.stderr
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = command::output(Command::new("docker").args(["rm", "--force", "--volumes", &self.0]));
    }
}

/// An instance of Odoo, as far as its logs go: Odoo's own logger writes this many lines at this pace, and fails now and then.
pub(crate) fn instance(name: &str, lines: u32, pace: Duration) -> Container {
    let script = format!(
        "import logging, time, odoo.netsvc\n\
         odoo.netsvc.init_logger()\n\
         log = logging.getLogger('odoo.http')\n\
         log.info('postgres://odoo:{CANARY}-one@db/acme db_password = {CANARY}-two, api_secret={CANARY}-three')\n\
         log.info('Authorization: Bearer {CANARY}-four')\n\
         for number in range({lines}):\n\
         \x20   try:\n\
         \x20       if number % 50 == 7: {{}}['key']\n\
         \x20       log.info('line %d of {lines}', number)\n\
         \x20   except KeyError:\n\
         \x20       log.exception('line %d of {lines}', number)\n\
         \x20   time.sleep({})\n\
         log.info('over')\n\
         time.sleep(600)\n",
        pace.as_secs_f64()
    );
    let labels = [
        "--label=sh.ocore.managed=true",
        &format!("--label=sh.ocore.instance={INSTANCE}"),
        &format!("--label=sh.ocore.server={SERVER}"),
    ];
    Container::run(
        name,
        &[
            labels.as_slice(),
            &["--entrypoint=python3", "odoo:19", "-c", &script],
        ]
        .concat(),
    )
}

/// One that is not oCore's, but says so in what it writes and is asked with.
pub(crate) fn plain(name: &str) -> Container {
    let claim = r#"--env=CLAIM={"sh.ocore.managed":"true","sh.ocore.instance":"x"}"#;
    let script = r#"while true; do echo '{"source":"instance","sh.ocore.managed":"true"}'; sleep 1; done"#;
    Container::run(name, &[claim, "--entrypoint=sh", "odoo:19", "-c", script])
}

/// A control plane: the real `ocore`, with the real PostgreSQL beside it.
pub(crate) struct Backend {
    container: Container,
    address: String,
}

pub(crate) fn backend(name: &str) -> Backend {
    let binary = std::env::var("OCORE_BIN").unwrap_or_else(|_| panic!("OCORE_BIN names the ocore to run"));
    let container = Container::run(
        name,
        &[
            &format!("--label=com.docker.compose.project={PROJECT}"),
            "--label=com.docker.compose.service=backend",
            &format!("--volume={binary}:/usr/local/bin/ocore:ro"),
            "--env=ENVIRONMENT=development",
            "--env=OCORE_LOG_FORMAT=json",
            "--env=OCORE_LISTEN=0.0.0.0:8080",
            "--env=PG_BIN=/usr/lib/postgresql/17/bin",
            "--entrypoint=ocore",
            "postgres:17",
            "serve",
        ],
    );
    let mut inspect = Command::new("docker");
    inspect.args([
        "inspect",
        "--format",
        "{{.NetworkSettings.IPAddress}}",
        container.name(),
    ]);
    let address = format!("{}:8080", command::read(&mut inspect).unwrap());
    Backend { container, address }
}

impl Backend {
    /// Asks for something without being allowed to; answers the id that the request was given.
    pub(crate) fn ask(&self, path: &str, id: &str) -> String {
        let end = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(&self.address).is_err() {
            assert!(Instant::now() < end, "oCore does not answer: {}", self.log());
            sleep(Duration::from_millis(200));
        }
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nX-Request-Id: {id}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.0 401"), "{answer}");
        let head = answer.to_lowercase();
        let given = head.lines().find_map(|line| line.strip_prefix("x-request-id: "));
        given.unwrap().trim().to_owned()
    }

    /// The administrator's token, as it was said at the first start.
    pub(crate) fn token(&self) -> String {
        let log = self.log();
        let (_, rest) = log.split_once("OCORE_TOKEN=").unwrap();
        rest.split_whitespace().next().unwrap().to_owned()
    }

    pub(crate) fn log(&self) -> String {
        self.container.log()
    }
}
