//! The truth on a server, looked at from outside: not by oCore, but by `docker` and `psql` there.

use std::{collections::BTreeSet, fs, net::Ipv4Addr, process::Command};

use serde_json::Value;

/// How many servers a test has to itself.
const EACH: u8 = 2;

/// One of the servers that a test has to itself: the first or the second. Higher numbers are the testbed's own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Server(pub(crate) u8);

/// Which of the tests that run side by side this is, from 0; nextest tells.
pub(crate) fn slot() -> u8 {
    let told = std::env::var("NEXTEST_TEST_GLOBAL_SLOT");
    told.map_or(0, |slot| slot.parse().unwrap())
}

impl Server {
    /// Its number in the testbed.
    pub(crate) fn number(self) -> u8 {
        if self.0 > EACH {
            return self.0;
        }
        self.0 + EACH * slot()
    }

    pub(crate) fn address(self) -> String {
        ocore_testbed::server(self.number()).address
    }

    pub(crate) fn key_file(self) -> String {
        ocore_testbed::server(self.number())
            .key_path
            .to_string_lossy()
            .into_owned()
    }

    /// Runs a script on the server by the outer engine, so that it works with the network cut too.
    pub(crate) fn sh(self, script: &str) -> String {
        let container = ocore_testbed::server(self.number()).name;
        let output = Command::new("docker")
            .args(["exec", &container, "sh", "-c", script])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "server {}: {script}: {}",
            self.number(),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The same over SSH, as an operator would look.
    pub(crate) fn ssh(self, script: &str) -> String {
        let output = Command::new("ssh")
            .args([
                "-i",
                &self.key_file(),
                "-o",
                "StrictHostKeyChecking=no",
                "-o",
                "UserKnownHostsFile=/dev/null",
            ])
            .args([
                "-o",
                "LogLevel=ERROR",
                &format!("root@{}", self.address()),
                script,
            ])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "ssh: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Mends and takes away whatever an earlier test left, so that each begins on a clean server.
    pub(crate) fn clean(self) {
        ocore_testbed::start(self.number()).unwrap();
        // A test that failed may have left it without SSH.
        self.sh("iptables -F INPUT");
        ocore_testbed::heal(self.number()).unwrap();
        ocore_testbed::wait_ready(self.number()).unwrap();
        ocore_testbed::lose(self.number(), 0).unwrap();
        ocore_testbed::unbare(self.number()).unwrap();
        self.sh("if [ -e /etc/systemd/system/ocore-agent.service ]; then systemctl disable -q --now ocore-agent; fi
                 rm -rf /etc/systemd/system/ocore-agent.service /usr/local/bin/ocore-agent /etc/ocore-agent* && systemctl daemon-reload
                 iptables -F OUTPUT
                 rm -f /var/lib/docker/full.test; docker info >/dev/null
                 docker ps -aq | xargs -r docker rm -fv >/dev/null
                 docker volume ls -q | xargs -r docker volume rm >/dev/null
                 docker network ls -q --filter name=ocore | xargs -r docker network rm >/dev/null
                 # One whose container was removed while Docker booted keeps its port for ever.
                 if pgrep docker-proxy >/dev/null; then systemctl restart docker; fi");
    }

    fn lines(self, script: &str) -> BTreeSet<String> {
        self.sh(script)
            .lines()
            .map(str::to_owned)
            .filter(|line| !line.is_empty())
            .collect()
    }

    /// The containers on the server, without its PostgreSQL.
    pub(crate) fn containers(self) -> BTreeSet<String> {
        self.lines("docker ps -a --format '{{.Names}}' | grep -v '^ocore-postgres$' || true")
    }

    /// The volumes, without those of PostgreSQL, templates and dumps.
    pub(crate) fn volumes(self) -> BTreeSet<String> {
        self.lines(
            "docker volume ls -q | grep -Ev '^(ocore-postgres-data|ocore-dumps|ocore_template.*)$' || true",
        )
    }

    /// Roles and databases that are neither PostgreSQL's own nor a template's.
    pub(crate) fn databases(self) -> BTreeSet<String> {
        self.lines(
            "docker exec ocore-postgres psql -U postgres -XqAt -c \"select 'database ' || datname from pg_database \
             where datname !~ '^(postgres|template[01]|ocore_template.*)$' union all select 'role ' || rolname from \
             pg_roles where rolname !~ '^(postgres|ocore_agent|pg_.*|ocore_template.*)$'\"",
        )
    }

    /// Databases, roles and volumes of templates that are not ready: half of one left over.
    pub(crate) fn half_templates(self) -> BTreeSet<String> {
        let ready = self.lines(
            "docker exec ocore-postgres psql -U postgres -XqAt -c \"select datname from pg_database where \
             shobj_description(oid, 'pg_database') = 'sh.ocore.template=ready'\"",
        );
        let there = self.lines(
            "docker exec ocore-postgres psql -U postgres -XqAt -c \"select datname from pg_database where datname ~ \
             '^ocore_template' union select rolname from pg_roles where rolname ~ '^ocore_template'\"
             docker volume ls -q | grep '^ocore_template' || true",
        );
        there.difference(&ready).cloned().collect()
    }

    /// The loopback ports something listens on in oCore's range.
    pub(crate) fn ports(self) -> BTreeSet<String> {
        self.lines("ss -Hltn | awk '{print $4}' | sed 's/.*://' | awk '$1 >= 20000 && $1 < 30000' | sort -u")
    }

    /// How many SSH connections are open to the server, as this machine's kernel has them: the server's own would count
    /// those that a cut has killed on this side only.
    pub(crate) fn ssh_connections(self) -> usize {
        let address: Ipv4Addr = self.address().parse().unwrap();
        let remote = format!("{:08X}:0016", u32::from_le_bytes(address.octets()));
        let table = fs::read_to_string("/proc/net/tcp").unwrap();
        let established = |line: &&str| {
            let mut fields = line.split_whitespace().skip(2);
            fields.next() == Some(remote.as_str()) && fields.next() == Some("01")
        };
        table.lines().filter(established).count()
    }
}

/// A real login through Odoo's JSON-RPC, made on the server itself: the ports are on its loopback.
pub(crate) fn log_in(server: Server, created: &Value) {
    let instance = &created["instance"];
    let body = serde_json::json!({"jsonrpc": "2.0", "params": {
        "db": instance["databaseName"], "login": created["adminLogin"], "password": created["adminPassword"]}});
    let answer = server.sh(&format!(
        "curl -sS -m 60 -H 'content-type: application/json' -d '{body}' \
         http://127.0.0.1:{}/web/session/authenticate",
        port_of(instance)
    ));
    let answer: Value = serde_json::from_str(&answer).unwrap_or_else(|_| panic!("no JSON: {answer}"));
    assert!(
        answer["result"]["uid"].as_i64().is_some_and(|uid| uid > 0),
        "no login: {answer}"
    );
}

/// The HTTP port, as the server's row has it once it is reserved.
pub(crate) fn port_of(instance: &Value) -> i64 {
    instance["httpPortHost"]
        .as_i64()
        .unwrap_or_else(|| panic!("no port in {instance}"))
}
