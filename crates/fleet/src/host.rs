//! What can be done on a server.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use ocore_domain::{Code, Problem, server::DockerRoute};
use secrecy::SecretSlice;

use crate::{BoxedStream, Engine};

/// Told each line of output as it comes. Must be quick.
pub type LineSink = Arc<dyn Fn(&str) + Send + Sync>;

/// A server's shell, Docker Engine and loopback ports.
#[async_trait]
pub trait Host: Send + Sync {
    /// Runs a POSIX shell script. It is ended, with all it has started, within ten seconds after the call is dropped,
    /// its time is over or the connection breaks. What it leaves in the background when it ends by itself goes on.
    async fn run(&self, script: Script) -> Result<Finished, Problem>;

    /// The Docker Engine, with the API version both sides speak.
    async fn engine(&self) -> Result<Engine, Problem>;

    /// A TCP connection to a port on the server's own loopback.
    async fn connect(&self, port: u16) -> Result<BoxedStream, Problem>;

    /// The way to the Engine's socket, once the Engine has answered.
    fn docker_route(&self) -> Option<DockerRoute>;

    /// Whether the way to the server stands.
    fn is_alive(&self) -> bool;
}

/// A script to run. Its text is visible on the server; secrets go by its standard input.
#[derive(Clone)]
pub struct Script {
    pub(crate) text: String,
    pub(crate) stdin: Option<SecretSlice<u8>>,
    pub(crate) as_root: bool,
    pub(crate) timeout: Duration,
    pub(crate) lines: Option<LineSink>,
}

impl Script {
    /// A script that may take 30 seconds.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            stdin: None,
            as_root: false,
            timeout: Duration::from_secs(30),
            lines: None,
        }
    }

    /// What it reads.
    #[must_use]
    pub fn stdin(mut self, bytes: SecretSlice<u8>) -> Self {
        self.stdin = Some(bytes);
        self
    }

    /// It runs as root, by `sudo -n` where the user is not root.
    #[must_use]
    pub fn as_root(mut self) -> Self {
        self.as_root = true;
        self
    }

    /// How long it may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Who is told its output as it comes.
    #[must_use]
    pub fn lines(mut self, sink: LineSink) -> Self {
        self.lines = Some(sink);
        self
    }
}

/// How a command ended. Each output is kept up to 1 MiB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The exit status; 128 and more for a signal.
    pub status: i64,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Finished {
    /// The standard output, or the last lines of what it complained of.
    pub fn success(self, what: &str) -> Result<String, Problem> {
        if self.status == 0 {
            return Ok(self.stdout);
        }
        let text = if self.stderr.trim().is_empty() {
            &self.stdout
        } else {
            &self.stderr
        };
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines[lines.len().saturating_sub(8)..].join("\n");
        Err(Problem::new(
            Code::CommandFailed,
            format!("{what} failed with exit status {}: {last}", self.status),
            "Mend what the lines complain of, then retry.",
        ))
    }
}

impl Finished {
    /// A refusal by sudo as what it is; the command did not run then.
    pub(crate) fn unless_sudo_refused(self) -> Result<Self, Problem> {
        if self.status == 1 && self.stdout.is_empty() && self.stderr.starts_with("sudo: ") {
            return Err(sudo_required(self.stderr.lines().next().unwrap_or_default()));
        }
        Ok(self)
    }
}

pub(crate) fn sudo_required(why: &str) -> Problem {
    Problem::new(
        Code::SudoRequired,
        format!("A command needs root, and the user may not use sudo without a password: {why}"),
        "Connect as root, or allow it: echo 'USER ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ocore",
    )
}

/// How long the output of a command that has ended is waited for.
pub(crate) const AFTERGLOW: Duration = Duration::from_secs(2);

/// A text as one word of a POSIX shell.
pub(crate) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

pub(crate) fn too_long(limit: Duration) -> Problem {
    Problem::new(
        Code::StepTimeout,
        format!(
            "A command on the server took longer than {} s and was ended",
            limit.as_secs()
        ),
        "Look at what keeps the server busy, then retry.",
    )
}
