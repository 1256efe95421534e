//! `ocore backup` and `ocore upgrade` as a whole, on a real PostgreSQL: made, read, tried out, restored, refused.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod machine;
mod pooled;

use std::{
    fs,
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use ocore_store::embedded::Embedded;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::machine::{KEY, Machine, Serve, TOKENS, all, backup_files, folder, pair, path, psql};

fn state_of<'a>(list: &'a Value, name: &str) -> &'a str {
    let items = list["items"].as_array().unwrap();
    items.iter().find(|item| item["name"] == name).unwrap()["state"]
        .as_str()
        .unwrap()
}

/// Takes the newest changes of the schema away, as if the version before had made the database.
pub(crate) const UNDONE: &str = "delete from _sqlx_migrations where version >= 20261130030000;
    drop table control_plane_backups, control_plane, schema_changes; alter table workers drop column version;
    drop index recovery_drills_own, operations_retry_of;";

/// What is true only at the moment of the backup.
const UNDER_WAY: &str = "
    insert into users (id, email, name) values ('00000000-0000-0000-0000-00000000000a', 'ada@example.com', 'Ada');
    insert into sessions (id, user_id, method, expires_at)
        values (gen_random_uuid(), '00000000-0000-0000-0000-00000000000a', 'password', now() + interval '1 day');
    insert into operations (id, organization_id, kind, run_at) values
        ('00000000-0000-0000-0000-0000000000a1', '00000000-0000-0000-0000-000000000001', 'noop', now() + interval '1 day');
    insert into operations (id, organization_id, kind, state, attempt, worker_id, claim_token, started_at, serial_key) values
        ('00000000-0000-0000-0000-0000000000a2', '00000000-0000-0000-0000-000000000001', 'agent_remove', 'running', 1,
         gen_random_uuid(), gen_random_uuid(), now(), 'server:x');
    insert into operation_leases values ('00000000-0000-0000-0000-0000000000a2', 'server:x');
    insert into workers (id, host, pid, seen_at) select worker_id, 'elsewhere', 1, now() + interval '1 day' from operations
        where worker_id is not null;
    insert into leases values ('template:x', gen_random_uuid(), now() + interval '1 day');
    insert into process_samples (process_id, host, version, cpu_cores, ram_total, ram_available, process_memory, oom_kills,
        requests, pool_max, ssh_tries, ssh_timeouts) values (gen_random_uuid(), 'h', 'v', 1, 1, 1, 1, 0, 0, 1, 0, '{}');
