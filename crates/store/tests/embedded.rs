//! The embedded PostgreSQL, for real: made, used, left behind by a killed process, adopted, stopped, started again.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use ocore_store::{Sealer, Store, embedded::Embedded, migrate};

async fn store(embedded: &Embedded) -> Store {
    let sealer = Sealer::new(&"k".repeat(32).into(), &[]);
    Store::connect(&embedded.url(), 0..=2, sealer).await.unwrap()
}

async fn number(embedded: &Embedded, query: &'static str) -> i64 {
    let store = store(embedded).await;
    let number = sqlx::query_scalar(query).fetch_one(store.pool()).await.unwrap();
    store.pool().close().await;
    number
}

/// Changes with every start of PostgreSQL.
async fn started_at(embedded: &Embedded) -> i64 {
    number(
        embedded,
        "select (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint",
    )
    .await
}

fn pid(data_dir: &Path) -> i32 {
    let text = std::fs::read_to_string(data_dir.join("postgres/postmaster.pid")).unwrap();
    text.lines().next().unwrap().trim().parse().unwrap()
}

#[tokio::test]
async fn it_is_made_migrated_stopped_and_started_again_with_its_data() {
    let data = tempfile::tempdir().unwrap();
    let embedded = Embedded::start(data.path(), None).await.unwrap();
    let mode = embedded.directory().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "only its own user may reach the socket");
    let first = store(&embedded).await;
    migrate(first.pool()).await.unwrap();
    sqlx::query("create table kept as select 42::bigint as number")
        .execute(first.pool())
        .await
        .unwrap();
    first.pool().close().await;
    embedded.stop().await;
    assert!(
        !data.path().join("postgres/postmaster.pid").exists(),
        "it stopped in order"
    );

    let embedded = Embedded::start(data.path(), None).await.unwrap();
    assert_eq!(number(&embedded, "select number from kept").await, 42);
    embedded.stop().await;
}

#[tokio::test]
async fn it_outlives_a_killed_process_and_is_adopted() {
    let data = tempfile::tempdir().unwrap();
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "holder", "--ignored", "--nocapture"])
        .env("OCORE_TEST_DATA_DIR", data.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with("holding")));
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(
        lines.next().is_none(),
        "PostgreSQL keeps no pipe of the dead process open"
    );

    let left_behind = pid(data.path());
    let embedded = Embedded::start(data.path(), None).await.unwrap();
    assert_eq!(pid(data.path()), left_behind, "the same process serves");
    assert_eq!(number(&embedded, "select 1::bigint").await, 1);
    embedded.stop().await;
    // It is no child of this process, so it cannot be waited for: it may be at its last breath.
    let mut looks = 0..100;
    while Path::new(&format!("/proc/{left_behind}/cwd")).exists() {
        assert!(looks.next().is_some(), "PostgreSQL goes on");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What the test above kills.
#[tokio::test]
#[ignore = "a part of another test"]
async fn holder() {
    let data = std::env::var_os("OCORE_TEST_DATA_DIR").unwrap();
    let _embedded = Embedded::start(Path::new(&data), None).await.unwrap();
    println!("holding");
    tokio::time::sleep(Duration::from_mins(1)).await;
}

#[tokio::test]
async fn it_comes_back_when_it_was_killed_itself() {
    let data = tempfile::tempdir().unwrap();
    let embedded = Embedded::start(data.path(), None).await.unwrap();
    let before = started_at(&embedded).await;
    let postmaster = nix::unistd::Pid::from_raw(pid(data.path()));
    nix::sys::signal::kill(postmaster, nix::sys::signal::Signal::SIGKILL).unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_ne!(started_at(&embedded).await, before);
    embedded.stop().await;
}

#[tokio::test]
async fn a_recycled_process_number_does_not_keep_it_from_starting() {
    let data = tempfile::tempdir().unwrap();
    let embedded = Embedded::start(data.path(), None).await.unwrap();
    let path = data.path().join("postgres/postmaster.pid");
    let stale = std::fs::read_to_string(&path).unwrap();
    embedded.stop().await;
    // A program of the same user got the number of the PostgreSQL that crashed.
    let owner = std::os::unix::fs::MetadataExt::uid(&data.path().join("postgres").metadata().unwrap());
    let mut other = std::os::unix::process::CommandExt::uid(&mut Command::new("sleep"), owner)
        .arg("60")
        .spawn()
        .unwrap();
    let (_, rest) = stale.split_once('\n').unwrap();
    std::fs::write(&path, format!("{}\n{rest}", other.id())).unwrap();

    let embedded = Embedded::start(data.path(), None).await.unwrap();
    assert_eq!(number(&embedded, "select 1::bigint").await, 1);
    embedded.stop().await;
    assert!(
        other.try_wait().unwrap().is_none(),
        "the other program was left alone"
    );
    other.kill().unwrap();
    other.wait().unwrap();
}

#[tokio::test]
async fn the_last_process_that_uses_it_stops_it() {
    let data = tempfile::tempdir().unwrap();
    let first = Embedded::start(data.path(), None).await.unwrap();
    let second = Embedded::start(data.path(), None).await.unwrap();
    second.stop().await;
    assert_eq!(number(&first, "select 1::bigint").await, 1);
    first.stop().await;
    assert!(!data.path().join("postgres/postmaster.pid").exists());
}

#[tokio::test]
async fn what_is_missing_is_said() {
    let data = tempfile::tempdir().unwrap();
    let problem = Embedded::start(data.path(), Some(Path::new("/nonexistent")))
        .await
        .unwrap_err();
    assert!(problem.detail.contains("found: none"), "{problem}");
    assert!(problem.mend.contains("apt-get install postgresql"), "{problem}");

    let closed = data.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
    if nix::unistd::geteuid().is_root() {
        let problem = Embedded::start(&closed.join("data"), None).await.unwrap_err();
        assert!(problem.detail.contains("may not enter"), "{problem}");
    }
}
