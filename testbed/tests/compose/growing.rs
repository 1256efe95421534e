//! An installation from its first start on a new machine to a database elsewhere and `PgBouncer` before that.

use std::{
    fs,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Instant,
};

use serde_json::Value;

use crate::{
    database::Database,
    installation::{Installation, binary, docker, said},
    limits,
    server::{Server, log_in},
};

const ONE: Server = Server(1);

#[test]
fn an_installation_grows_from_its_own_database_to_another_and_to_pgbouncer() {
    let mut told = Told(Instant::now());
    ONE.clean();
    let mut installation = Installation::set_up();
    installation.up();
    told.tell("healthy");
    limits::assert_held(&installation);
    pages(&installation);
    reviewed(&installation);

    installation.first_administrator();
    assert!(
        installation.first_event(false).contains("hello"),
        "events by Caddy"
    );
    assert!(
        installation.first_event(true).contains("hello"),
        "events by the frontend"
    );
    installation.add_server(ONE);
    life(&installation, "one");
    told.tell("the first Odoo");

    hog(&installation);
    told.tell("a hog, and a kill");
    restart(&installation);
    no_secrets(&installation);
    told.tell("a restart");
    several(&installation);
    told.tell("two backends, and one less");

    let database = Database::start();
    elsewhere(&installation, &database);
    life(&installation, "two");
    no_secrets(&installation);
    told.tell("a database elsewhere");

    pgbouncer(&installation, &database);
    life(&installation, "three");
    no_secrets(&installation);
    told.tell("PgBouncer");
    for name in ["one", "two", "three"] {
        let delete = ["instance", "delete", name, "--yes", name, "--no-dump"];
        assert_eq!(installation.ocore(&delete)["operation"]["state"], "done");
    }
    assert!(ONE.containers().is_empty());
    told.tell("all deleted");
}

/// How long each part took, for who looks at the output.
struct Told(Instant);

impl Told {
    fn tell(&mut self, what: &str) {
        eprintln!("{:>6.1} s  {what}", self.0.elapsed().as_secs_f64());
        self.0 = Instant::now();
    }
}

/// What every Odoo goes through, however the database is reached: made, entered, changed, stopped, started, entered again.
fn life(installation: &Installation, name: &str) {
    let mut created = installation.create(name);
    log_in(ONE, &created);
    for change in [
        &["update", name, "--log-level", "warn"][..],
        &["stop", name],
        &["start", name],
    ] {
        let done = installation.ocore(&[&["instance"], change].concat());
        assert_eq!(done["operation"]["state"], "done", "{change:?}: {done}");
    }
    created["instance"] = installation.ocore(&["instance", "show", name]);
    assert_eq!(created["instance"]["status"], "running", "{created}");
    log_in(ONE, &created);
    let conf = ONE.sh(&format!("docker exec ocore-{name} cat /etc/odoo/odoo.conf"));
    assert!(conf.contains("log_level = warn"), "{conf}");
}

/// The dashboard and the API by one address, through Caddy and through the frontend alone.
fn pages(installation: &Installation) {
    let (status, head, body) = installation.ask("GET", "/servers", None);
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("<script"), "the page: {body}");
    assert!(
        head.contains("content-security-policy:") && head.contains("strict-transport-security:"),
        "{head}"
    );
    assert_eq!(installation.ask("GET", "/health/ready", None).0, 200);
    assert_eq!(installation.ask("GET", "/metrics", None).0, 401, "for nobody");
    assert_eq!(installation.ask_frontend("/servers").2, body, "the same page");
    assert_eq!(installation.ask_frontend("/health/ready").0, 200);
    assert_eq!(installation.ask_frontend("/api/servers").0, 401);
}

/// Its own review of the database finds nothing to set.
fn reviewed(installation: &Installation) {
    let memory = installation.inspect("postgres")["HostConfig"]["Memory"].to_string();
    let check = ["exec", "-T", "backend", "ocore", "database", "check", "--json"];
    let told = installation
        .compose(&[&check[..], &["--memory", &memory]].concat())
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&told.stdout).unwrap_or_else(|_| panic!("{}", said(&told)));
    let findings = report["findings"].as_array().unwrap();
    for setting in [
        "max_connections",
        "random_page_cost",
        "shared_buffers",
        "effective_cache_size",
        "work_mem",
        "maintenance_work_mem",
        "max_wal_size",
        "checkpoint_timeout",
        "synchronous_commit",
        "jit",
    ] {
        let found = findings.iter().find(|found| found["name"] == setting);
        assert_eq!(
            found.map(|found| &found["severity"]),
            Some(&Value::from("good")),
            "{setting} in {report:#}"
        );
    }
}

