//! `graphile-worker` in Node.js doing the same, by `testbed/tools/graphile-worker`.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::process::Command;

use crate::queue::{CONCURRENCY, OPERATIONS};

/// How it is run.
pub struct Node {
    /// The program.
    pub program: PathBuf,
    /// What it runs.
    pub script: PathBuf,
    /// Where what that needs is installed.
    pub modules: PathBuf,
}

#[derive(Deserialize)]
struct Drained {
    seconds: f64,
    done: usize,
}

impl Node {
    /// How long it takes for a backlog.
    pub async fn drain(&self, url: &SecretString, keys: Option<usize>) -> Result<Duration> {
        // Its modules are found beside the script.
        let script = self.modules.join("drain.mjs");
        std::fs::copy(&self.script, &script)?;
        let output = Command::new(&self.program)
            .arg(&script)
            .args([OPERATIONS, keys.unwrap_or(0), CONCURRENCY].map(|number| number.to_string()))
            .env("DATABASE_URL", url.expose_secret())
            .output()
            .await
            .context("could not start node")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "graphile-worker: {errors}");
        let drained: Drained = serde_json::from_slice(&output.stdout).context("graphile-worker")?;
        ensure!(drained.done == OPERATIONS, "graphile-worker did {}", drained.done);
        Ok(Duration::from_secs_f64(drained.seconds))
    }
}
