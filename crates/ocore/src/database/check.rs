//! `ocore database check`: a review of the database, which changes nothing in it.

use std::{fs, io::Write, process::ExitCode, time::Duration};

use ocore_domain::Problem;
use ocore_store::{PgConnection, advice, connect::Way, facts, pending};
use serde_json::json;

use super::{
    Database,
    finding::{Finding, Severity},
    judge::{self, Seen},
};
use crate::config::Config;

/// How long a database that does not answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is asked for nothing but its answer.
const PINGS: u32 = 50;
/// The exit codes for warnings and for what is critical.
const WARNINGS: u8 = 4;
const CRITICAL: u8 = 6;

/// Reviews the database, and prints what was found. `memory` is that of its machine, if that is another one.
pub(crate) async fn run(config: Config, memory: Option<u64>, json: bool) -> anyhow::Result<ExitCode> {
    let mut config = config;
    let own_pool = u64::from(*config.database_connections.end());
    // As few connections as will do: it may be full.
    config.database_connections = 0..=2;
    let findings = match Database::reach(&config, Some(PATIENCE)).await {
        Ok(database) => {
            let found = look(&database, own_pool, memory).await;
            database.close().await;
            found
        }
        Err(error) => Err(error),
    };
    match findings {
        Ok(findings) => {
            print(&findings, json)?;
            Ok(code(&findings))
        }
        Err(error) if json => {
            let found = Finding::new("reach", Severity::Critical, format!("{error:#}"));
            print(&[found], true)?;
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error),
    }
}

async fn look(database: &Database, own_pool: u64, memory: Option<u64>) -> anyhow::Result<Vec<Finding>> {
    let store = &database.store;
    let mut conn = store.connection().await.map_err(Problem::from)?;
    let facts = facts::facts(&mut conn).await.map_err(Problem::from)?;
    let pings = facts::pings(&mut conn, PINGS).await.map_err(Problem::from)?;
    let settings = advice::settings(&mut conn).await.map_err(Problem::from)?;
    let pending = pending(store.pool()).await.map_err(Problem::from)?;
    let pools = pools(&mut conn, &pending).await;
    let is_local = settings.is_local && store.way() == Way::Direct;
    let seen = Seen {
        address: &database.address,
        way: store.way(),
        hears: store.way() == Way::Direct || database.direct.is_some(),
        facts: &facts,
        pings: &pings,
        settings: &settings,
        memory: memory.or_else(|| is_local.then(own_memory).flatten()),
        pending: &pending,
        // Processes tell of themselves every half a minute.
        pools: if pools.is_empty() { vec![own_pool] } else { pools },
    };
    Ok(judge::all(&seen))
}

/// The pools of the processes that live, as far as they told of themselves.
async fn pools(conn: &mut PgConnection, pending: &[String]) -> Vec<u64> {
    if !pending.is_empty() {
        return Vec::new();
    }
    let processes = advice::processes(conn).await.unwrap_or_default();
    processes
        .iter()
        .map(|process| u64::try_from(process.pool_max).unwrap_or(0))
        .collect()
}

/// The memory of this machine in bytes.
fn own_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

fn worst(findings: &[Finding]) -> Severity {
    findings
        .iter()
        .map(|found| found.severity)
        .max()
        .unwrap_or(Severity::Good)
}

fn code(findings: &[Finding]) -> ExitCode {
    match worst(findings) {
        Severity::Good | Severity::Info => ExitCode::SUCCESS,
        Severity::Warning => ExitCode::from(WARNINGS),
        Severity::Critical => ExitCode::from(CRITICAL),
    }
}

fn print(findings: &[Finding], json: bool) -> anyhow::Result<()> {
    let text = if json {
        format!("{:#}\n", json!({"worst": worst(findings), "findings": findings}))
    } else {
        findings.iter().map(Finding::told).collect()
    };
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
