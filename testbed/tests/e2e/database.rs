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
pub(crate) struct Database;

impl Database {
    pub(crate) fn start() -> Self {
        let database = Self;
        database.remove();
        let made = Command::new("docker")
            .args(["run", "-d", "--name", NAME, "--network", "ocore-testbed"])
            .args(["--ip", ADDRESS, "-e", "POSTGRES_USER=ocore"])
            .args([
                "-e",
                &format!("POSTGRES_PASSWORD={CANARY}-database"),
                "postgres:17",
            ])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let began = Instant::now();
        // By TCP: while the image prepares its data directory, it answers on the socket only.
        while !ready() {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "PostgreSQL in a minute"
            );
            sleep(Duration::from_millis(200));
        }
        database
    }

    /// With the password in it.
    pub(crate) fn url(&self) -> String {
        format!("postgres://ocore:{CANARY}-database@{ADDRESS}:5432/ocore")
    }

    fn remove(&self) {
        let _ = Command::new("docker").args(["rm", "-fv", NAME]).output();
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.remove();
    }
}

fn ready() -> bool {
    Command::new("docker")
        .args(["exec", NAME, "pg_isready", "-h", ADDRESS, "-U", "ocore"])
        .output()
        .is_ok_and(|asked| asked.status.success())
}
