//! The main job: two servers, an instance on each, its whole life by the CLI, and the truth beside it.

use std::{fs, time::Duration};

use serde_json::Value;

use crate::{
    database::Database,
    plane::{CANARY, Plane},
    world::{Server, assert_world_is_as_the_rows, log_in, write_private},
};

const ONE: Server = Server(1);
const TWO: Server = Server(2);

#[test]
fn instances_live_on_two_servers_and_no_secret_leaks() {
    ONE.clean();
    TWO.clean();
    // An external PostgreSQL, so that its password is looked for as well.
    let database = Database::start();
    let plane = Plane::start_on(Some(database.url()));
    let key = encrypted_key(&plane);
    let passphrase = write_private(&plane, "passphrase", &format!("{CANARY}-passphrase"));
    let by_key = plane.ok(&[
        "server",
        "add",
        "--name",
        "one",
        "--host",
        &ONE.address(),
        "--user",
        "root",
        "--key-file",
        &key,
        "--passphrase-file",
        &passphrase,
    ]);
    let fingerprint = ONE.sh("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2");
    let shown = plane.ok(&["server", "show", "one"]);
    assert_eq!(by_key["operation"]["state"], "done");
    assert_eq!(shown["status"], "active");
    assert_eq!(
        shown["hostKeyFingerprint"],
        fingerprint.as_str(),
        "comparable with the server's own word"
    );
    assert_eq!(shown["cpuCores"].to_string(), ONE.sh("nproc"));

    // The second by password, as a user with sudo who is not in the docker group.
    let second = plane.cli_in(
        &[
            "server",
            "add",
            "--name",
            "two",
            "--host",
            &TWO.address(),
            "--user",
            "deploy",
            "--password-stdin",
        ],
        Some("deploy-password"),
    );
    assert_eq!(second.code, 0, "{}", second.text);
    assert_eq!(plane.ok(&["server", "show", "two"])["dockerRoute"], "dial_stdio");

    let environment = write_private(&plane, "env", &format!("SMTP_TOKEN={CANARY}-environment\n"));
    let acme = plane.ok(&[
        "instance",
        "create",
        "acme",
        "--server",
        "one",
        "--workers",
        "2",
        "--env-file",
        &environment,
    ]);
    let beta = plane.ok(&[
        "instance",
        "create",
        "Beta Ltd",
        "--server",
        "two",
        "--environment",
        "staging",
    ]);
    for (server, name, created) in [(ONE, "acme", &acme), (TWO, "beta-ltd", &beta)] {
        assert_eq!(created["operation"]["state"], "done");
        let mut created = created.clone();
        created["instance"] = plane.ok(&["instance", "show", name]);
        assert_eq!(created["instance"]["status"], "running");
        assert!(
            server
                .ssh("docker ps --format '{{.Names}}'")
                .contains(&format!("ocore-{name}"))
        );
        log_in(server, &created);
    }
    assert_world_is_as_the_rows(&plane, ONE, "one");
    assert_world_is_as_the_rows(&plane, TWO, "two");
    let who = ONE.sh("docker exec ocore-postgres psql -U postgres -XqAtc \"select rolsuper, rolcreatedb from pg_roles where rolname = 'odoo_acme'\"");
    assert_eq!(
        who, "f|f",
        "the role is neither superuser nor may it make databases"
    );
    assert!(
        ONE.sh("docker exec ocore-acme env")
            .contains(&format!("{CANARY}-environment")),
        "the value arrived"
    );
    healthy(&plane, "acme");

    let made_up = made_up_secrets(&acme);
    control(&plane);
    change(&plane);
    database_away(&plane);
    logs(&plane);
    assert_eq!(ONE.ssh_connections(), 1, "one connection to a server");

    no_secret_is_seen(&plane, made_up.clone());

    // Its name has to be given, a dump is kept, and nothing else.
    plane.refused(
        &["instance", "delete", "acme", "--confirm", "wrong"],
        "nothing was done",
    );
    let (status, said) = plane.api("DELETE", "/api/instances/acme?confirm=wrong", None);
    assert!(
        status == 400 && said.contains("request.confirmation_missing"),
        "{status}: {said}"
    );
    plane.ok(&["instance", "delete", "acme", "--confirm", "acme"]);
    let dumps = plane.get("/api/final-dumps");
    let path = dumps["data"][0]["databasePath"].as_str().unwrap();
    let inside = ONE.sh(&format!("docker exec ocore-postgres pg_restore -l {path}"));
    assert!(inside.contains("res_users"), "the dump can be read: {inside}");
    plane.ok(&[
        "instance",
        "delete",
        "beta-ltd",
        "--confirm",
        "Beta Ltd",
        "--no-dump",
    ]);
    assert_world_is_as_the_rows(&plane, ONE, "one");
    assert_world_is_as_the_rows(&plane, TWO, "two");

    no_secret_is_seen(&plane, made_up);
    plane.ok(&["server", "remove", "one", "--confirm", "one"]);
    plane.ok(&["server", "remove", "two", "--confirm", "two"]);
    for server in [ONE, TWO] {
        assert_eq!(
            server.sh("docker ps -aq; docker volume ls -q; docker network ls -q --filter name=ocore"),
            ""
        );
    }
}

