//! A PostgreSQL that is not oCore's own: in a container, reached over the network with a password.

use std::{
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use crate::plane::CANARY;

const NAME: &str = "ocore-testbed-database";
const ADDRESS: &str = "10.77.0.200";

/// Gone with its data when it is dropped.
pub(crate) struct Database {
    url: String,
}

impl Database {
    pub(crate) fn start() -> Self {
        remove();
        let database = Self {
            url: format!("postgres://ocore:{CANARY}-database@{ADDRESS}:5432/ocore"),
        };
        docker(&[
            "run",
            "-d",
            "--name",
            NAME,
            "--network",
            "ocore-testbed",
            "--ip",
            ADDRESS,
            "-e",
            "POSTGRES_PASSWORD=of-the-superuser",
            "postgres:17",
        ]);
        let began = Instant::now();
        // By TCP: while the image prepares its data directory, it answers on the socket only.
        while !ready() {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "PostgreSQL in a minute"
            );
            sleep(Duration::from_millis(200));
        }
        // No superuser, as where PostgreSQL is rented.
        let role = format!("create role ocore login password '{CANARY}-database'");
        let psql = ["exec", NAME, "psql", "-U", "postgres", "-qc", &role];
        // Nor may it make another role: whoever administers PostgreSQL makes the one that requests run as.
        let more = [
            "-c",
            "create role ocore_tenant nologin",
            "-c",
            "grant ocore_tenant to ocore",
            "-c",
            "create database ocore owner ocore",
        ];
        docker(&[&psql[..], &more].concat());
        database
    }

    /// With the password in it.
    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        remove();
    }
}

fn remove() {
    let _ = Command::new("docker").args(["rm", "-fv", NAME]).output();
}

fn docker(arguments: &[&str]) {
    let done = Command::new("docker").args(arguments).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn ready() -> bool {
    Command::new("docker")
        .args(["exec", NAME, "pg_isready", "-h", ADDRESS])
        .output()
        .is_ok_and(|asked| asked.status.success())
}
