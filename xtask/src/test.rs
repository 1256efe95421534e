//! `cargo xtask test`: everything that has to hold, in the order in which it is quickest to fail.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    thread::available_parallelism,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use ocore_testbed::command::output;

use crate::{
    agent, arrows, binary, contract, images, openapi,
    postgres::{self, Postgres},
    process::{cargo, interrupted, run},
    setup, sql, web, workspace,
};

/// How many servers the end-to-end tests use: two for each of the two that run side by side, and a third for one of them.
const SERVERS: u8 = 5;

/// Runs all stages; `fast` leaves the end-to-end tests out.
pub(crate) fn command(fast: bool) -> Result<ExitCode> {
    setup::for_tests()?;
    let mut report = Report::default();
    report.stage("format", || run(&mut cargo(&["fmt", "--all", "--check"])))?;
    report.stage("arrows", arrows::command)?;
    report.stage("deny", deny)?;
    report.stage("clippy", clippy)?;
    report.stage("sql", || sql::command(true))?;
    report.stage("openapi", || openapi::command(true))?;
    report.stage("rustdoc", rustdoc)?;
    // Before the tests: the binary takes in what is built here.
    report.stage("web", || web::command(true))?;
    let profile = if fast { "fast" } else { "default" };
    report.tests("tests", &junit(profile), || tests(fast))?;
    report.stage("contract", || contract::command(None))?;
    if !fast && report.failed.is_empty() {
        report.tests("end-to-end tests", &junit("e2e"), end_to_end)?;
        report.tests("browser tests", &web::junit(), browser)?;
        report.tests("compose", &junit("compose"), compose)?;
    } else if !fast {
        println!("\n── end-to-end, browser and compose tests: left out, since what comes before them failed");
    }
    Ok(report.finish())
}

