//! The dashboard in a real browser, on an installation with 5,000 instances: what a first load weighs and scores, and how the
//! list scrolls and filters. Asked by `web/bench/run.mjs`.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use ocore_store::embedded::Embedded;
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use sqlx::PgPool;

use crate::{
    list,
    ocore::Ocore,
    report::{Figures, Target},
};

const INSTANCES: i32 = 5_000;

/// Runs it. `node` is the program that drives the browser by `script`.
pub async fn run(binary: &Path, node: &Path, script: &Path) -> Result<Figures> {
    let folder = tempfile::tempdir()?;
    let postgres = Embedded::start(folder.path(), None)
        .await
        .map_err(|problem| anyhow::anyhow!("{problem}"))?;
    let measured = measure(binary, node, script, postgres.url().expose_secret()).await;
    postgres.stop().await;
    measured
}

async fn measure(binary: &Path, node: &Path, script: &Path, database: &str) -> Result<Figures> {
    // It makes the tables; the first account, which the script makes, gets the organization that the instances are of.
    let ocore = Ocore::start_on(binary, "warn", Some(database))?;
    let pool = PgPool::connect(database).await?;
    list::fill(&pool, INSTANCES).await?;
    let output = Command::new(node)
        .arg(script)
        .arg(ocore.url())
        .output()
        .context("could not start node")?;
    ensure!(
        output.status.success(),
        "{} failed: {}",
        script.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout)?;
    let told: Map<String, Value> = serde_json::from_str(text.lines().last().unwrap_or_default())?;
    let told = |name: &str| {
        told.get(name)
            .and_then(Value::as_f64)
            .with_context(|| format!("{name} was not measured"))
    };
    let mut figures = Figures::default();
    figures.add(
        "overview, first load: script, compressed",
        told("scriptKilobytes")?,
        "kB",
        Some(Target::AtMost(150.0)),
    );
    figures.add(
        "overview, Lighthouse performance on a desktop",
        told("lighthouseDesktop")?,
        "of 100",
        Some(Target::AtLeast(95.0)),
    );
    figures.add(
        "overview, Lighthouse performance on a telephone",
        told("lighthouseMobile")?,
        "of 100",
        Some(Target::AtLeast(95.0)),
    );
    figures.add(
        "5,000 instances, scrolled",
        told("framesPerSecond")?,
        "frames/s",
        Some(Target::AtLeast(59.0)),
    );
    figures.add("of those frames, late", told("framesLate")?, "frames", None);
    figures.add(
        "5,000 instances, filtered and painted, worst",
        told("filterMilliseconds")?,
        "ms",
        Some(Target::AtMost(50.0)),
    );
    Ok(figures)
}
