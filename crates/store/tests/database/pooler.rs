//! Real PgBouncers in transaction mode.

use std::time::Duration;

use ocore_domain::OrganizationId;
use ocore_store::{
    Store,
    connect::Way,
    instances, migrate,
    notifications::{self, Notifications},
    tenancy::Tenant,
};
use ocore_testbed::postgres::{PgBouncer, Postgres, Release};
use tokio::time::timeout;

use crate::support::{PASSWORD, ROLE, open, own, refusal, sealer, url, works};

const TRACKING: &str = "max_prepared_statements = 200\ndefault_pool_size = 3";

fn clusters() -> (Postgres, PgBouncer) {
    let cluster = Postgres::start(17, &[]).unwrap();
    own(&cluster);
    let bouncer = PgBouncer::start(Release::Trixie, cluster.port(), &[(ROLE, PASSWORD)], TRACKING).unwrap();
    (cluster, bouncer)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_forgets_prepared_statements_is_refused_with_what_to_use() {
    let cluster = Postgres::start(17, &[]).unwrap();
    own(&cluster);
    for (release, more) in [
        (Release::Bookworm, ""),
        (Release::Trixie, "max_prepared_statements = 0"),
    ] {
        let bouncer = PgBouncer::start(release, cluster.port(), &[(ROLE, PASSWORD)], more).unwrap();
        // Twice: the first leaves nothing behind that would hide it from the second.
        for _ in 0..2 {
            let told = refusal(&url(bouncer.port(), "").replace("localhost", "127.0.0.1")).await;
            assert!(told.contains("max_prepared_statements = 200"), "{told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_share_few_connections_and_none_sees_what_is_another_s() {
    let (cluster, bouncer) = clusters();
    let url = url(bouncer.port(), "").replace("localhost", "127.0.0.1");
    let store = Store::connect(&url.as_str().into(), 0..=20, sealer())
        .await
        .unwrap();
    assert_eq!(store.way(), Way::Pooled);
    // Two processes at their first start.
    let (one, two) = tokio::join!(migrate(store.pool()), migrate(store.pool()));
    one.unwrap();
    two.unwrap();
    let locks = cluster
        .sql(
            "ocore",
            "select count(*) from pg_locks where locktype = 'advisory'",
        )
        .unwrap();
    assert_eq!(locks, "0", "no lock is left on a connection that goes to others");
    works(&store).await;

    cluster
        .sql(
            "ocore",
            "insert into organizations (id, name, slug) values ('00000000-0000-7000-8000-000000000099', 'Other', 'other')",
        )
        .unwrap();
    let other: OrganizationId = "00000000-0000-7000-8000-000000000099".parse().unwrap();
    let tasks = (0..20).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            for round in 0..20 {
                let whose = if (n + round) % 2 == 0 {
                    OrganizationId::DEFAULT
                } else {
                    other
                };
                let mut tx = store.tenant(&Tenant::whole(whose)).await.unwrap();
                let seen: Vec<uuid::Uuid> = sqlx::query_scalar("select id from organizations")
                    .fetch_all(&mut *tx)
                    .await
                    .unwrap();
                assert_eq!(seen, [whose.uuid()]);
                // The first page, whose plan is kept.
                let page = ocore_store::Sorted::first(50);
                let page = instances::list(&mut tx, whose, &instances::Filter::default(), &page)
                    .await
                    .unwrap();
                assert!(page.data.is_empty());
                drop(tx);
                // And outside of transactions there is nobody's wall.
                let role: String = sqlx::query_scalar("select current_user::text || $1")
                    .bind("")
                    .fetch_one(store.pool())
                    .await
                    .unwrap();
                assert_eq!(role, ROLE);
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let sessions = "select count(*) from pg_stat_activity where usename = 'ocore'";
    let sessions: u32 = cluster.sql("postgres", sessions).unwrap().parse().unwrap();
    assert!(
        sessions <= 3,
        "{sessions} connections to the server for 20 of the pool"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_heard_past_it() {
    let (cluster, bouncer) = clusters();
    let direct = open(&url(cluster.port(), "")).await.unwrap();
    assert_eq!(direct.way(), Way::Direct);
    migrate(direct.pool()).await.unwrap();
    let store = open(&url(bouncer.port(), "").replace("localhost", "127.0.0.1"))
        .await
        .unwrap();
    let heard = Notifications::listen(direct.pool().clone());
    // Once for having begun to listen.
    heard.queue().await;
    notifications::queue_changed(&mut store.connection().await.unwrap())
        .await
        .unwrap();
    timeout(Duration::from_secs(5), heard.queue()).await.unwrap();
    // Where there is no way past it, open pages are told by the clock.
    let polled = Notifications::poll(store.pool().clone());
    let mut changes = polled.changes();
    timeout(Duration::from_secs(5), changes.recv())
        .await
        .unwrap()
        .unwrap();
}