fn clippy() -> Result<()> {
    run(&mut cargo(&[
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

fn rustdoc() -> Result<()> {
    // The documentation is for who works on oCore, so its private parts are in it and may be linked to.
    run(cargo(&[
        "doc",
        "--quiet",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ])
    .env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links"))
}

fn deny() -> Result<()> {
    run(&mut cargo(&[
        "deny",
        "--log-level",
        "error",
        "check",
        "bans",
        "licenses",
        "sources",
    ]))?;
    // The advisories are a git repository elsewhere, which cannot be reached from everywhere.
    if output(&mut cargo(&["deny", "fetch", "db"]))?.success() {
        return run(&mut cargo(&[
            "deny",
            "--log-level",
            "error",
            "check",
            "--disable-fetch",
            "advisories",
        ]));
    }
    println!("advisories are NOT checked: their database cannot be fetched from here");
    Ok(())
}

fn tests(fast: bool) -> Result<()> {
    if fast {
        ocore_testbed::engine()?;
    } else {
        ocore_testbed::images()?;
    }
    let postgres = Postgres::start()?;
    // Half of their time they wait: for a database to be made, or for something to be over.
    let threads = 2 * available_parallelism()?.get();
    run(nextest(if fast { "fast" } else { "default" })
        .arg("--workspace")
        .arg(format!("--test-threads={threads}"))
        .env("DATABASE_URL", postgres.url("postgres"))
        .env("PG_BIN", postgres::programs()?))
}

fn end_to_end() -> Result<()> {
    ocore_testbed::up(SERVERS)?;
    // It is built the first time, which would seem to be a test that hangs.
    ocore_testbed::fluent_bit()?;
    // Away from where Cargo puts the one of the tests, which is another.
    let binary = workspace::target().join("e2e/ocore");
    fs::create_dir_all(workspace::target().join("e2e"))?;
    fs::copy(binary::build()?, &binary)?;
    let agent = agent::build()?;
    // Of the whole workspace, though the profile runs the testbed's only: so nothing is compiled again.
    run(nextest("e2e")
        .arg("--workspace")
        .env("OCORE_BIN", binary)
        .env("OCORE_AGENT_BIN", agent))
}

/// The dashboard in a real browser, on two of the servers.
fn browser() -> Result<()> {
    ocore_testbed::up(2)?;
    let binary = workspace::target().join("e2e/ocore");
    web::browser_tests(&binary, &[1, 2].map(ocore_testbed::server), None)
}

/// The images and the compose files, with the same binary, on one of the servers.
fn compose() -> Result<()> {
    const TAG: &str = "ocore-testbed";
    ocore_testbed::up(1)?;
    let binary = workspace::target().join("e2e/ocore");
    images::build(&binary, None, TAG)?;
    run(nextest("compose")
        .arg("--workspace")
        .env("OCORE_BIN", binary)
        .env("OCORE_IMAGES_TAG", TAG))
}

fn nextest(profile: &str) -> Command {
    cargo(&["nextest", "run", "--no-fail-fast", "--profile", profile])
}

/// What has happened so far.
#[derive(Default)]
struct Report {
    times: Vec<(&'static str, Duration)>,
    failed: Vec<&'static str>,
    passed_tests: u64,
    failed_tests: u64,
}

impl Report {
    /// Runs a stage, prints how it went, and goes on after a failure: all faults are told at once.
    fn stage(&mut self, name: &'static str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        println!("\n── {name}");
        let began = Instant::now();
        let result = work();
        if interrupted() {
            bail!("interrupted in {name}");
        }
        let time = began.elapsed();
        match result {
            Ok(()) => println!("── {name}: passed ({:.1} s)", time.as_secs_f64()),
            Err(error) => {
                println!("── {name}: FAILED ({:.1} s): {error:#}", time.as_secs_f64());
                self.failed.push(name);
            }
        }
        self.times.push((name, time));
        Ok(())
    }

    /// Runs a stage of tests and counts them, by what their runner wrote.
    fn tests(&mut self, name: &'static str, file: &Path, work: impl FnOnce() -> Result<()>) -> Result<()> {
        // What an earlier run left must not be counted, should this one not come to its tests.
        match fs::remove_file(file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        self.stage(name, work)?;
        let Ok(text) = fs::read_to_string(file) else {
            return Ok(());
        };
        let (passed, failed) =
            count(&text).with_context(|| format!("{} is not as expected", file.display()))?;
        self.passed_tests += passed;
        self.failed_tests += failed;
        if failed > 0 {
            // Its failure is counted by its tests.
            self.failed.retain(|stage| *stage != name);
        }
        Ok(())
    }

    /// Prints the sum of it, which has the last word.
    fn finish(&self) -> ExitCode {
        println!();
        for (name, time) in &self.times {
            println!("{:>8.1} s  {name}", time.as_secs_f64());
        }
        let failed = self.failed_tests + self.failed.len() as u64;
        if !self.failed.is_empty() {
            println!("failed: {}", self.failed.join(", "));
        }
        println!("{} passed, {failed} failed", self.passed_tests);
        if failed > 0 {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}

/// Where nextest writes what it has run (`.config/nextest.toml`).
fn junit(profile: &str) -> PathBuf {
    workspace::target()
        .join("nextest")
        .join(profile)
        .join("junit.xml")
}

/// Passed and failed tests, from the attributes of the file's `<testsuites>`.
fn count(junit: &str) -> Option<(u64, u64)> {
    let suites = junit.split_once("<testsuites ")?.1.split_once('>')?.0;
    let number = |name: &str| {
        let value = suites.split_once(&format!("{name}=\""))?.1.split_once('"')?.0;
        value.parse::<u64>().ok()
    };
    let failed = number("failures")? + number("errors")?;
    Some((number("tests")?.checked_sub(failed)?, failed))
}

#[cfg(test)]
mod tests_of_counting {
    use super::count;

    #[test]
    fn counts_what_nextest_reports() {
        let file = r#"<?xml version="1.0"?><testsuites name="nextest-run" tests="7" failures="2" errors="1" uuid="x">
            <testsuite name="a" tests="7" disabled="0" errors="1" failures="2"/></testsuites>"#;
        assert_eq!(count(file), Some((4, 3)));
        assert_eq!(count("<nothing/>"), None);
    }
}