/// Something in the backend's container that takes all memory there is: the limit holds, and oCore goes on. Then oCore
/// itself is the one that is killed.
fn hog(installation: &Installation) {
    const LIMIT: u64 = 600 << 20;
    let container = installation.container("backend");
    let limits = [
        "--memory",
        "600m",
        "--memory-swap",
        "600m",
        "--memory-reservation",
        "256m",
    ];
    docker(&[&["update"], &limits[..], &[&container]].concat());
    let before = started(installation);
    let mut hog = Command::new("docker")
        .args(["exec", &container, "tail", "/dev/zero"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let ended = loop {
        if let Some(ended) = hog.try_wait().unwrap() {
            break ended;
        }
        installation.ask("GET", "/health", None);
    };
    assert_eq!(ended.code(), Some(137), "the hog is killed");
    let used =
        "cat /sys/fs/cgroup/memory/memory.max_usage_in_bytes /sys/fs/cgroup/memory.peak 2>/dev/null || true";
    let used: u64 = docker(&["exec", &container, "sh", "-c", used]).parse().unwrap();
    assert!(
        (LIMIT / 2..=LIMIT).contains(&used),
        "the limit was reached and held: {used}"
    );
    installation.await_ready();
    assert_eq!(started(installation), before, "oCore went on all the time");

    let pid = installation.inspect("backend")["State"]["Pid"].to_string();
    docker(&[
        "run",
        "--rm",
        "--pid=host",
        "--entrypoint",
        "kill",
        "postgres:17",
        "-9",
        &pid,
    ]);
    let away = installation.await_ready();
    assert_ne!(started(installation), before, "it was started again");
    eprintln!("ready {:.1} s after it was killed", away.as_secs_f64());
    assert_eq!(names(installation), ["one"]);
}

fn started(installation: &Installation) -> String {
    installation.inspect("backend")["State"]["StartedAt"].to_string()
}

fn names(installation: &Installation) -> Vec<String> {
    let list = installation.ocore(&["instance", "list"]);
    let mut names: Vec<String> = list["data"]
        .as_array()
        .unwrap_or_else(|| panic!("no list: {list}"))
        .iter()
        .map(|instance| instance["slug"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// In the middle of an operation, which is taken up again.
fn restart(installation: &Installation) {
    let begun = installation.ocore(&["instance", "restart", "one", "--no-wait"]);
    let operation = begun["operation"]["id"].as_str().unwrap();
    installation.do_compose(&["restart", "backend"]);
    installation.await_ready();
    let ended = installation.ocore(&["operation", "follow", operation]);
    let state = ended["state"]
        .as_str()
        .or_else(|| ended["operation"]["state"].as_str());
    assert_eq!(state, Some("done"), "{ended}");
    assert_eq!(
        installation.ocore(&["instance", "show", "one"])["status"],
        "running"
    );
}

/// Two backends behind Caddy, one of which is stopped while it is asked.
fn several(installation: &Installation) {
    let key = installation.do_compose(&[
        "exec", "-T", "backend", "ocore", "admin", "create", "--name", "operator",
    ]);
    assert!(key.starts_with("ocore_"), "a key, and nothing else");
    let first = installation.container("backend");
    installation.do_compose(&["up", "-d", "--wait", "--no-recreate", "--scale", "backend=2"]);
    // Asked until well after it has ended: then it is the other one that answers.
    let stopped = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            docker(&["stop", &first]);
            stopped.store(true, Ordering::Relaxed);
        });
        let (mut asked, mut after) = (0, 0);
        while after < 20 {
            after += u32::from(stopped.load(Ordering::Relaxed));
            let (status, _, body) = installation.ask("GET", "/api/servers", None);
            assert_eq!(status, 200, "request {asked}: {body}");
            asked += 1;
        }
    });
    installation.do_compose(&["up", "-d", "--wait", "--scale", "backend=1"]);
    assert_eq!(installation.container("backend").lines().count(), 1);
    installation.await_ready();
}

/// Takes the database with all that is in it to another place, as an operator would.
fn elsewhere(installation: &Installation, database: &Database) {
    for (from, to) in [
        (database.authority(), "database.pem"),
        (database.stranger(), "stranger.pem"),
    ] {
        fs::copy(from, installation.dir().join("certs").join(to)).unwrap();
    }
    installation.do_compose(&["stop", "backend"]);
    let dump = ["exec", "-T", "postgres", "pg_dump", "-U", "ocore", "-Fc", "ocore"];
    database.restore(&mut installation.compose(&dump));
    let url = |file: &str| database.url(&std::path::Path::new("/etc/ocore/certs").join(file));
    installation.add(&format!("DATABASE_URL='{}'\n", url("database.pem")));
    installation.use_files(&["docker-compose.prod.yml", "docker-compose.external-db.yml"]);
    let services = installation.do_compose(&["config", "--services"]);
    assert!(
        !services.lines().any(|service| service == "postgres"),
        "{services}"
    );

    // Somebody else's certificate is no proof.
    let wrong = format!("DATABASE_URL={}", url("stranger.pem"));
    let refused = installation
        .compose(&[
            "run", "--rm", "-T", "-e", &wrong, "backend", "admin", "create", "--name", "x",
        ])
        .output()
        .unwrap();
    assert!(
        !refused.status.success() && said(&refused).contains("certificate"),
        "{}",
        said(&refused)
    );

    installation.up();
    let left = docker(&["ps", "-aq", "--filter", "name=ocore-testbed-compose-postgres"]);
    assert_eq!(left, "", "the one before is gone");
    assert_eq!(names(installation), ["one"], "all is there");
    let (all, plain) = database.connections();
    assert!(all > 0 && plain == 0, "{all} connections, {plain} not encrypted");
}

/// Puts `PgBouncer` between, by what `ocore setup` makes of the same address.
fn pgbouncer(installation: &Installation, database: &Database) {
    let folder = tempfile::tempdir().unwrap();
    let done = Command::new(binary())
        .arg("setup")
        .arg(folder.path())
        .args([
            "--app-url",
            "https://localhost",
            "--tls",
            "internal",
            "--external-database",
            "--pgbouncer",
        ])
        .env("DATABASE_URL", installation.env("DATABASE_URL"))
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", said(&done));
    let made = fs::read_to_string(folder.path().join(".env")).unwrap();
    let own: String = made
        .lines()
        .filter(|line| line.starts_with("PGBOUNCER_"))
        .map(|line| format!("{line}\n"))
        .collect();
    installation.add(&own);
    installation.use_files(&[
        "docker-compose.prod.yml",
        "docker-compose.external-db.yml",
        "docker-compose.pgbouncer.yml",
    ]);
    installation.up();
    assert_eq!(names(installation), ["one", "two"]);
    let (all, plain) = database.connections();
    assert!(all > 0 && plain == 0, "{all} connections, {plain} not encrypted");
    // The backend's own connections to PostgreSQL are the few that listen; all else comes by PgBouncer.
    let command = docker(&["top", &installation.container("pgbouncer")]);
    assert!(!command.contains("canary"), "no password in arguments: {command}");

    installation.do_compose(&["restart", "pgbouncer"]);
    installation.await_ready();
}

/// None of what `.env` holds is in any log, nor in what Docker shows of the commands.
fn no_secrets(installation: &Installation) {
    let logs = installation.do_compose(&["logs", "--no-color"]);
    let env = fs::read_to_string(installation.dir().join(".env")).unwrap();
    for line in env.lines() {
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let is_secret = name.ends_with("PASSWORD")
            || name.ends_with("SECRET")
            || name.ends_with("KEY")
            || name.ends_with("TOKEN");
        assert!(
            !is_secret || !logs.contains(value.trim_matches('\'')),
            "{name} is in the logs"
        );
    }
    assert!(
        !logs.contains("ocore_") || !logs.contains("OCORE_TOKEN=ocore_"),
        "a key is in the logs"
    );
    assert!(!logs.contains("canary"), "the database's password is in the logs");
    for service in ["backend", "frontend", "caddy"] {
        let known: Value = installation.inspect(service);
        let command = format!("{}{}", known["Path"], known["Args"]);
        assert!(!command.contains("postgres://"), "{command}");
    }
}
