//! What this crate renders, held against a real PostgreSQL and a real Odoo 19 in containers.
//!
//! `cargo xtask test` brings Docker up and makes the images first; its `--fast` leaves this out.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::Write,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use chrono::Utc;
use ocore_domain::instance::Settings;
use ocore_odoo::{Version, command, conf, conf::Conf, health, identity, postgres};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

const IMAGES: [&str; 2] = ["odoo:19", "postgres:17"];
const VERSION: Version = Version::V19;
const PASSWORD: &str = "correct 'horse' \"battery\" $taple";

/// A network and the containers in it; gone when it is dropped.
struct World(String);

impl World {
    fn new() -> Self {
        let world = Self(format!("ocore-odoo-test-{}", std::process::id()));
        docker(&["network", "create", &world.0], "");
        world
    }

    fn name(&self, part: &str) -> String {
        format!("{}-{part}", self.0)
    }

    fn psql(&self, database: &str, sql: &str) -> String {
        let postgres = self.name("postgres");
        docker(
            &[
                "exec",
                "-i",
                &postgres,
                "psql",
                "-XqAt",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                "postgres",
                "-d",
                database,
            ],
            sql,
        )
    }

    /// Makes a container of Odoo with a configuration in it.
    fn odoo(&self, part: &str, conf: &SecretString, command: &[String]) -> String {
        let (name, data) = (
            self.name(part),
            format!("{}:{}", self.name("data"), command::DATA_DIR),
        );
        let mut create = vec![
            "create",
            "--name",
            &name,
            "--network",
            &self.0,
            "-v",
            &data,
            IMAGES[0],
        ];
        create.extend(command.iter().map(String::as_str));
        docker(&create, "");
        let file = tempfile::Builder::new()
            .permissions(readable())
            .tempfile()
            .unwrap();
        std::fs::write(file.path(), conf.expose_secret()).unwrap();
        docker(
            &[
                "cp",
                &file.path().to_string_lossy(),
                &format!("{name}:{}", command::CONF_PATH),
            ],
            "",
        );
        name
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for part in ["serve", "init", "postgres"] {
            let _ = Command::new("docker")
                .args(["rm", "-fv", &self.name(part)])
                .output();
        }
        let _ = Command::new("docker")
            .args(["volume", "rm", "-f", &self.name("data")])
            .output();
        let _ = Command::new("docker").args(["network", "rm", &self.0]).output();
    }
}

fn readable() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o444)
}

fn docker(arguments: &[&str], input: &str) -> String {
    let (ok, text) = try_docker(arguments, input);
    assert!(ok, "docker {arguments:?}\n{text}");
    text
}

fn try_docker(arguments: &[&str], input: &str) -> (bool, String) {
    let mut child = Command::new("docker")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).trim().to_owned(),
    )
}

fn until(what: &str, seconds: u64, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(seconds);
    while !done() {
        assert!(Instant::now() < end, "{what} within {seconds} s");
        sleep(Duration::from_millis(300));
    }
}

#[test]
fn a_real_odoo_takes_all_of_it() {
    let here = |image: &&str| {
        Command::new("docker")
            .args(["image", "inspect", image])
            .output()
            .is_ok_and(|output| output.status.success())
    };
    assert!(
        IMAGES.iter().all(here),
        "Docker or one of the images {IMAGES:?} is not here: run `cargo xtask testbed up 1`"
    );
    let world = World::new();

    let postgres = world.name("postgres");
    let arguments = postgres::arguments(2 << 30, 2);
    let mut run = vec![
        "run",
        "-d",
        "--name",
        &postgres,
        "--network",
        &world.0,
        "-e",
        "POSTGRES_PASSWORD=root",
    ];
    run.extend([IMAGES[1], "postgres"]);
    run.extend(arguments.iter().map(String::as_str));
    docker(&run, "");
    // By TCP: while the image prepares its data directory it answers on the socket only, and stops again.
    let ready = [
        "exec",
        &postgres,
        "pg_isready",
        "-h",
        "127.0.0.1",
        "-U",
        "postgres",
    ];
    until("PostgreSQL", 60, || try_docker(&ready, "").0);
    world.psql("postgres", "create role odoo login password 'pw-\"quoted\" #;'; create database acme owner odoo template template0 encoding 'UTF8';");

    let settings = Settings::new(VERSION.default_image(), 2, 3200 << 20);
    let conf = conf::render(&Conf {
        database: "acme",
        database_host: &postgres,
        database_port: 5432,
        database_user: "odoo",
        database_password: &"pw-\"quoted\" #;".into(),
        master_password: &"master %(x)s".into(),
        settings: &settings,
        version: VERSION,
        proxy_mode: false,
        addons_path: &[],
    });

    let init = world.odoo("init", &conf, &command::initialise(VERSION, "acme", &["base"]));
    let log = docker(&["start", "-a", &init], "");
    for fault in ["WARNING", "ERROR", "CRITICAL", "demo data"] {
        assert!(!log.lines().any(|line| line.contains(fault)), "{log}");
    }
    assert_eq!(world.psql("acme", health::DATABASE_QUERY), "installed");
    assert_eq!(
        world.psql("acme", "select count(*) from ir_module_module where demo"),
        "0"
    );

    let uuid = Uuid::from_u128(42);
    let hash = identity::hash_password(&PASSWORD.into(), *b"0123456789abcdef");
    let statements = identity::statements(uuid, &"s3'cret".into(), Utc::now(), &hash, "http://acme.example");
    world.psql(
        "acme",
        "delete from ir_config_parameter where key = 'database.secret'",
    );
    for _ in 0..2 {
        world.psql("acme", statements.expose_secret());
    }
    let keys = "select string_agg(key || '=' || value, ' ' order by key) from ir_config_parameter
                where key in ('database.uuid', 'database.secret', 'web.base.url')";
    assert_eq!(
        world.psql("acme", keys),
        format!("database.secret=s3'cret database.uuid={uuid} web.base.url=http://acme.example")
    );

    serves_and_logs_in(&world, &conf);
}

fn serves_and_logs_in(world: &World, conf: &SecretString) {
    let serve = world.odoo("serve", conf, &command::serve(VERSION));
    docker(&["start", &serve], "");
    let page = format!(
        "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8069{}').read())",
        health::path(VERSION)
    );
    until("the health page", 60, || {
        try_docker(&["exec", &serve, "python3", "-c", &page], "").0
    });
    let login = |password: &str| {
        let script = format!(
            "import xmlrpc.client as x
print(x.ServerProxy('http://127.0.0.1:8069/xmlrpc/2/common').authenticate('acme', 'admin', {password:?}, {{}}))"
        );
        docker(&["exec", "-i", &serve, "python3", "-"], &script)
    };
    assert_eq!(login(PASSWORD), "2");
    assert_eq!(login("wrong"), "False");

    let processes = docker(&["top", &serve, "-eo", "pid,args"], "");
    assert!(!processes.contains("quoted"), "{processes}");
    let log = docker(&["logs", &serve], "");
    for fault in ["odoo.tools.config: ", " ERROR ", " CRITICAL "] {
        assert!(!log.lines().any(|line| line.contains(fault)), "{log}");
    }
}
