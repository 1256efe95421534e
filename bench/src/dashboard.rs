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

/// What Lighthouse tells of a look: by which name the script tells it, its unit, and what it has to reach.
const OF_EACH: [(&str, &str, Option<Target>); 9] = [
    ("score", "of 100", Some(Target::AtLeast(95.0))),
    ("worst", "of 100", None),
    ("best", "of 100", None),
    ("firstContentfulPaint", "ms", None),
    ("largestContentfulPaint", "ms", None),
    ("totalBlockingTime", "ms", None),
    ("speedIndex", "ms", None),
    ("cumulativeLayoutShift", "", None),
    ("benchmarkIndex", "", None),
];

/// As which device it looks, and what each of those is called then.
const LIGHTHOUSE: [(&str, [&str; 9]); 2] = [
    (
        "lighthouseDesktop",
        [
            "overview, Lighthouse performance on a desktop, median of five",
            "on a desktop, the worst of them",
            "on a desktop, the best",
            "on a desktop, first contentful paint",
            "on a desktop, largest contentful paint",
            "on a desktop, total blocking time",
            "on a desktop, speed index",
            "on a desktop, cumulative layout shift",
            "on a desktop, Lighthouse's index of the machine meanwhile",
        ],
    ),
    (
        "lighthouseMobile",
        [
            "overview, Lighthouse performance on a telephone, median of five",
            "on a telephone, the worst of them",
            "on a telephone, the best",
            "on a telephone, first contentful paint",
            "on a telephone, largest contentful paint",
            "on a telephone, total blocking time",
            "on a telephone, speed index",
            "on a telephone, cumulative layout shift",
            "on a telephone, Lighthouse's index of the machine meanwhile",
        ],
    ),
];

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
    let mut figures = Figures::default();
    figures.add(
        "overview, first load: script, compressed",
        number(&told, "scriptKilobytes")?,
        "kB",
        Some(Target::AtMost(150.0)),
    );
    for (device, names) in LIGHTHOUSE {
        let looked = told
            .get(device)
            .and_then(Value::as_object)
            .with_context(|| format!("{device} was not measured"))?;
        for ((key, unit, target), name) in OF_EACH.into_iter().zip(names) {
            figures.add(name, number(looked, key)?, unit, target);
        }
    }
    figures.add(
        "5,000 instances, scrolled",
        number(&told, "framesPerSecond")?,
        "frames/s",
        Some(Target::AtLeast(59.0)),
    );
    figures.add(
        "of those frames, late",
        number(&told, "framesLate")?,
        "frames",
        None,
    );
    figures.add(
        "5,000 instances, filtered and painted, worst",
        number(&told, "filterMilliseconds")?,
        "ms",
        Some(Target::AtMost(50.0)),
    );
    Ok(figures)
}

/// A number that the script told.
fn number(told: &Map<String, Value>, name: &str) -> Result<f64> {
    told.get(name)
        .and_then(Value::as_f64)
        .with_context(|| format!("{name} was not measured"))
}
