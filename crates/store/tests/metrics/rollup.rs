use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use ocore_domain::{InstanceId, ServerId};
use ocore_store::metrics::{Retention, RolledUp, Source, ingest, partitions, roll_up_at, set_retention};
use ocore_telemetry::Sample;
use sqlx::{FromRow, PgConnection, PgPool};

use super::support::{ORGANIZATION, batch, count, instance, sample, server};

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn real(&mut self, below: u64) -> f32 {
        self.roll(below * 10) as f32 / 10.0
    }
}

fn random(dice: &mut Dice, at: DateTime<Utc>, instance: InstanceId) -> Sample {
    let mut sample = sample(at, &[instance]);
    let host = &mut sample.host;
    host.interval = [10.0, 10.0, 10.0, 20.0, 60.0, 0.0][usize::try_from(dice.roll(6)).unwrap()];
    host.cpu.usage = dice.real(100);
    host.memory.available = dice.roll(8 << 30);
    host.networks[0].received = dice.roll(1 << 20);
    host.pressure = (dice.roll(3) > 0).then_some(ocore_telemetry::Pressure {
        io: dice.real(100),
        ..Default::default()
    });
    if dice.roll(3) > 0 {
        sample.postgres = None;
        sample.odoo.clear();
    } else if let Some(postgres) = &mut sample.postgres {
        postgres.connections = u32::try_from(dice.roll(100)).unwrap();
    }
    sample.containers[0].cpu = dice.real(400);
    sample.containers[0].memory = dice.roll(1 << 30);
    sample
}

#[derive(Clone, Debug, FromRow)]
struct Rolled {
    samples: i32,
    covered_seconds: f32,
    cpu_usage: f32,
    cpu_usage_max: f32,
    ram_available: i64,
    ram_available_min: i64,
    network_rx_bytes: i64,
    pressure_io: Option<f32>,
    pg_connections: Option<f32>,
    pg_connections_max: Option<i32>,
}

/// An average and the seconds that it is over: a bucket in which some samples have no value counts for all of its seconds.
fn average(samples: &[&Sample], resolution: i64, of: &dyn Fn(&Sample) -> Option<f64>) -> Option<(f64, f64)> {
    let finer = [7200, 600, 60].into_iter().find(|finer| *finer < resolution);
    let parts: Vec<(Option<f64>, f64)> = match finer {
        None => samples
            .iter()
            .map(|sample| (of(sample), f64::from(sample.host.interval.max(0.001))))
            .collect(),
        Some(finer) => samples
            .chunk_by(|a, b| a.at.div_euclid(1000 * finer) == b.at.div_euclid(1000 * finer))
            .map(|bucket| {
                let seconds: f32 = bucket.iter().map(|sample| sample.host.interval).sum();
                let value = average(bucket, finer, of).map(|(value, _)| value);
                (value, f64::from(seconds.max(0.001)))
            })
            .collect(),
    };
    let some: Vec<(f64, f64)> = parts
        .iter()
        .filter_map(|(value, weight)| Some(((*value)?, *weight)))
        .collect();
    let whole: f64 = some.iter().map(|(_, weight)| weight).sum();
    let sum: f64 = some.iter().map(|(value, weight)| value * weight).sum();
    (!some.is_empty()).then(|| (sum / whole, whole))
}

/// The same, by the book.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    reason = "test"
)]
fn by_hand(samples: &[&Sample], resolution: i64) -> Rolled {
    let average =
        |of: &dyn Fn(&Sample) -> Option<f64>| average(samples, resolution, of).map(|(value, _)| value);
    let connections = |s: &Sample| s.postgres.as_ref().map(|p| p.connections);
    Rolled {
        samples: i32::try_from(samples.len()).unwrap(),
        covered_seconds: samples.iter().map(|s| s.host.interval).sum(),
        cpu_usage: average(&|s| Some(s.host.cpu.usage.into())).unwrap() as f32,
        cpu_usage_max: samples.iter().map(|s| s.host.cpu.usage).fold(0.0, f32::max),
        ram_available: average(&|s| Some(s.host.memory.available as f64)).unwrap() as i64,
        ram_available_min: samples
            .iter()
            .map(|s| s.host.memory.available as i64)
            .min()
            .unwrap(),
        network_rx_bytes: samples.iter().map(|s| s.host.networks[0].received as i64).sum(),
        pressure_io: average(&|s| s.host.pressure.map(|p| p.io.into())).map(|p| p as f32),
        pg_connections: average(&|s| connections(s).map(f64::from)).map(|p| p as f32),
        pg_connections_max: samples
            .iter()
            .filter_map(|s| connections(s))
            .max()
            .map(|n| n as i32),
    }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-4 * a.abs().max(b.abs()) + 1e-3
}