";

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "it tells one story from its beginning to its end"
)]
fn a_backup_is_made_tried_out_and_restored_on_a_machine_that_has_nothing() {
    let dir = folder();
    let at = |name: &str| dir.path().join(name);
    let compose = at("compose.yml");
    fs::write(&compose, "canary: of-a-file\n").unwrap();
    let old = Machine::new(&at("old"))
        .with("APP_URL", "https://ocore.example.com")
        .with("OCORE_BACKUP_FILES", path(&compose));
    let token = old.ok(&["admin", "create", "--name", "e2e"]).trim().to_owned();
    let public = pair(&old, &at("key"));
    let old = old
        .with("OCORE_BACKUP_DIR", path(&at("backups")))
        .with("OCORE_BACKUP_RECIPIENTS", &public);
    let serve = Serve::start(&old);
    assert_eq!(
        state_of(&serve.get("/api/admin/checklist", &token), "backups"),
        "attention"
    );
    old.sql(UNDER_WAY);

    // Made while it serves, and nothing of it is in the clear.
    let made = old.json(&["backup", "create", "--keep", "2"]);
    let file = PathBuf::from(made["file"].as_str().unwrap());
    assert_eq!(backup_files(&at("backups")), std::slice::from_ref(&file));
    let bytes = fs::read(&file).unwrap();
    assert_eq!(made["bytes"], bytes.len());
    assert!(!bytes.windows(6).any(|part| part == b"canary"));
    assert_eq!(made["recipients"][0], public.as_str());
    assert_eq!(made["manifest"]["counts"]["users"], 1);
    assert!(!made.to_string().contains("canary"));
    let seen = old.json(&["backup", "verify", path(&file), "--identity", path(&at("key"))]);
    assert!(
        seen["variables"]
            .as_array()
            .unwrap()
            .iter()
            .any(|name| name == "JWT_SECRET"),
        "{seen}"
    );
    assert_eq!(seen["files"][0], path(&compose));

    // Tried out: nothing is left of it but the record.
    let drilled = old.json(&["backup", "drill", path(&file), "--identity", path(&at("key"))]);
    let names: Vec<&str> = drilled["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["checksum", "schema", "rows", "migration", "secrets", "record"]
    );
    assert_eq!(drilled["succeeded"], true, "{drilled}");
    assert_eq!(
        old.sql("select count(*) from pg_database where datname like 'ocore_drill%'"),
        "0"
    );
    let list = serve.get("/api/admin/checklist", &token);
    assert_eq!(
        (state_of(&list, "backups"), state_of(&list, "recovery_drill")),
        ("done", "done"),
        "{list}"
    );
    let acts = "select string_agg(action, ' ' order by seq) from audit_log where organization_id is null and action ~ 'backed|drill'";
    assert_eq!(old.sql(acts), "control_plane.backed_up recovery_drill.recorded");
    assert!(old.ok(&["backup", "list", "--records"]).contains(path(&file)));
    // Without what was measured; and by standard output.
    let small = old.json(&["backup", "create", "--without-metrics"]);
    assert!(
        small["manifest"]["counts"].get("process_samples").is_none(),
        "{small}"
    );
    let output = old.run(&["backup", "create", "--to", "-"]);
    fs::write(at("streamed"), &output.stdout).unwrap();
    old.ok(&[
        "backup",
        "verify",
        path(&at("streamed")),
        "--identity",
        path(&at("key")),
    ]);
    serve.stop();

    // A machine that has nothing but the file and the key.
    let key = path(&at("key")).to_owned();
    let new = Machine::bare(&at("new"));
    let restore = ["backup", "restore", path(&file), "--identity", &key];
    assert!(new.refused(&restore).contains("--env-to"));
    let other = Machine::new(&at("new")).with("SSH_ENCRYPTION_KEY", "another-key-of-more-than-32-characters");
    assert!(other.refused(&restore).contains("SSH_ENCRYPTION_KEY is another"));
    let environment = at("new/etc/ocore.env");
    let files = at("new/files");
    let written = ["--env-to", path(&environment), "--files-to", path(&files)];
    let began = Instant::now();
    let restored = new.json(&[&restore[..], &written].concat());
    println!("restored in {:?}", began.elapsed());
    assert_eq!(restored["sessionsEnded"], 1, "{restored}");
    assert_eq!(restored["operations"]["cancelled"], 1, "{restored}");
    assert_eq!(restored["operations"]["failed"], 1, "{restored}");
    assert!(!restored.to_string().contains("canary"));
    let file_there = files.join(path(&compose).trim_start_matches('/'));
    assert_eq!(fs::read_to_string(file_there).unwrap(), "canary: of-a-file\n");
    let shell = Command::new("sh")
        .args([
            "-c",
            ". \"$0\"; printf '%s %s %s' \"$SSH_ENCRYPTION_KEY\" \"$JWT_SECRET\" \"$APP_URL\"",
        ])
        .arg(&environment)
        .output()
        .unwrap();
    assert_eq!(all(&shell), format!("{KEY} {TOKENS} https://ocore.example.com"));

    // It serves, the token is good, and nothing is at work that another process held.
    let new = Machine::new(&at("new"));
    let serve = Serve::start(&new);
    assert_eq!(
        serve.get("/api/servers", &token)["data"],
        Value::Array(Vec::new())
    );
    assert_eq!(
        new.sql("select count(*) from workers where host = 'elsewhere'"),
        "0"
    );
    assert_eq!(
        new.sql("select count(*) from leases where name like 'template:%'"),
        "0"
    );
    assert_eq!(new.sql("select count(*) from operation_leases"), "0");
    assert_eq!(
        new.sql("select count(*) from sessions where revoked_at is null"),
        "0"
    );
    let ends = "select string_agg(state || ' ' || (error->>'code'), ', ' order by id) from operations where id::text like '%0a_'";
    assert_eq!(new.sql(ends), "cancelled operation.cancelled, failed internal");
    // Over what is there it is restored only by name, and with nobody on it.
    assert!(new.refused(&restore).contains("not empty"));
    assert!(
        new.refused(&[&restore[..], &["--replace", "ocore"]].concat())
            .contains("end every `ocore serve`")
    );
    new.sql("create table of_later (id int)");
    serve.stop();
    assert!(
        new.refused(&[&restore[..], &["--replace", "other"]].concat())
            .contains("nothing was changed")
    );
    // One that is cut off takes nothing away.
    let cut = at("cut.tar.age");
    fs::write(&cut, &bytes[..bytes.len() - 40]).unwrap();
    let said = new.refused(&[
        "backup",
        "restore",
        path(&cut),
        "--identity",
        &key,
        "--replace",
        "ocore",
    ]);
    assert!(
        said.contains("nothing was restored") && said.contains("cut off"),
        "{said}"
    );
    let first = restored["epoch"].as_i64().unwrap();
    thread::sleep(Duration::from_secs(1));
    let again = new.json(&[&restore[..], &["--replace", "ocore"]].concat());
    assert!(again["epoch"].as_i64().unwrap() > first, "{again}");

    // Another one has the servers: this one ends, and does not begin.
    let mut serve = Serve::start(&new);
    assert_eq!(
        new.sql("select count(*) from pg_class where relname = 'of_later'"),
        "0"
    );
    new.sql("update control_plane set superseded_by = epoch + 100, superseded_at = now()");
    let until = Instant::now() + Duration::from_secs(30);
    while serve.runs() {
        assert!(Instant::now() < until, "it still serves");
        thread::sleep(Duration::from_millis(100));
    }
    assert!(new.refused(&["serve"]).contains("take-over"));
    new.ok(&["backup", "take-over"]);
    Serve::start(&new).stop();
}

