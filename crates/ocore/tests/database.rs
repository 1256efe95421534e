//! `ocore database check` on a real PostgreSQL of a role that may do little.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output};

use ocore_testbed::postgres::Postgres;
use serde_json::Value;

const PASSWORD: &str = "canary-of-the-check";

fn check(url: &str, arguments: &[&str]) -> Output {
    let data = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ocore"))
        .args(["database", "check"])
        .args(arguments)
        .env_clear()
        .env("ENVIRONMENT", "development")
        .env("OCORE_DATA_DIR", data.path())
        .env("DATABASE_URL", url)
        .output()
        .unwrap();
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    assert!(!String::from_utf8_lossy(&said).contains("canary"));
    output
}

fn severity<'a>(report: &'a Value, name: &str) -> &'a str {
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|found| found["name"] == name);
    found.unwrap_or_else(|| panic!("{name} in {report:#}"))["severity"]
        .as_str()
        .unwrap()
}

#[test]
fn a_database_is_reviewed_and_nothing_in_it_changed() {
    let cluster = Postgres::start(17, &["max_connections=30", "fsync=on"]).unwrap();
    for sql in [
        &format!("create role ocore login password '{PASSWORD}' connection limit 10"),
        "create database ocore owner ocore",
    ] {
        cluster.sql("postgres", sql).unwrap();
    }
    let url = format!("postgres://ocore:{PASSWORD}@127.0.0.1:{}/ocore", cluster.port());
    let told = check(&url, &["--json", "--memory", "8G"]);
    let report: Value = serde_json::from_slice(&told.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&told.stderr)));
    for (name, expected) in [
        ("version", "good"),
        ("tls", "good"),
        ("pooler", "good"),
        ("role", "good"),
        ("tenant_role", "warning"),
        ("extension", "info"),
        ("migrations", "info"),
        ("replication", "info"),
        ("role_limit", "warning"),
        ("max_connections", "warning"),
        ("shared_buffers", "warning"),
        ("random_page_cost", "warning"),
        ("autovacuum", "good"),
    ] {
        assert_eq!(severity(&report, name), expected, "{name} in {report:#}");
    }
    assert_eq!(
        (told.status.code(), report["worst"].as_str()),
        (Some(4), Some("warning"))
    );
    assert_eq!(
        cluster
            .sql(
                "ocore",
                "select count(*) from pg_tables where schemaname = 'public'"
            )
            .unwrap(),
        "0"
    );

    // What it says is to be run can be run.
    for found in report["findings"].as_array().unwrap() {
        let Some(command) = found["command"]
            .as_str()
            .filter(|command| command.starts_with("psql"))
        else {
            continue;
        };
        let ran = Command::new("sh")
            .args(["-c", command])
            .env("PGHOST", cluster.folder())
            .env("PGPORT", cluster.port().to_string())
            .env("PGUSER", "postgres")
            .env("PGDATABASE", "postgres")
            .output()
            .unwrap();
        assert!(
            ran.status.success(),
            "{command}: {}",
            String::from_utf8_lossy(&ran.stderr)
        );
    }
    let again: Value = serde_json::from_slice(&check(&url, &["--json", "--memory", "8G"]).stdout).unwrap();
    for name in [
        "tenant_role",
        "extension",
        "random_page_cost",
        "effective_cache_size",
    ] {
        assert_eq!(severity(&again, name), "good", "{name} in {again:#}");
    }

    // One that commits wait for and that is not there is critical.
    cluster
        .sql("postgres", "alter system set synchronous_standby_names = 'gone'")
        .unwrap();
    cluster.sql("postgres", "select pg_reload_conf()").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let told = check(&url, &[]);
    let text = String::from_utf8(told.stdout).unwrap();
    assert!(
        text.contains("critical  replication: commits wait for the standby `gone`"),
        "{text}"
    );
    assert_eq!(told.status.code(), Some(6));

    let missing = format!("{}/nothing", url.strip_suffix("/ocore").unwrap());
    let refused = check(&missing, &[]);
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(text.contains("createdb --owner ocore nothing"), "{text}");
    assert_eq!(refused.status.code(), Some(1));
}
