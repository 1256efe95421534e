//! A server that is full, read-only, or lets somebody in for nothing but connecting.

use std::time::{Duration, Instant};

use ocore_store::{Store, migrate};
use ocore_testbed::postgres::{Postgres, Switch};

use crate::support::{open, own, refusal, sealer, url, works};

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_do_little_suffices() {
    let cluster = Postgres::start(17, &[]).unwrap();
    own(&cluster);
    // Nobody but the superuser may make it here.
    cluster
        .sql("ocore", "revoke create on database ocore from ocore")
        .ok();
    cluster
        .sql(
            "postgres",
            "update pg_database set datdba = 10 where datname = 'ocore'",
        )
        .unwrap();
    cluster
        .sql("ocore", "alter schema public owner to ocore")
        .unwrap();
    let store = open(&url(cluster.port(), "")).await.unwrap();
    migrate(store.pool()).await.unwrap();
    assert!(ocore_store::pending(store.pool()).await.unwrap().is_empty());
    let installed: bool =
        sqlx::query_scalar("select exists (select from pg_extension where extname = 'uuid-ossp')")
            .fetch_one(store.pool())
            .await
            .unwrap();
    assert!(!installed, "it may not be made, and is not needed");
    works(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_is_told_what_to_do() {
    let cluster = Postgres::start(16, &[]).unwrap();
    own(&cluster);
    let good = url(cluster.port(), "");
    for (wrong, what) in [
        (good.replace("canary", "canary2"), "\\password ocore"),
        (
            good.replace("/ocore?", "/nothing?"),
            "createdb --owner ocore nothing",
        ),
    ] {
        let told = refusal(&wrong).await;
        assert!(told.contains(what), "{told}");
    }
    cluster.sql("postgres", "alter role ocore nologin").unwrap();
    let told = refusal(&good).await;
    assert!(told.contains("ALTER ROLE \"ocore\" LOGIN"), "{told}");
    cluster.sql("postgres", "alter role ocore login").unwrap();
    cluster
        .sql("postgres", "revoke connect on database ocore from public, ocore")
        .unwrap();
    cluster
        .sql(
            "postgres",
            "update pg_database set datdba = 10 where datname = 'ocore'",
        )
        .unwrap();
    let told = refusal(&good).await;
    assert!(told.contains("GRANT CONNECT"), "{told}");
}

/// As managed services have it: so many connections for a role, and no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_is_waited_for() {
    let cluster = Postgres::start(17, &[]).unwrap();
    own(&cluster);
    cluster
        .sql("postgres", "alter role ocore connection limit 3")
        .unwrap();
    let url = url(cluster.port(), "");
    let first = Store::connect(&url.as_str().into(), 3..=3, sealer())
        .await
        .unwrap();
    let held = [
        first.connection().await.unwrap(),
        first.connection().await.unwrap(),
        first.connection().await.unwrap(),
    ];
    let error = open(&url).await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    assert!(
        error.to_string().contains("too many connections for role"),
        "{error}"
    );
    let problem = ocore_domain::Problem::from(error);
    assert!(problem.mend.contains("DB_POOL_MAX_CONNS"), "{problem:?}");
    // One that is connected and wants more waits, and goes on when there is room.
    drop(held);
    first.pool().close().await;
    let second = Store::connect(&url.as_str().into(), 0..=10, sealer())
        .await
        .unwrap();
    migrate(second.pool()).await.unwrap();
    let began = Instant::now();
    let many = (0..6).map(|_| {
        let store = second.clone();
        tokio::spawn(async move {
            let mut conn = store.connection().await?;
            sqlx::query("select pg_sleep(0.05)").execute(&mut *conn).await?;
            Ok::<_, ocore_store::Error>(())
        })
    });
    for one in many.collect::<Vec<_>>() {
        if let Err(error) = one.await.unwrap() {
            assert!(error.is_unavailable(), "{error}");
        }
    }
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    works(&second).await;
}

/// A primary that was demoted keeps its connections, and answers every write with an error.
#[tokio::test(flavor = "multi_thread")]
async fn connections_to_a_server_that_only_reads_are_dropped() {
    let (old, new) = (
        Postgres::start(17, &[]).unwrap(),
        Postgres::start(17, &[]).unwrap(),
    );
    for cluster in [&old, &new] {
        own(cluster);
    }
    let switch = Switch::to(old.port()).unwrap();
    let store = open(&url(switch.port(), "")).await.unwrap();
    migrate(store.pool()).await.unwrap();
    migrate(open(&url(new.port(), "")).await.unwrap().pool())
        .await
        .unwrap();
    works(&store).await;

    let write = async |conn: &mut sqlx::PgConnection| {
        sqlx::query("update workers set seen_at = now()")
            .execute(conn)
            .await?;
        Ok::<_, ocore_store::Error>(())
    };
    let mut busy = store.connection().await.unwrap();
    old.sql("postgres", "alter system set default_transaction_read_only = on")
        .unwrap();
    old.sql("postgres", "select pg_reload_conf()").unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    // What is at work on one hears it from a write, which is to be repeated.
    let error = write(&mut busy).await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    switch.lead(new.port());
    drop(busy);
    // Whoever comes next is given none of the old.
    for _ in 0..5 {
        write(&mut *store.connection().await.unwrap()).await.unwrap();
        let port: String = sqlx::query_scalar("show port")
            .fetch_one(store.pool())
            .await
            .unwrap();
        assert_eq!(
            port,
            new.port().to_string(),
            "without anybody having cut a connection"
        );
    }
    works(&store).await;
}

/// What nobody tells of: packets are dropped, as by a firewall that forgets or a machine that is gone. Needs root.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_cut_is_noticed_within_seconds() {
    if std::env::var_os("OCORE_TEST_SILENT_CUT").is_none() {
        eprintln!("left out: it drops packets by iptables (OCORE_TEST_SILENT_CUT=1)");
        return;
    }
    let cluster = Postgres::start(17, &[]).unwrap();
    own(&cluster);
    let store = open(&url(cluster.port(), "").replace("localhost", "127.0.0.1"))
        .await
        .unwrap();
    let mut waits = store.connection().await.unwrap();
    let (mut idle, port) = (store.connection().await.unwrap(), cluster.port().to_string());
    sqlx::query("select 1").execute(&mut *idle).await.unwrap();
    let wait = tokio::spawn(async move { sqlx::query("select pg_sleep(300)").execute(&mut *waits).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let _cut = Cut::of(&port);
    let began = Instant::now();
    // One that sends what nobody acknowledges, and one that waits for an answer that was never sent.
    let error = ocore_store::Error::from(sqlx::query("select 1").execute(&mut *idle).await.unwrap_err());
    println!("sent: {error} after {:.1} s", began.elapsed().as_secs_f64());
    assert!(error.is_unavailable(), "{error}");
    let error = ocore_store::Error::from(wait.await.unwrap().unwrap_err());
    println!("waited: {error} after {:.1} s", began.elapsed().as_secs_f64());
    assert!(error.is_unavailable(), "{error}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

/// Packets to and from a port are dropped while this lives.
struct Cut(Vec<Vec<String>>);

impl Cut {
    fn of(port: &str) -> Self {
        let rules: Vec<Vec<String>> = ["--dport", "--sport"]
            .iter()
            .map(|side| {
                ["INPUT", "-p", "tcp", side, port, "-j", "DROP"]
                    .map(str::to_owned)
                    .to_vec()
            })
            .collect();
        for rule in &rules {
            assert!(iptables("-I", rule));
        }
        Self(rules)
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        for rule in &self.0 {
            iptables("-D", rule);
        }
    }
}

fn iptables(what: &str, rule: &[String]) -> bool {
    let status = std::process::Command::new("iptables")
        .arg(what)
        .args(rule)
        .status();
    status.is_ok_and(|status| status.success())
}
