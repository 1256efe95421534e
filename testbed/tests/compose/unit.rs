//! The systemd unit, on a server with systemd, against a database elsewhere.

use std::{
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use crate::{
    database::Database,
    installation::{binary, docker},
    server::Server,
};

const ONE: Server = Server(1);

#[test]
fn the_unit_runs_in_its_sandbox_and_ends_in_order() {
    ONE.clean();
    let database = Database::start();
    let _clean = Clean;
    let container = ocore_testbed::server(ONE.number()).name;
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/systemd/ocore.service");
    for (from, to) in [
        (binary(), "/usr/local/bin/ocore"),
        (unit, "/etc/systemd/system/ocore.service"),
        (database.authority(), "/etc/ocore-database.pem"),
    ] {
        docker(&["cp", &from.to_string_lossy(), &format!("{container}:{to}")]);
    }
    let url = database.url(Path::new("/etc/ocore/database.pem"));
    ONE.sh(&format!(
        "set -e
         useradd --system --home-dir /var/lib/ocore --shell /usr/sbin/nologin ocore
         install -d -m 755 /etc/ocore
         install -m 644 /etc/ocore-database.pem /etc/ocore/database.pem
         chown root: /usr/local/bin/ocore && chmod 755 /usr/local/bin/ocore
         umask 077
         echo \"JWT_SECRET=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n')\" >/etc/ocore/env
         echo \"SSH_ENCRYPTION_KEY=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n')\" >>/etc/ocore/env
         echo 'DATABASE_URL={url}' >>/etc/ocore/env
         systemctl daemon-reload
         systemctl enable -q --now ocore"
    ));
    ready();
    let pid = property("MainPID");
    assert_eq!(ONE.sh(&format!("stat -c %U /proc/{pid}")), "ocore");
    assert_eq!(
        ONE.sh(&format!("sed -n 's/^CapBnd:\\t//p' /proc/{pid}/status")),
        "0000000000000000"
    );
    assert_eq!(
        ONE.sh(&format!("sed -n 's/^NoNewPrivs:\\t//p' /proc/{pid}/status")),
        "1"
    );
    let exposure = ONE.sh("systemd-analyze security --no-pager ocore.service | sed -n 's/.*exposure level for ocore.service: \\([0-9.]*\\).*/\\1/p'");
    let exposure: f64 = exposure.parse().unwrap();
    assert!(exposure <= 2.5, "what the sandbox leaves open: {exposure} of 10");

    ONE.sh(&format!("kill -9 {pid}"));
    let began = Instant::now();
    while property("MainPID") == pid || property("MainPID") == "0" {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "systemd starts it again"
        );
        sleep(Duration::from_millis(200));
    }
    ready();
    ONE.sh("systemctl stop ocore");
    assert_eq!(property("Result"), "success");
    assert!(!ONE.sh("journalctl -u ocore --no-pager -o cat").contains("canary"));
}

fn property(name: &str) -> String {
    ONE.sh(&format!("systemctl show --value -p {name} ocore"))
}

fn ready() {
    let began = Instant::now();
    while ONE.sh("curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:8080/health/ready || true") != "200"
    {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "{}",
            ONE.sh("journalctl -u ocore --no-pager -n 40 -o cat")
        );
        sleep(Duration::from_millis(300));
    }
}

/// The server as it was.
struct Clean;

impl Drop for Clean {
    fn drop(&mut self) {
        ONE.sh("systemctl disable -q --now ocore || true
                rm -rf /etc/systemd/system/ocore.service /usr/local/bin/ocore /etc/ocore /etc/ocore-database.pem /var/lib/ocore
                userdel ocore || true
                systemctl daemon-reload");
    }
}
