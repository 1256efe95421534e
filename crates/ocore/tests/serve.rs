//! `ocore serve` as a whole, on the PostgreSQL it brings: its first start, a kill, the next start, and an orderly end.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// The program with a data directory and nothing else.
fn ocore(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ocore"));
    command
        .args(arguments)
        .env_clear()
        .env("ENVIRONMENT", "development")
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("OCORE_DATA_DIR", data)
        .env("OCORE_LISTEN", "127.0.0.1:0")
        .env("OCORE_LOG_FORMAT", "json")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

struct Server {
    process: Child,
    address: String,
    /// What it printed before it said where it listens.
    said: String,
}

impl Server {
    fn start(data: &Path) -> Self {
        let mut process = ocore(data, &["serve"]).spawn().unwrap();
        let mut said = String::new();
        for line in BufReader::new(process.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some((_, rest)) = line.split_once("listens on http://") {
                let address = rest.split_whitespace().next().unwrap().to_owned();
                return Self {
                    process,
                    address,
                    said,
                };
            }
            said.push_str(&line);
        }
        process.wait().unwrap();
        panic!("it ended: {}", rest_of(process.stderr.take().unwrap()));
    }

    fn token(&self) -> Option<&str> {
        let (_, rest) = self.said.split_once("OCORE_TOKEN=")?;
        rest.split_whitespace().next()
    }

    /// The head and body of an answer.
    fn get(&self, path: &str, token: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.0\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
        .unwrap();
        rest_of(stream)
    }

    /// The head and body of an answer to JSON that was sent.
    fn post(&self, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        write!(
            stream,
            "POST {path} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        rest_of(stream)
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.process.id()).unwrap()), signal).unwrap();
    }
}

impl Drop for Server {
    /// A test that fails leaves nothing running either.
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            self.signal(Signal::SIGTERM);
            let _ = self.process.wait();
        }
    }
}

fn rest_of(mut stream: impl Read) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn an_administrator_is_made_on_the_machine() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let create = |more: &[&str]| {
        let arguments = ["admin", "create", "--name", "Ada", "--email", "ada@example.com"];
        ocore(data.path(), &[&arguments, more].concat())
    };
    let made = create(&[]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let link = String::from_utf8(made.stdout).unwrap();
    let (page, token) = link.trim().split_once("?token=").unwrap();
    // Where it is told to listen; this one is told to find a port by itself.
    assert_eq!(page, "http://localhost:0/reset-password");
    let reset = format!(r#"{{"token":"{token}","password":"correct horse 4"}}"#);
    assert!(
        server
            .post("/api/auth/reset-password", &reset)
            .starts_with("HTTP/1.0 204")
    );
    assert!(
        server
            .post("/api/auth/reset-password", &reset)
            .starts_with("HTTP/1.0 400")
    );
    let log_in = |password: &str| {
        let body = format!(r#"{{"email":"ada@example.com","password":"{password}"}}"#);
        server.post("/api/auth/login", &body)
    };
    let answer = log_in("correct horse 4");
    assert!(answer.contains(r#""isServerAdmin":true"#), "{answer}");
    let access = answer.split(r#""accessToken":""#).nth(1).unwrap();
    let access = access.split('"').next().unwrap();
    let me = server.get("/api/auth/me", access);
    assert!(
        me.contains(r#""slug":"default""#) && me.contains(r#""isOwner":true"#),
        "{me}"
    );

    // Again, with a password: the same account.
    let mut child = create(&["--password-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"another horse 5\n")
        .unwrap();
    let made = child.wait_with_output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert!(!String::from_utf8_lossy(&made.stdout).contains("token="));
    assert!(log_in("correct horse 4").starts_with("HTTP/1.0 401"));
    assert!(log_in("another horse 5").starts_with("HTTP/1.0 200"));
}

#[test]
fn it_starts_survives_a_kill_and_ends_in_order() {
    let data = tempfile::tempdir().unwrap();
    let mut first = Server::start(data.path());
    let token = first.token().unwrap().to_owned();
    assert!(first.get("/health/ready", "").contains(r#""status":"ready""#));
    assert!(first.get("/api/servers", &token).starts_with("HTTP/1.0 200"));
    assert!(
        first
            .get("/api/servers", "ocore_other")
            .starts_with("HTTP/1.0 401")
    );
    let made = ocore(data.path(), &["admin", "create", "--name", "second"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let second = String::from_utf8(made.stdout).unwrap();
    assert!(
        first
            .get("/api/servers", second.trim())
            .starts_with("HTTP/1.0 200")
    );

    first.process.kill().unwrap();
    first.process.wait().unwrap();
    let log = rest_of(first.process.stderr.take().unwrap());
    assert!(
        !log.contains("ocore_") || !log.contains(&token),
        "the token is not logged"
    );
    let answered: Vec<&str> = log
        .lines()
        .filter(|line| line.contains(r#""answered""#))
        .collect();
    assert!(answered.len() >= 3, "{log}");
    for line in answered {
        assert!(
            line.contains(r#""span":{"id":""#) && line.contains(r#""path":"/api/servers""#),
            "{line}"
        );
    }
    assert!(
        data.path().join("postgres/postmaster.pid").exists(),
        "PostgreSQL outlives it"
    );

    let mut next = Server::start(data.path());
    assert_eq!(next.token(), None, "a token is shown at the first start only");
    assert!(next.get("/api/servers", &token).starts_with("HTTP/1.0 200"));
    next.signal(Signal::SIGTERM);
    let asked = Instant::now();
    assert!(next.process.wait().unwrap().success());
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
    assert!(
        !data.path().join("postgres/postmaster.pid").exists(),
        "PostgreSQL ended with it"
    );
}

#[test]
fn what_cannot_work_is_said_and_nothing_is_left_running() {
    let data = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ran = ocore(data.path(), &["serve"])
        .env("OCORE_LISTEN", taken.local_addr().unwrap().to_string())
        .output()
        .unwrap();
    assert!(!ran.status.success());
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(
        said.contains("error: OCORE_LISTEN") && said.contains("set OCORE_LISTEN to another port"),
        "{said}"
    );
    assert!(!data.path().join("postgres/postmaster.pid").exists());

    let ran = ocore(data.path(), &["serve"])
        .env("PG_BIN", "/nonexistent")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(
        said.contains("postgresql-") && said.contains("DATABASE_URL"),
        "{said}"
    );

    // The variable that is wrong is the one that is named.
    let ran = ocore(data.path(), &["admin", "create", "--name", "x"])
        .env("DATABASE_URL", "postgres://u:canary@127.0.0.1:nothing/d")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(
        said.contains("DATABASE_URL cannot be read") && !said.contains("canary"),
        "{said}"
    );

    // A file where the data directory should be.
    let file = data.path().join("file");
    std::fs::write(&file, "").unwrap();
    let ran = ocore(&file, &["serve"]).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(
        said.contains("OCORE_DATA_DIR") && said.contains(&*file.to_string_lossy()),
        "{said}"
    );
}
