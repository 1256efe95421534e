//! A process of Node.js that serves on a port of this machine for as long as it is held.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::tools::{is_whole, modules, source};

/// The process; it ends when this is dropped, and also when its holder dies.
#[derive(Debug)]
pub(crate) struct Node {
    /// Its standard input stays open in here: when that ends, so does it.
    child: Child,
    /// Kept open as well: a library may have more to say.
    stdout: BufReader<ChildStdout>,
    folder: TempDir,
    port: u16,
}

impl Node {
    /// Starts a script of a tool and waits until it serves. What the settings say is told by standard input, as they
    /// may hold passwords; where the tool's packages are and a folder for what it keeps are added to them.
    pub(crate) fn start(tool: &str, script: &str, mut settings: Value) -> Result<Self> {
        let has_packages = source(tool).join("package.json").is_file();
        if has_packages && !is_whole(tool)? {
            bail!("{tool} is not installed, or not as its lock file says: run `cargo xtask setup`");
        }
        let folder = TempDir::with_prefix("ocore-testbed-")?;
        settings["modules"] = json!(modules(tool));
        settings["mails"] = json!(folder.path().join("mails"));
        let mut child = Command::new("node")
            .arg(source(tool).join(script))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(folder.path().join("log"))?)
            .spawn()
            .context("could not start `node`: run `cargo xtask setup`")?;
        let stdout = child.stdout.take().context("no standard output")?;
        let mut node = Self {
            child,
            stdout: BufReader::new(stdout),
            folder,
            port: 0,
        };
        node.port = node.begin(&settings).with_context(|| {
            let log = fs::read_to_string(node.folder.path().join("log")).unwrap_or_default();
            format!("{tool} did not start: {log}")
        })?;
        Ok(node)
    }

    fn begin(&mut self, settings: &Value) -> Result<u16> {
        let stdin = self.child.stdin.as_mut().context("no standard input")?;
        writeln!(stdin, "{settings}")?;
        // Libraries may have something to say before.
        let mut line = String::new();
        loop {
            line.clear();
            if self.stdout.read_line(&mut line)? == 0 {
                bail!("it ended");
            }
            if let Some(port) = line.strip_prefix("listening on ") {
                return Ok(port.trim().parse()?);
            }
        }
    }

    /// The port it serves on, at 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The folder it keeps things in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