#[tokio::test]
#[expect(
    clippy::too_many_lines,
    reason = "it tells one story from its beginning to its end"
)]
async fn without_a_superuser_and_before_a_change_of_the_schema() {
    let dir = folder();
    let at = |name: &str| dir.path().join(name);
    // Somebody else's PostgreSQL: oCore owns a database there, and may do nothing beside.
    let rented = Embedded::start(&at("rented"), None).await.unwrap();
    let superuser = format!("host={} user=ocore dbname=ocore", rented.directory().display());
    for sql in [
        "create role plain login nosuperuser nocreatedb nocreaterole",
        "create role ocore_tenant nologin",
        "grant ocore_tenant to plain",
        "create role readers nologin",
        "create database plain owner plain",
        "create database other owner plain",
    ] {
        psql(&superuser, sql);
    }
    let url = |database: &str| {
        let url = rented.url();
        url.expose_secret()
            .replace("ocore@localhost", "plain@localhost")
            .replace("/ocore?", &format!("/{database}?"))
    };
    let plane = Machine::new(&at("a"))
        .with("DATABASE_URL", &url("plain"))
        .with("OCORE_BACKUP_PASSPHRASE", "canary horse battery staple")
        .with("OCORE_BACKUP_DIR", path(&at("backups")));
    plane.ok(&["admin", "create", "--name", "e2e"]);
    let plain = format!("host={} user=plain dbname=plain", rented.directory().display());
    psql(&plain, "grant select on servers to readers");

    // Nothing is to be changed; then something is, and it is known how to go back.
    let check = plane.json(&["upgrade", "--check"]);
    assert_eq!(
        (&check["go"], &check["pending"]),
        (&true.into(), &Value::Array(Vec::new())),
        "{check}"
    );
    let file = PathBuf::from(plane.json(&["backup", "create"])["file"].as_str().unwrap());
    psql(&plain, UNDONE);
    psql(
        &plain,
        "insert into workers (id, host, pid) values (gen_random_uuid(), 'old', 7)",
    );
    let check = plane.json(&["upgrade", "--check"]);
    assert_eq!(check["pending"][0]["kind"], "expand", "{check}");
    assert_eq!(
        (&check["go"], &check["makesBackup"]),
        (&true.into(), &true.into()),
        "{check}"
    );
    assert_eq!(check["processes"][0]["survives"], true, "{check}");
    assert_eq!(
        psql(&plain, "select to_regclass('control_plane') is null"),
        "t",
        "a check changes nothing"
    );
    thread::sleep(Duration::from_secs(1));
    let done = plane.json(&["upgrade"]);
    let before = PathBuf::from(done["backup"]["file"].as_str().unwrap());
    assert_eq!(backup_files(&at("backups")), [file.clone(), before.clone()]);
    assert_eq!(
        psql(&plain, "select to_regclass('control_plane') is not null"),
        "t"
    );
    // Where nothing says how a backup is made there is none to go back to.
    psql(&plain, UNDONE);
    let unarmed = Machine::new(&at("a")).with("DATABASE_URL", &url("plain"));
    let output = unarmed.run(&["upgrade", "--check"]);
    assert_eq!(output.status.code(), Some(4), "{}", all(&output));
    assert!(all(&output).contains("OCORE_BACKUP_DIR") && all(&output).contains("No go."));
    unarmed.ok(&["upgrade", "--no-backup"]);

    // A drill needs a database, or a server of its own.
    let phrase = at("phrase");
    fs::write(&phrase, "canary horse battery staple\n").unwrap();
    let drill = [
        "backup",
        "drill",
        path(&before),
        "--passphrase-file",
        path(&phrase),
    ];
    assert!(plane.refused(&drill).contains("ALTER ROLE \"plain\" CREATEDB"));
    // There it lacks a role that has rights in the backup.
    assert!(
        plane
            .refused(&[&drill[..], &["--apart"]].concat())
            .contains("CREATE ROLE \"readers\" NOLOGIN")
    );
    psql(&plain, "revoke select on servers from readers");
    let last = plane.json(&["backup", "create", "--keep", "1"]);
    let last = last["file"].as_str().unwrap().to_owned();
    assert_eq!(backup_files(&at("backups")), [PathBuf::from(&last)]);
    let drill = [
        "backup",
        "drill",
        &last,
        "--passphrase-file",
        path(&phrase),
        "--apart",
    ];
    assert_eq!(plane.json(&drill)["succeeded"], true);
    // And elsewhere, where nothing is configured.
    let elsewhere = Machine::bare(&at("elsewhere"));
    assert_eq!(
        elsewhere.json(&[&drill[..], &["--no-record"]].concat())["recorded"],
        false
    );
    psql(&superuser, "alter role plain createdb");
    assert_eq!(plane.json(&drill[..5])["succeeded"], true);
    let drills = "select count(*) filter (where succeeded) || ' ' || count(*) from recovery_drills where organization_id is null";
    assert_eq!(psql(&plain, drills), "2 4");

    // Restored by the same role into another database, which has to be named.
    let bare = Machine::bare(&at("b"));
    let environment = at("b.env");
    let restore = [
        "backup",
        "restore",
        &last,
        "--passphrase-file",
        path(&phrase),
        "--env-to",
        path(&environment),
    ];
    assert!(bare.refused(&restore).contains("--own-postgres"));
    let restored = bare.with("DATABASE_URL", &url("other")).json(&restore);
    assert!(
        restored["database"].as_str().unwrap().contains("/other"),
        "{restored}"
    );
    let other = Machine::new(&at("b")).with("DATABASE_URL", &url("other"));
    Serve::start(&other).stop();
    // Nothing of it but that is told of the old database.
    assert!(fs::read_to_string(&environment).unwrap().contains("/other"));
    rented.stop().await;
}
