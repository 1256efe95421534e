use chrono::{TimeDelta, Utc};
use ocore_store::metrics::{Detail, Given, Ingested, Source, ingest, ingest_all};
use serde_json::Value;
use sqlx::{PgPool, types::Json};

use super::support::{ORGANIZATION, batch, container, count, instance, sample, server};

#[sqlx::test]
async fn every_column_is_written_and_nothing_twice(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let server = server(&mut conn).await;
    let instance = instance(&mut conn, server).await;
    let now = Utc::now();
    let batch = batch(
        (0..3)
            .map(|n| sample(now - TimeDelta::seconds(30 - 10 * n), &[instance]))
            .collect(),
    );
    let first = ingest(&mut conn, ORGANIZATION, server, Source::Agent, &batch)
        .await
        .unwrap();
    let all = Ingested {
        inserted: 3,
        instances: 3,
        ..Ingested::default()
    };
    assert_eq!(first, all);
    let again = ingest(&mut conn, ORGANIZATION, server, Source::Agent, &batch)
        .await
        .unwrap();
    let nothing = Ingested {
        repeated: 3,
        ..Ingested::default()
    };
    assert_eq!(again, nothing);

    // A column whose name is misspelt in a row would stay empty without any fault.
    for table in ["server_samples", "instance_samples"] {
        let rows: Vec<Json<Value>> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select to_jsonb(s) from {table} s")))
                .fetch_all(&mut *conn)
                .await
                .unwrap();
        assert_eq!(rows.len(), 3);
        for (column, value) in rows[0].as_object().unwrap() {
            assert!(!value.is_null() && *value != 0, "{table}.{column} is {value}");
        }
    }
    let row: (f32, i64, f32, f32, String) = sqlx::query_as(
        "select cpu_usage, disk_read_bytes, disk_await_ms, inodes_used_percent, source from server_samples limit 1",
    )
    .fetch_one(&mut *conn)
    .await
    .unwrap();
    assert_eq!(row, (50.0, 1500, 8.0, 25.0, "agent".to_owned()));
}

#[sqlx::test]
async fn a_container_counts_for_an_instance_of_that_server_only(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let (here, elsewhere) = (server(&mut conn).await, server(&mut conn).await);
    let (ours, theirs) = (
        instance(&mut conn, here).await,
        instance(&mut conn, elsewhere).await,
    );
    let mut sample = sample(Utc::now(), &[ours, theirs]);
    // While an instance is updated it has two containers. Foreign containers may be labelled with anything.
    sample.containers.push(container(&ours.to_string()));
    sample.containers.push(container("no identifier"));
    let written = ingest(
        &mut conn,
        ORGANIZATION,
        here,
        Source::Agent,
        &batch(vec![sample.clone()]),
    )
    .await
    .unwrap();
    assert_eq!((written.inserted, written.instances), (1, 1));
    let (cpu, limit, processes): (f32, i64, i32) = sqlx::query_as(
        "select cpu_usage, memory_limit_bytes, processes from instance_samples where instance_id = $1",
    )
    .bind(ours.uuid())
    .fetch_one(&mut *conn)
    .await
    .unwrap();
    assert_eq!((cpu, limit, processes), (160.0, 1 << 31, 18));

    // Nor for another organization.
    let other = ocore_domain::OrganizationId::new();
    sqlx::query("insert into organizations (id, name, slug) values ($1, 'Other', 'other')")
        .bind(other.uuid())
        .execute(&mut *conn)
        .await
        .unwrap();
    sample.at += 1;
    let written = ingest(&mut conn, other, here, Source::Agent, &batch(vec![sample])).await;
    assert_eq!(written.unwrap().instances, 0);
}

#[sqlx::test]
async fn what_is_too_old_or_not_yet_is_dropped_and_counted(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let server = server(&mut conn).await;
    let now = Utc::now();
    let times = [
        -TimeDelta::days(3),
        -TimeDelta::minutes(61),
        -TimeDelta::minutes(59),
        TimeDelta::zero(),
        TimeDelta::seconds(100),
        TimeDelta::seconds(150),
        TimeDelta::days(400),
    ];
    let mut samples: Vec<_> = times.iter().map(|by| sample(now + *by, &[])).collect();
    samples.push(ocore_telemetry::Sample {
        at: i64::MAX,
        ..samples[0].clone()
    });
    let written = ingest(&mut conn, ORGANIZATION, server, Source::Ssh, &batch(samples))
        .await
        .unwrap();
    assert_eq!(
        written,
        Ingested {
            inserted: 3,
            dropped: 5,
            ..Ingested::default()
        }
    );
    // A clock that is wrong does not hold the last sample's place for ever.
    assert_eq!(count(&mut conn, "server_latest").await, 0);
    assert_eq!(count(&mut conn, "metric_late").await, 1);
}

#[sqlx::test]
async fn the_last_sample_stays_the_last(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let server = server(&mut conn).await;
    let now = Utc::now();
    let earlier = sample(now - TimeDelta::seconds(20), &[]);
    let mut later = sample(now - TimeDelta::seconds(10), &[]);
    later.postgres = None;
    later.host.top.clear();
    later.host.uptime = 1010;
    let whole = batch(vec![earlier.clone(), later]);
    ingest(&mut conn, ORGANIZATION, server, Source::Agent, &whole)
        .await
        .unwrap();
    let late = batch(vec![sample(now - TimeDelta::seconds(50), &[])]);
    ingest(&mut conn, ORGANIZATION, server, Source::Ssh, &late)
        .await
        .unwrap();
    let (source, Json(detail)): (Source, Json<Detail>) =
        sqlx::query_as("select source, detail from server_latest where server_id = $1")
            .bind(server.uuid())
            .fetch_one(&mut *conn)
            .await
            .unwrap();
    assert_eq!(source, Source::Agent);
    assert_eq!(detail.uptime_seconds, 1010);
    // What is asked once a push is the batch's, not only the last sample's.
    assert_eq!(detail.postgres.unwrap().connections, 12);
    assert_eq!(detail.top[0].name, "odoo");
}