#[expect(clippy::cast_precision_loss, reason = "test")]
fn same(a: &Rolled, b: &Rolled) -> bool {
    let some = |a: Option<f32>, b: Option<f32>| match (a, b) {
        (Some(a), Some(b)) => close(a.into(), b.into()),
        (a, b) => a == b,
    };
    a.samples == b.samples
        && close(a.covered_seconds.into(), b.covered_seconds.into())
        && close(a.cpu_usage.into(), b.cpu_usage.into())
        && close(a.cpu_usage_max.into(), b.cpu_usage_max.into())
        && close(a.ram_available as f64, b.ram_available as f64)
        && a.ram_available_min == b.ram_available_min
        && a.network_rx_bytes == b.network_rx_bytes
        && some(a.pressure_io, b.pressure_io)
        && some(a.pg_connections, b.pg_connections)
        && a.pg_connections_max == b.pg_connections_max
}

async fn write(conn: &mut PgConnection, server: ServerId, samples: &[Sample]) {
    let mut samples = samples.to_vec();
    samples.sort_by_key(|sample| sample.at);
    let written = ingest(conn, ORGANIZATION, server, Source::Agent, &batch(samples.clone())).await;
    assert_eq!(written.unwrap().dropped, 0);
}

async fn check(conn: &mut PgConnection, server: ServerId, samples: &[Sample], until: DateTime<Utc>) -> usize {
    let mut buckets = 0;
    for resolution in [60, 600, 7200_i64] {
        // A coarser bucket is made when the finer ones are; all are when the last that is over is.
        let end = until.timestamp() - until.timestamp().rem_euclid(60);
        let end = end - end.rem_euclid(600.min(resolution));
        let end = end - end.rem_euclid(resolution);
        let mut expected: BTreeMap<i64, Vec<&Sample>> = BTreeMap::new();
        for sample in samples {
            let at = sample.at.div_euclid(1000);
            let bucket = at - at.rem_euclid(resolution);
            if bucket < end {
                expected.entry(bucket).or_default().push(sample);
            }
        }
        let rows: Vec<(DateTime<Utc>,)> = sqlx::query_as(
            "select at from server_rollups where resolution = $1 and server_id = $2 order by at",
        )
        .bind(i32::try_from(resolution).unwrap())
        .bind(server.uuid())
        .fetch_all(&mut *conn)
        .await
        .unwrap();
        let rolled: Vec<Rolled> = sqlx::query_as(
            "select * from server_rollups where resolution = $1 and server_id = $2 order by at",
        )
        .bind(i32::try_from(resolution).unwrap())
        .bind(server.uuid())
        .fetch_all(&mut *conn)
        .await
        .unwrap();
        let times: Vec<i64> = rows.iter().map(|(at,)| at.timestamp()).collect();
        assert_eq!(
            times,
            expected.keys().copied().collect::<Vec<_>>(),
            "buckets of {resolution}"
        );
        for ((at, of), rolled) in expected.iter().zip(&rolled) {
            let by_hand = by_hand(of, resolution);
            assert!(
                same(&by_hand, rolled),
                "{resolution} at {at}:\n{by_hand:?}\n{rolled:?}"
            );
        }
        buckets += rolled.len();
    }
    buckets
}