fn control(plane: &Plane) {
    plane.ok(&["instance", "stop", "acme"]);
    assert_eq!(plane.ok(&["instance", "show", "acme"])["status"], "stopped");
    assert_eq!(
        ONE.sh("docker inspect -f '{{.State.Status}}' ocore-acme"),
        "exited"
    );
    plane.refused(&["instance", "stop", "acme"], "state.conflict");
    plane.ok(&["instance", "start", "acme"]);
    plane.ok(&["instance", "restart", "acme"]);
    assert_eq!(
        ONE.sh("docker inspect -f '{{.State.Status}}' ocore-acme"),
        "running"
    );
    // Somebody took the container away: starting makes it anew.
    plane.ok(&["instance", "stop", "acme"]);
    ONE.sh("docker rm -f ocore-acme");
    plane.ok(&["instance", "start", "acme"]);
    assert_world_is_as_the_rows(plane, ONE, "one");
}

fn change(plane: &Plane) {
    plane.ok(&["instance", "update", "acme", "--workers", "3"]);
    assert!(
        ONE.sh("docker exec ocore-acme cat /etc/odoo/odoo.conf")
            .contains("workers = 3")
    );
    assert!(
        ONE.sh("docker exec ocore-acme env")
            .contains(&format!("{CANARY}-environment")),
        "values are kept"
    );
    // A change that does not come up is taken back.
    let bad = plane.cli(&["instance", "update", "acme", "--image", "caddy:2"]);
    assert_eq!(bad.json["operation"]["state"], "rolled_back", "{}", bad.text);
    let shown = plane.ok(&["instance", "show", "acme"]);
    assert_eq!(
        (&shown["image"], &shown["workers"]),
        (&Value::from("odoo:19"), &Value::from(3))
    );
    assert_eq!(shown["status"], "running");
    assert_world_is_as_the_rows(plane, ONE, "one");
    healthy(plane, "acme");
}

/// Odoo's page says 200 with its database away; oCore says what is true.
fn database_away(plane: &Plane) {
    ONE.sh("docker exec ocore-postgres psql -U postgres -qc 'alter database odoo_acme with allow_connections false' \
            -c \"select pg_terminate_backend(pid) from pg_stat_activity where datname = 'odoo_acme'\"");
    let seen = plane.await_that(Duration::from_secs(30), "the database to be missed", || {
        let shown = plane.ok(&["instance", "show", "acme"]);
        (shown["health"] == "unhealthy").then_some(shown)
    });
    assert_eq!(seen["databaseOk"], false);
    assert!(seen["observedAt"].is_string());
    ONE.sh("docker exec ocore-postgres psql -U postgres -qc 'alter database odoo_acme with allow_connections true'");
    healthy(plane, "acme");
}

