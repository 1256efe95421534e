//! The agent on a real server: how it comes there, that its figures are true, what a cut costs, and that nothing is left.

use std::{
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

use serde_json::Value;

use crate::{
    agent_log,
    plane::Plane,
    world::{Server, add_server, port_of, small},
};

const ONE: Server = Server(1);
/// How long the agent is cut off, in seconds; `OCORE_CUT_SECONDS` says otherwise.
const CUT: u64 = 45;

/// Alone, since the servers have one kernel, of which it tells (`.config/nextest.toml`).
#[test]
fn the_agent_tells_the_truth() {
    ONE.clean();
    let plane = Plane::start_with_agents();
    add_server(&plane, ONE, "one");
    comes_by_itself(&plane);
    figures_are_true(&plane);
    plane.ok(&["server", "remove", "one", "--confirm", "one"]);
}

#[test]
fn the_agent_comes_by_itself_is_looked_after_and_goes() {
    ONE.clean();
    let plane = Plane::start_with_agents();
    add_server(&plane, ONE, "one");
    comes_by_itself(&plane);
    is_locked_in();
    a_cut_loses_nothing(&plane);
    gets_a_new_token(&plane);
    is_upgraded_and_left_as_it_was_on_failure(&plane);
    goes_without_a_trace(&plane);
}

/// A real Odoo: its processes, its database, how late its scheduled actions are, and its log, for figures and for readers.
#[test]
fn the_agent_sees_an_odoo() {
    ONE.clean();
    let plane = Plane::start_with_agents();
    add_server(&plane, ONE, "one");
    let created = plane.ok(&small("acme"));
    let port = port_of(&created["instance"]);
    // The role may see when actions are due, and nothing that they do.
    let as_agent = |sql: &str| {
        ONE.sh(&format!(
            "docker exec -e PGPASSWORD=$(cat /etc/ocore-agent/postgres) ocore-postgres \
             psql -h 127.0.0.1 -U ocore_agent -XqAt -d odoo_acme -c \"{sql}\" 2>&1 || true"
        ))
    };
    assert!(
        as_agent("select count(nextcall) from ir_cron where active")
            .parse::<u32>()
            .unwrap()
            > 0
    );
    for secret in [
        "select * from ir_cron",
        "select login from res_users",
        "create table mine (x int)",
    ] {
        assert!(as_agent(secret).contains("permission denied"), "{secret}");
    }
    let seen = plane.await_that(Duration::from_secs(180), "the instance's figures", || {
        ONE.sh(&format!("curl -s -o /dev/null http://127.0.0.1:{port}/web/login"));
        sleep(Duration::from_secs(2));
        let row = plane.sql(
            "select workers, worker_memory, cron_lag_seconds, longest_request_ms, requests, database_bytes, memory_bytes
             from instance_samples where requests > 0 and database_bytes is not null and cron_lag_seconds is not null
             order by at desc limit 1",
        );
        (!row.is_empty()).then_some(row)
    });
    println!("{seen}");
    let numbers: Vec<f64> = seen.split('|').map(|word| word.parse().unwrap()).collect();
    let [workers, virtual_bytes, lag, longest, requests, database, memory] = numbers[..] else {
        panic!("{seen}")
    };
    // One process by threads, as small as Odoo goes.
    assert!(workers == 0.0 && virtual_bytes > memory && memory > 3e7, "{seen}");
    assert!(lag >= 0.0 && longest > 0.0 && requests >= 1.0, "{seen}");
    let size = ONE
        .sh("docker exec ocore-postgres psql -U postgres -XqAt -c \"select pg_database_size('odoo_acme')\"");
    let size: f64 = size.parse().unwrap();
    assert!((database - size).abs() <= size * 0.05, "{database} {size}");
    let row = plane.sql("select pg_connections > 0 and pg_max_connections > 0 from server_samples where pg_connections is not null limit 1");
    assert_eq!(row, "t");
    agent_log::comes_by_the_agent(&plane, ONE, port);
    plane.ok(&["instance", "delete", "acme", "--confirm", "acme", "--no-dump"]);
    plane.ok(&["server", "remove", "one", "--confirm", "one"]);
    assert_eq!(
        ONE.sh("ls -d /etc/ocore-agent* /usr/local/bin/ocore-agent* 2>/dev/null; true"),
        ""
    );
}

fn comes_by_itself(plane: &Plane) {
    let installed = plane.await_that(Duration::from_secs(180), "the agent to be installed", || {
        let operations = plane.get("/api/operations?limit=50");
        let operations = operations["data"].as_array().unwrap().clone();
        let install = operations
            .into_iter()
            .find(|one| one["kind"] == "agent_install")?;
        install["finishedAt"].is_string().then_some(install)
    });
    assert_eq!(installed["state"], "done", "{installed}");
    let status = plane.ok(&["server", "agent", "status", "one"]);
    assert_eq!(
        (&status["installed"], &status["alive"]),
        (&true.into(), &true.into()),
        "{status}"
    );
    assert_eq!(status["version"], status["availableVersion"]);
    // With the version it has there is nothing to follow a validation.
    plane.ok(&["server", "validate", "one"]);
    let count = plane.sql("select count(*) from operations where kind = 'agent_install'");
    assert_eq!(count, "1");
}

/// No root, no capability, nothing that tells a secret, and what systemd itself thinks of it.
fn is_locked_in() {
    let pid = pid();
    let user: u32 = ONE.sh(&format!("stat -c %u /proc/{pid}")).parse().unwrap();
    assert!(user > 60_000, "it is nobody that lasts: {user}");
    let status = ONE.sh(&format!(
        "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/{pid}/status"
    ));
    let words: Vec<&str> = status.split_whitespace().collect();
    let none = "0000000000000000";
    assert_eq!(
        words,
        [
            "CapEff:",
            none,
            "CapBnd:",
            none,
            "NoNewPrivs:",
            "1",
            "Seccomp:",
            "2"
        ]
    );
    assert_eq!(
        ONE.sh("stat -c '%a %U' /etc/ocore-agent/token /etc/ocore-agent/postgres"),
        "600 root\n600 root"
    );
    let shown = ONE.sh(&format!("tr '\\0' ' ' </proc/{pid}/cmdline; tr '\\0' ' ' </proc/{pid}/environ; systemctl cat ocore-agent; journalctl -u ocore-agent -o cat"));
    assert!(!shown.contains("ocore_agent_"), "{shown}");
    let judged = ONE.sh("systemd-analyze security ocore-agent --no-pager | tail -1");
    let exposure: f32 = judged
        .split_whitespace()
        .find_map(|word| word.parse().ok())
        .unwrap_or_else(|| panic!("no score in {judged}"));
    assert!(exposure < 3.0, "{judged}");
    println!("{judged}");
}

fn pid() -> String {
    ONE.sh("systemctl show -p MainPID --value ocore-agent")
}

/// Samples beside the kernel's files, `vmstat` and `docker stats`, over the same ten seconds.
fn figures_are_true(plane: &Plane) {
    ONE.sh("docker run -d --rm --name burn --cpus 0.4 postgres:17 sh -c 'while :; do :; done' >/dev/null
            docker run -d --rm --name hold -m 256m postgres:17 sh -c 'head -c 50000000 /dev/zero | tail -c 50000000 | sleep 600' >/dev/null");
    // Through the pipe `tail` holds what it was given.
    sleep(Duration::from_secs(3));
    let container = ocore_testbed::server(ONE.number()).name;
    let begin = |script: &str| {
        Command::new("docker")
            .args(["exec", &container, "sh", "-c", script])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let sample = begin("/usr/local/bin/ocore-agent sample --seconds 10");
    let vmstat = begin("vmstat -n 10 2 | tail -1");
    let stats =
        begin("sleep 5; docker stats --no-stream --format '{{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.PIDs}}'");
    let text = |child: std::process::Child| {
        let output = child.wait_with_output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let (sample, vmstat, stats) = (text(sample), text(vmstat), text(stats));
    let now = ONE.sh("grep -E '^(MemTotal|MemAvailable):' /proc/meminfo; df -B1 --output=size,avail /var/lib/docker | tail -1");
    let sample: Value = serde_json::from_str(&sample).unwrap();
    let host = &sample["h"];
    println!("{host}\n{vmstat}\n{stats}\n{now}");

    let columns: Vec<f64> = vmstat
        .split_whitespace()
        .map(|word| word.parse().unwrap())
        .collect();
    let (user, system, idle, waiting) = (columns[12], columns[13], columns[14], columns[15]);
    near("cpu in use", &host["c"]["u"], 100.0 - idle - waiting, 5.0);
    near("cpu of programs", &host["c"]["p"], user, 5.0);
    near("cpu of the kernel", &host["c"]["s"], system, 5.0);

    let numbers: Vec<f64> = now
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    let [total, available, disk, disk_available] = numbers[..] else {
        panic!("{now}")
    };
    assert_eq!(host["m"]["t"].as_f64(), Some(total * 1024.0));
    within("available memory", &host["m"]["a"], available * 1024.0);
    assert_eq!(host["f"][0]["m"], "/var/lib/docker");
    assert_eq!(host["f"][0]["t"].as_f64(), Some(disk));
    within("free disk", &host["f"][0]["a"], disk_available);

    for line in stats.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let containers = sample["c"].as_array().unwrap();
        let seen = containers.iter().find(|one| one["n"] == words[0]).unwrap();
        let cpu: f64 = words[1].trim_end_matches('%').parse().unwrap();
        near(words[0], &seen["c"], cpu, 5.0);
        let (memory, limit) = (bytes(words[2]), bytes(words[4]));
        // Two decimals are shown, and a shell's memory is small.
        if memory > 8e6 {
            within(words[0], &seen["m"], memory);
        }
        if words[0] == "hold" {
            assert_eq!(seen["l"].as_f64(), Some(limit));
        }
        assert_eq!(seen["p"].as_f64(), words[5].parse().ok(), "{line}");
    }
    ONE.sh("docker rm -f burn hold >/dev/null");

    // The same arrives: what is in the rows is what this server is.
    let row = plane.sql(
        "select ram_total || ' ' || disk_total || ' ' || source from server_samples order by at desc limit 1",
    );
    assert_eq!(row, format!("{} {disk} agent", total * 1024.0));
}

/// So many units apart at most.
fn near(what: &str, seen: &Value, told: f64, apart: f64) {
    let seen = seen.as_f64().unwrap();
    assert!((seen - told).abs() <= apart, "{what}: {seen}, told {told}");
}

/// Within 5 % of each other.
fn within(what: &str, seen: &Value, told: f64) {
    near(what, seen, told, told * 0.05);
}

/// `12.5MiB` in bytes.
fn bytes(text: &str) -> f64 {
    let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap();
    let unit = match &text[at..] {
        "B" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        other => panic!("{other}"),
    };
    text[..at].parse::<f64>().unwrap() * unit
}

fn a_cut_loses_nothing(plane: &Plane) {
    let seconds = std::env::var("OCORE_CUT_SECONDS").map_or(CUT, |text| text.parse().unwrap());
    let began = plane.sql("select max(at) from server_samples");
    ONE.sh(&format!(
        "iptables -I OUTPUT -p tcp --dport {} -j DROP",
        plane.port()
    ));
    sleep(Duration::from_secs(seconds));
    let during = plane.sql(&format!(
        "select count(*) from server_samples where at > '{began}'"
    ));
    ONE.sh("iptables -F OUTPUT");
    let healed = plane.sql("select now()");
    plane.await_that(Duration::from_secs(120), "what was measured meanwhile", || {
        (plane.sql(&format!(
            "select max(at) > '{healed}' from server_samples where source = 'agent'"
        )) == "t")
            .then_some(())
    });
    // Of what was asked over SSH meanwhile nothing is left where the agent tells of the same time.
    let rows = plane.sql(&format!(
        "select count(*), max(gap), min(gap) from (
             select extract(epoch from at - lag(at) over (order by at))::float8 as gap from server_samples
             where at >= '{began}') gaps where gap is not null"
    ));
    let numbers: Vec<f64> = rows.split('|').map(|word| word.parse().unwrap()).collect();
    println!("cut off for {seconds} s: {during} samples during it, {rows} after it");
    // One each ten seconds, none missing and none twice. Under load one may be taken a little late.
    assert!(
        numbers[0] >= f64::from(u32::try_from(seconds).unwrap()) / 10.0,
        "{rows}"
    );
    assert!(numbers[1] < 13.0 && numbers[2] > 7.0, "{rows}");
    assert!(
        during.parse::<u64>().unwrap() < seconds / 10 - 2,
        "it was not cut off: {during}"
    );
    assert_eq!(plane.sql("select lost_samples from agents"), "0");
}

fn token() -> String {
    ONE.sh("cat /etc/ocore-agent/token")
}

/// What the door for agents answers to a token, and what another one does.
fn answer(plane: &Plane, token: &str, method: &str, path: &str) -> String {
    ONE.sh(&format!(
        "curl -s -o /dev/null -w '%{{http_code}}' -X {method} -H 'authorization: Bearer {token}' \
         -H 'content-type: application/vnd.ocore.telemetry+msgpack' http://{}:{}{path}",
        ocore_testbed::gateway(),
        plane.port()
    ))
}

const DOOR: &str = "/api/agent/metrics";

fn gets_a_new_token(plane: &Plane) {
    let old = token();
    assert_eq!(
        answer(plane, &old, "POST", DOOR),
        "400",
        "it opens the door, and brings nothing"
    );
    assert_eq!(answer(plane, &old, "GET", "/api/servers"), "403");
    plane.ok(&["server", "agent", "rotate", "one"]);
    let new = token();
    assert_ne!(new, old);
    assert_eq!(answer(plane, &new, "POST", DOOR), "400");
    // It is believed for a minute at most by a process that knew it; what it brings is refused at once.
    plane.await_that(
        Duration::from_secs(70),
        "the old token to be good no more",
        || (answer(plane, &old, "POST", DOOR) == "401").then_some(()),
    );
    assert_eq!(plane.ok(&["server", "agent", "status", "one"])["alive"], true);
}

fn is_upgraded_and_left_as_it_was_on_failure(plane: &Plane) {
    let sum = "sha256sum /usr/local/bin/ocore-agent | cut -d' ' -f1";
    let (given, process) = (ONE.sh(sum), pid());
    // Another program, which works all the same.
    ONE.sh("cp /usr/local/bin/ocore-agent /root/other && echo >>/root/other && mv /root/other /usr/local/bin/ocore-agent");
    let other = ONE.sh(sum);
    assert_ne!(given, other);

    // oCore cannot be reached: everything is as it was, token and program.
    let before = token();
    ONE.sh(&format!(
        "iptables -I OUTPUT -p tcp --dport {} -j REJECT",
        plane.port()
    ));
    plane.refused(&["server", "agent", "install", "one"], "agent.unreachable");
    ONE.sh("iptables -F OUTPUT");
    assert_eq!((token(), ONE.sh(sum)), (before, other));
    assert_eq!(ONE.sh("ls -d /etc/ocore-agent.before 2>/dev/null || true"), "");
    let seen = plane.sql("select last_seen_at from agents");
    plane.await_that(
        Duration::from_secs(90),
        "the agent that was there to be heard",
        || (plane.sql(&format!("select last_seen_at > '{seen}' from agents")) == "t").then_some(()),
    );

    plane.ok(&["server", "agent", "install", "one"]);
    assert_eq!(ONE.sh(sum), given);
    assert_ne!(pid(), process);
    assert_eq!(plane.ok(&["server", "agent", "status", "one"])["alive"], true);
}

fn goes_without_a_trace(plane: &Plane) {
    let last = token();
    plane.ok(&["server", "agent", "remove", "one"]);
    let left = ONE.sh(
        "ls -d /etc/ocore-agent* /usr/local/bin/ocore-agent* /etc/systemd/system/*ocore-agent* \
             /etc/systemd/system/*/ocore-agent* /run/credentials/ocore-agent* 2>/dev/null
         pgrep -a ocore-agent; getent passwd ocore-agent; systemctl list-units --all --no-legend 'ocore-agent*'
         docker exec ocore-postgres psql -U postgres -XqAt -c \"select rolname from pg_roles where rolname ~ 'agent'\"; true",
    );
    assert_eq!(left, "");
    assert_eq!(
        plane.ok(&["server", "agent", "status", "one"])["installed"],
        false
    );
    plane.await_that(Duration::from_secs(70), "the token to be good no more", || {
        (answer(plane, &last, "POST", DOOR) == "401").then_some(())
    });
    plane.refused(&["server", "agent", "remove", "one"], "state.conflict");
    plane.ok(&["server", "remove", "one", "--confirm", "one"]);
}
