//! An upgrade where a real PgBouncer stands in front of the database.

use std::thread;

use ocore_testbed::postgres::{PgBouncer, Postgres, Release};

use crate::{
    UNDONE,
    machine::{Machine, Serve, backup_files, folder, path},
};

const PASSWORD: &str = "canary-of-the-pooled";

/// Two processes that start together: one changes the schema, by the way past the pooler, and makes the backup before it.
#[test]
fn the_schema_is_changed_once_and_past_the_pooler() {
    let dir = folder();
    let backups = dir.path().join("backups");
    let cluster = Postgres::start_packaged(&[]).unwrap();
    for sql in [
        &format!("create role plain login password '{PASSWORD}'"),
        "create role ocore_tenant nologin",
        "grant ocore_tenant to plain",
        "create database plain owner plain",
    ] {
        cluster.sql("postgres", sql).unwrap();
    }
    let settings = "max_prepared_statements = 200\ndefault_pool_size = 2";
    let users = [("plain", PASSWORD)];
    let bouncer = PgBouncer::start(Release::Trixie, cluster.port(), &users, settings).unwrap();
    let url = |port: u16| format!("postgres://plain:{PASSWORD}@127.0.0.1:{port}/plain");
    let machine = |name: &str| {
        Machine::new(&dir.path().join(name))
            .with("DATABASE_URL", &url(bouncer.port()))
            .with("DATABASE_DIRECT_URL", &url(cluster.port()))
            .with("OCORE_BACKUP_PASSPHRASE", "canary horse battery staple")
            .with("OCORE_BACKUP_DIR", path(&backups))
    };
    let (one, two) = (machine("one"), machine("two"));
    one.ok(&["admin", "create", "--name", "e2e"]);
    assert!(!backups.exists(), "there was nothing before the first start");

    cluster.sql("plain", UNDONE).unwrap();
    let check = one.json(&["upgrade", "--check"]);
    assert_eq!(check["go"], true, "{check}");
    let both = [one, two].map(|machine| thread::spawn(move || Serve::start(&machine)));
    let both = both.map(|start| start.join().unwrap());
    assert_eq!(backup_files(&backups).len(), 1, "one of them made it");
    // A lock that an idle connection holds is one that nobody gives back.
    let seen = "select to_regclass('control_plane') is not null,
                    (select count(*) from pg_locks l join pg_stat_activity a using (pid)
                     where l.locktype = 'advisory' and a.datname = 'plain' and a.state = 'idle')";
    assert_eq!(cluster.sql("plain", seen).unwrap(), "t|0");
    for serve in both {
        serve.get("/health/ready", "");
        serve.stop();
    }
}