#[sqlx::test]
async fn numbers_and_texts_that_cannot_be_kept_harm_nothing(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let server = server(&mut conn).await;
    let instance = instance(&mut conn, server).await;
    let mut odd = sample(Utc::now(), &[instance]);
    odd.host.cpu.usage = f32::NAN;
    odd.host.load = [f32::INFINITY, -1.0, f32::MAX];
    odd.host.memory.total = u64::MAX;
    odd.host.processes = u32::MAX;
    odd.host.top[0].name = "a\0b".to_owned();
    odd.containers[0].memory = u64::MAX;
    odd.containers[0].cpu = f32::NEG_INFINITY;
    let written = ingest(&mut conn, ORGANIZATION, server, Source::Agent, &batch(vec![odd]))
        .await
        .unwrap();
    assert_eq!((written.inserted, written.instances), (1, 1));
    let row: (f32, f32, i64, i32) =
        sqlx::query_as("select cpu_usage, load_1m, ram_total, processes from server_samples")
            .fetch_one(&mut *conn)
            .await
            .unwrap();
    assert_eq!(row, (0.0, 0.0, i64::MAX, i32::MAX));
}

#[sqlx::test]
async fn many_servers_go_in_at_once_and_one_may_be_in_it_twice(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let (a, b) = (server(&mut conn).await, server(&mut conn).await);
    let now = Utc::now();
    let batches = [
        (b, batch(vec![sample(now - TimeDelta::seconds(20), &[])])),
        (a, batch(vec![sample(now - TimeDelta::seconds(10), &[])])),
        (b, batch(vec![sample(now - TimeDelta::seconds(10), &[])])),
        (b, batch(vec![sample(now - TimeDelta::seconds(10), &[])])),
    ];
    let given: Vec<Given<'_>> = batches
        .iter()
        .map(|(server, batch)| Given {
            organization: ORGANIZATION,
            server: *server,
            source: Source::Agent,
            batch,
        })
        .collect();
    let written = ingest_all(&mut conn, &given).await.unwrap();
    assert_eq!((written.inserted, written.repeated), (3, 1));
    assert_eq!(count(&mut conn, "server_latest").await, 2);
}

#[sqlx::test]
async fn writers_at_once_neither_lose_nor_block_one_another(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let server = server(&mut conn).await;
    let instance = instance(&mut conn, server).await;
    let now = Utc::now();
    // There are no partitions yet, either: all find that out at once.
    let writes = (0..8).map(|_| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let mut conn = pool.acquire().await.unwrap();
            let samples = (0..30).map(|n| sample(now - TimeDelta::seconds(300 - 10 * n), &[instance]));
            let batch = batch(samples.collect());
            ingest(&mut conn, ORGANIZATION, server, Source::Agent, &batch)
                .await
                .unwrap()
                .inserted
        })
    });
    let mut inserted = 0;
    for write in writes.collect::<Vec<_>>() {
        inserted += write.await.unwrap();
    }
    assert_eq!(inserted, 30);
    assert_eq!(count(&mut conn, "server_samples").await, 30);
    assert_eq!(count(&mut conn, "instance_samples").await, 30);
}

/// The agent was cut off for five minutes, in which the server was asked over SSH.
#[sqlx::test]
async fn what_an_agent_brings_late_takes_the_place_of_what_was_asked_over_ssh(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let (here, elsewhere) = (server(&mut conn).await, server(&mut conn).await);
    let (ours, theirs) = (
        instance(&mut conn, here).await,
        instance(&mut conn, elsewhere).await,
    );
    let now = Utc::now();
    let ago = |seconds| now - TimeDelta::seconds(seconds);
    let looked = |seconds, instance| {
        let mut sample = sample(ago(seconds), &[instance]);
        sample.host.interval = 60.0;
        batch(vec![sample])
    };
    // Before the cut, in it, and after the last sample that is brought late; and another server's.
    for seconds in [400, 243, 183, 123, 63] {
        ingest(&mut conn, ORGANIZATION, here, Source::Ssh, &looked(seconds, ours))
            .await
            .unwrap();
        let other = looked(seconds, theirs);
        ingest(&mut conn, ORGANIZATION, elsewhere, Source::Ssh, &other)
            .await
            .unwrap();
    }
    let late = (7..=30)
        .rev()
        .map(|n| sample(ago(10 * n), &[ours]))
        .collect::<Vec<_>>();
    for push in late.chunks(3) {
        ingest(
            &mut conn,
            ORGANIZATION,
            here,
            Source::Agent,
            &batch(push.to_vec()),
        )
        .await
        .unwrap();
    }
    let of = async |table: &str, server| -> i64 {
        let sql = format!("select count(*) from {table} where server_id = $1 and interval_seconds > 30");
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(server)
            .fetch_one(&pool)
            .await
            .unwrap()
    };
    for table in ["server_samples", "instance_samples"] {
        assert_eq!(of(table, here).await, 1, "{table}: only the one before the cut");
        assert_eq!(of(table, elsewhere).await, 5, "{table}");
    }
    assert_eq!(count(&mut conn, "server_samples").await, 24 + 1 + 5);
}
