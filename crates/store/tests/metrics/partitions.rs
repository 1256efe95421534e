use chrono::{DateTime, TimeDelta, Timelike, Utc};
use ocore_store::metrics::{
    Retention, Source, ingest, partitions,
    partitions::{drop_old, make_ahead},
    set_retention,
};
use sqlx::{PgConnection, PgPool};

use super::support::{ORGANIZATION, batch, sample, server};

async fn of(conn: &mut PgConnection, table: &str) -> Vec<String> {
    sqlx::query_scalar(
        "select c.relname::text from pg_inherits i join pg_class c on c.oid = i.inhrelid
         where i.inhparent = $1::text::regclass order by 1",
    )
    .bind(table)
    .fetch_all(conn)
    .await
    .unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[sqlx::test]
async fn partitions_follow_the_time_across_borders(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let noon = at("2030-03-01T12:00:00Z");
    let before = noon - TimeDelta::milliseconds(1);
    assert!(make_ahead(&mut conn, before).await.unwrap() > 0);
    let raw = of(&mut conn, "server_samples").await;
    // From an hour before, in a partition of 10 minutes, until half an hour after.
    assert_eq!(raw.len(), 10);
    assert_eq!(
        raw[0],
        format!(
            "server_samples_{}_{}",
            noon.timestamp() - 4200,
            noon.timestamp() - 3600
        )
    );
    assert_eq!(
        make_ahead(&mut conn, before).await.unwrap(),
        0,
        "nothing is missing"
    );
    // A moment later the border is behind us: the next one is made, for both tables of raw samples.
    assert_eq!(make_ahead(&mut conn, noon).await.unwrap(), 0);
    assert_eq!(
        make_ahead(&mut conn, noon + TimeDelta::seconds(1)).await.unwrap(),
        2
    );

    // Noon is also a border of the rollups of 60 seconds. The oldest of each goes when its end is its time and ten minutes past, not before.
    assert_eq!(
        drop_old(&mut conn, noon + TimeDelta::minutes(10) - TimeDelta::seconds(1))
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        drop_old(&mut conn, noon + TimeDelta::minutes(10)).await.unwrap(),
        4
    );
    assert_eq!(
        drop_old(&mut conn, noon + TimeDelta::minutes(10)).await.unwrap(),
        0
    );
    assert_eq!(of(&mut conn, "server_samples").await[0], raw[1]);

    // After a long stop everything old goes, and all that is kept is covered.
    let later = noon + TimeDelta::days(100);
    make_ahead(&mut conn, later).await.unwrap();
    drop_old(&mut conn, later).await.unwrap();
    let raw = of(&mut conn, "instance_samples").await;
    assert!(
        raw.len() <= 12 && raw[0] > format!("instance_samples_{}", (later - TimeDelta::hours(2)).timestamp())
    );
}

#[sqlx::test]
async fn another_retention_needs_no_other_data(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let server = server(&mut conn).await;
    let now = Utc::now();
    make_ahead(&mut conn, now).await.unwrap();
    let longer = Retention {
        raw: TimeDelta::hours(20),
        ..Retention::default()
    };
    set_retention(&mut conn, &longer).await.unwrap();
    make_ahead(&mut conn, now).await.unwrap();
    let old = now.with_nanosecond(0).unwrap() - TimeDelta::hours(19);
    let batch = batch(vec![sample(old, &[]), sample(now, &[])]);
    let written = ingest(&mut conn, ORGANIZATION, server, Source::Agent, &batch).await;
    assert_eq!(written.unwrap().inserted, 2);
    // Shorter again: what is too old now goes.
    set_retention(&mut conn, &Retention::default()).await.unwrap();
    make_ahead(&mut conn, now).await.unwrap();
    assert!(drop_old(&mut conn, now).await.unwrap() > 0);
    assert_eq!(super::support::count(&mut conn, "server_samples").await, 1);
}

#[sqlx::test]
async fn processes_that_maintain_at_once_agree(pool: PgPool) {
    let runs = (0..6).map(|_| {
        let pool = pool.clone();
        tokio::spawn(async move {
            partitions::maintain(&mut pool.acquire().await.unwrap())
                .await
                .unwrap()
        })
    });
    let mut made = 0;
    for run in runs.collect::<Vec<_>>() {
        made += run.await.unwrap().made;
    }
    let mut conn = pool.acquire().await.unwrap();
    let there: i64 = sqlx::query_scalar(
        "select count(*) from pg_inherits i join pg_class c on c.oid = i.inhrelid where c.relkind = 'r'",
    )
    .fetch_one(&mut *conn)
    .await
    .unwrap();
    assert_eq!(i64::try_from(made).unwrap(), there);
}

#[sqlx::test]
async fn a_partition_that_is_read_is_dropped_later_and_holds_nobody_up(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let now = Utc::now();
    make_ahead(&mut conn, now).await.unwrap();
    let mut reader = pool.begin().await.unwrap();
    sqlx::query("select count(*) from server_samples")
        .execute(&mut *reader)
        .await
        .unwrap();
    let later = now + TimeDelta::hours(2);
    // New ones are made all the same.
    assert!(make_ahead(&mut conn, later).await.unwrap() > 0);
    let first = drop_old(&mut conn, later).await.unwrap();
    reader.commit().await.unwrap();
    let second = drop_old(&mut conn, later).await.unwrap();
    assert!(first > 0 && second > 0, "{first} {second}");
}

#[sqlx::test]
async fn partitions_are_closed_to_requests(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    partitions::maintain(&mut conn).await.unwrap();
    let open: i64 = sqlx::query_scalar(
        "select count(*) from pg_class c join pg_inherits i on i.inhrelid = c.oid
         where c.relkind = 'r' and (not c.relrowsecurity or has_table_privilege('ocore_tenant', c.oid, 'select'))",
    )
    .fetch_one(&mut *conn)
    .await
    .unwrap();
    assert_eq!(open, 0);
}