fn healthy(plane: &Plane, name: &str) {
    plane.await_that(Duration::from_secs(60), "the instance to be seen healthy", || {
        (plane.ok(&["instance", "show", name])["health"] == "healthy").then_some(())
    });
}

fn logs(plane: &Plane) {
    let (status, text) = plane.api("GET", "/api/instances/acme/logs?tail=50", None);
    assert_eq!(status, 200);
    assert!(text.lines().count() > 3 && text.contains("odoo"), "{text}");
}

/// A key of the test's own, encrypted with a passphrase that is a canary.
fn encrypted_key(plane: &Plane) -> String {
    let path = plane.dir().join("encrypted_key");
    let path = path.to_str().unwrap().to_owned();
    let made = std::process::Command::new("ssh-keygen")
        .args([
            "-q",
            "-t",
            "ed25519",
            "-N",
            &format!("{CANARY}-passphrase"),
            "-C",
            "e2e",
            "-f",
            &path,
        ])
        .status();
    assert!(made.unwrap().success());
    let public = fs::read_to_string(format!("{path}.pub")).unwrap();
    ONE.sh(&format!(
        "grep -qF '{0}' /root/.ssh/authorized_keys || echo '{0}' >> /root/.ssh/authorized_keys",
        public.trim()
    ));
    path
}

/// What oCore made up for an instance: its passwords, as they are on the server.
fn made_up_secrets(created: &Value) -> Vec<String> {
    let conf = ONE.sh("docker exec ocore-acme cat /etc/odoo/odoo.conf");
    let mut secrets = vec![created["adminPassword"].as_str().unwrap().to_owned()];
    for option in ["db_password", "admin_passwd"] {
        let line = conf.lines().find_map(|line| line.strip_prefix(option));
        let value = line.unwrap().trim_start_matches([' ', '=']).trim();
        assert!(value.len() >= 16, "{option} is in odoo.conf");
        secrets.push(value.to_owned());
    }
    let server = ONE.sh("docker exec ocore-postgres printenv POSTGRES_PASSWORD");
    assert!(server.len() >= 16);
    secrets.push(server);
    secrets
}

/// Neither the canaries nor what oCore made up itself is in a log line, step output, error or answer of the API.
fn no_secret_is_seen(plane: &Plane, mut secrets: Vec<String>) {
    secrets.extend([CANARY.to_owned(), "deploy-password".to_owned()]);
    let key = fs::read_to_string(plane.dir().join("encrypted_key")).unwrap();
    secrets.extend(
        key.lines()
            .filter(|line| line.len() > 40 && !line.starts_with('-'))
            .map(str::to_owned),
    );
    let mut said = vec![("log".to_owned(), plane.log())];
    for path in [
        "/api/servers",
        "/api/instances",
        "/api/instances/acme",
        "/api/servers/one",
        "/api/operations?limit=200",
        "/api/activity",
        "/api/final-dumps",
        "/api/openapi.json",
    ] {
        said.push((path.to_owned(), plane.api("GET", path, None).1));
    }
    for operation in plane.get("/api/operations?limit=200")["data"].as_array().unwrap() {
        let id = operation["id"].as_str().unwrap();
        said.push((
            format!("operation {id}"),
            plane.get(&format!("/api/operations/{id}")).to_string(),
        ));
    }
    said.push((
        "events".to_owned(),
        plane.sql("select line from operation_events"),
    ));
    said.push((
        "rows".to_owned(),
        plane.sql("select params, error from operations"),
    ));
    said.push(("steps".to_owned(), plane.sql("select error from operation_steps")));
    for (place, text) in &said {
        for secret in &secrets {
            let line = text.lines().find(|line| line.contains(secret.as_str()));
            assert_eq!(line, None, "a secret is in: {place}");
        }
    }
    assert!(
        said.iter()
            .any(|(_, text)| text.contains("Initialising the template")),
        "there was something to look at"
    );
}