#[sqlx::test]
async fn rollups_are_what_one_computes_by_hand_also_of_late_samples(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let longer = Retention {
        raw: TimeDelta::hours(9),
        ..Retention::default()
    };
    set_retention(&mut conn, &longer).await.unwrap();
    partitions::maintain(&mut conn).await.unwrap();
    let now = Utc::now().with_nanosecond(0).unwrap();
    for seed in [1, 7] {
        let mut dice = Dice(seed);
        let server = server(&mut conn).await;
        let instance = instance(&mut conn, server).await;
        let mut samples = Vec::new();
        let mut at = now - TimeDelta::hours(8);
        while at < now {
            samples.push(random(&mut dice, at, instance));
            // Mostly every ten seconds; sometimes there is a gap, of an hour at most.
            let pause = if dice.roll(100) == 0 { dice.roll(3600) } else { 10 };
            at += TimeDelta::seconds(i64::try_from(pause).unwrap().max(1)) + TimeDelta::milliseconds(3);
        }
        let (mut prompt, mut late) = (Vec::new(), Vec::new());
        for sample in &samples {
            if dice.roll(4) == 0 { &mut late } else { &mut prompt }.push(sample.clone());
        }
        // The time goes on while samples arrive, some of them for buckets made long ago.
        write(&mut conn, server, &prompt).await;
        sqlx::query("update metric_resolutions set rolled_until = null")
            .execute(&mut *conn)
            .await
            .unwrap();
        roll_up_at(&mut conn, now - TimeDelta::hours(1)).await.unwrap();
        let (first, second) = late.split_at(late.len() / 2);
        write(&mut conn, server, second).await;
        roll_up_at(&mut conn, now - TimeDelta::minutes(20)).await.unwrap();
        write(&mut conn, server, first).await;
        let last = roll_up_at(&mut conn, now).await.unwrap();
        assert!(last.late > 50, "{last:?}");
        let until = now - TimeDelta::seconds(60);
        let buckets = check(&mut conn, server, &samples, until).await;
        assert!(buckets > 100, "{buckets}");

        // Once more makes nothing; from the beginning makes the same.
        let nothing = roll_up_at(&mut conn, now).await.unwrap();
        assert_eq!(nothing, RolledUp::default());
        let rows = count(&mut conn, "instance_rollups").await;
        sqlx::query("update metric_resolutions set rolled_until = null")
            .execute(&mut *conn)
            .await
            .unwrap();
        roll_up_at(&mut conn, now).await.unwrap();
        check(&mut conn, server, &samples, until).await;
        assert_eq!(count(&mut conn, "instance_rollups").await, rows);
    }
    // What every sample has in full, every rollup has in full.
    let empty: i64 = sqlx::query_scalar(
        "select count(*) from instance_rollups where resolution = 7200
             and (workers is null or requests is null or memory_bytes_max < memory_bytes or samples < 1)",
    )
    .fetch_one(&mut *conn)
    .await
    .unwrap();
    assert_eq!(empty, 0);
}

#[sqlx::test]
async fn a_minute_is_waited_for_and_then_made_once(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let server = server(&mut conn).await;
    let now = Utc::now();
    let minute = now.with_second(0).unwrap().with_nanosecond(0).unwrap() - TimeDelta::minutes(5);
    partitions::make_ahead(&mut conn, now).await.unwrap();
    roll_up_at(&mut conn, minute).await.unwrap();
    write(&mut conn, server, &[sample(minute + TimeDelta::seconds(5), &[])]).await;
    roll_up_at(&mut conn, minute + TimeDelta::seconds(119))
        .await
        .unwrap();
    assert_eq!(count(&mut conn, "server_rollups").await, 0);
    let made = roll_up_at(&mut conn, minute + TimeDelta::seconds(120))
        .await
        .unwrap();
    assert!(made.rows > 0);
    // The ten minutes that it is in may have ended as well.
    let minutes = "server_rollups where resolution = 60";
    assert_eq!(count(&mut conn, minutes).await, 1);
    // There was nothing before and nothing after: gaps have no rows.
    roll_up_at(&mut conn, now).await.unwrap();
    assert_eq!(count(&mut conn, minutes).await, 1);
}

#[sqlx::test]
async fn two_leaders_at_once_make_everything_once(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let server = server(&mut conn).await;
    let instance = instance(&mut conn, server).await;
    let now = Utc::now();
    let mut dice = Dice(3);
    let samples: Vec<Sample> = (0..300)
        .map(|n| random(&mut dice, now - TimeDelta::seconds(3300 - 10 * n), instance))
        .collect();
    write(&mut conn, server, &samples).await;
    let runs = (0..4).map(|_| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let mut conn = pool.acquire().await.unwrap();
            roll_up_at(&mut conn, now).await.unwrap();
        })
    });
    for run in runs.collect::<Vec<_>>() {
        run.await.unwrap();
    }
    check(&mut conn, server, &samples, now - TimeDelta::seconds(60)).await;
    assert_eq!(count(&mut conn, "metric_late").await, 0);
}
