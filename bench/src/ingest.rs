//! What a fleet tells, written and read: 1,000 servers with 10 instances each, every one pushing three samples every 30
//! seconds, beside the leader's rollups; and charts of seven days.
//!
//! Batches are decoded from their bytes and written by the same function as the API's route does. The load comes from this
//! process too; what it costs to make the batches is paid before.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Context, Result, ensure};
use chrono::{TimeDelta, Utc};
use ocore_domain::{InstanceId, OrganizationId, ServerId};
use ocore_store::{
    Sealer, Store,
    embedded::Embedded,
    metrics::{self, Given, Source, charts, partitions},
    migrate,
    tenancy::Tenant,
};
use ocore_telemetry::{
    Batch, Container, Disk, Filesystem, Host, Network, Odoo, Postgres, Pressure, Process, Sample,
};
use sqlx::PgPool;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Duration, Instant, interval, sleep_until},
};
use uuid::Uuid;

use crate::report::{Figures, Target, quantile};

const SERVERS: usize = 1_000;
const INSTANCES_EACH: usize = 10;
/// Seconds between a server's pushes.
const PUSH: u64 = 30;
/// How long each way of writing is measured.
const MEASURED: Duration = Duration::from_secs(90);
/// Pushes that are written at once at most.
const WRITERS: usize = 8;
/// Charts that are asked for.
const CHARTS: usize = 1_000;

struct Fleet {
    servers: Vec<(ServerId, Vec<InstanceId>)>,
}

pub async fn run() -> Result<Figures> {
    let folder = tempfile::tempdir()?;
    let postgres = Embedded::start(folder.path(), None)
        .await
        .map_err(|problem| anyhow::anyhow!("{problem}"))?;
    let measured = measure(&postgres).await;
    postgres.stop().await;
    measured
}

async fn measure(postgres: &Embedded) -> Result<Figures> {
    let sealer = Sealer::new(&"a key for a benchmark of 32 chars".to_owned().into(), &[]);
    let store = Store::connect(&postgres.url(), 2..=25, sealer).await?;
    migrate(store.pool()).await?;
    let fleet = Arc::new(fill(store.pool()).await?);
    partitions::maintain(&mut *store.connection().await?).await?;
    let mut figures = Figures::default();
    history(store.pool(), &mut figures).await?;
    charts_of(&store, &fleet, &mut figures, "quiet").await?;

    let directory: String = sqlx::query_scalar("show data_directory")
        .fetch_one(store.pool())
        .await?;
    for together in [false, true] {
        write(&store, &fleet, Path::new(&directory), together, &mut figures).await?;
    }
    sizes(store.pool(), &mut figures).await?;
    Ok(figures)
}

async fn fill(pool: &PgPool) -> Result<Fleet> {
    sqlx::query(
        "insert into servers (id, organization_id, name, host, port, ssh_user, auth_method, postgres_password_sealed,
             max_ssh_sessions, status)
         select gen_random_uuid(), $1, 'server-' || n, '192.0.2.1', 22, 'root', 'key', '', 8, 'active'
         from generate_series(1, $2) n",
    )
    .bind(OrganizationId::DEFAULT.uuid())
    .bind(i32::try_from(SERVERS)?)
    .execute(pool)
    .await?;
    sqlx::query(
        "insert into instances (id, organization_id, server_id, name, slug, odoo_version, odoo_edition,
             environment_type, status, settings, env_values_sealed, database_password_sealed, master_password_sealed)
         select gen_random_uuid(), s.organization_id, s.id, s.name || '-' || n, s.name || '-' || n, '19.0', 'community',
             'production', 'running', '{}', '', '', ''
         from servers s, generate_series(1, $1) n",
    )
    .bind(i32::try_from(INSTANCES_EACH)?)
    .execute(pool)
    .await?;
    sqlx::query("analyze").execute(pool).await?;
    let rows: Vec<(Uuid, Vec<Uuid>)> =
        sqlx::query_as("select server_id, array_agg(id) from instances group by server_id")
            .fetch_all(pool)
            .await?;
    let servers = rows.into_iter().map(|(server, instances)| {
        let instances = instances.into_iter().map(InstanceId::from).collect();
        (ServerId::from(server), instances)
    });
    Ok(Fleet {
        servers: servers.collect(),
    })
}

/// Seven days of ten minutes each, in the order in which they would have been made.
async fn history(pool: &PgPool, figures: &mut Figures) -> Result<()> {
    let began = Instant::now();
    let servers = sqlx::query(
        "insert into server_rollups
         select 600, s.organization_id, s.id, t, 60, 600, 100000, random() * 100, 90, 20, 10, 1, 0, 1, 1, 1, 8e9, 4e9, 3e9,
             1e9, 0, 1, 2, 3, 1e11, 5e10, 20, 1e6, 1e6, 2, 9, 5, 1e7, 1e7, 0, 150, 0, 0, 20, 25, 100, 1, 0, 99, 1e9
         from generate_series(date_bin('10 minutes', now(), 'epoch') - interval '7 days', now() - interval '10 minutes',
                              '10 minutes') t, servers s",
    )
    .execute(pool)
    .await?;
    let instances = week_of_instances(pool).await?;
    #[expect(clippy::cast_precision_loss, reason = "far from 2^52")]
    let rows = (servers.rows_affected() + instances) as f64;
    figures.add("rollups of 7 days by 10 minutes", rows / 1e6, "M rows", None);
    println!("  filled in {:.0} s", began.elapsed().as_secs_f64());
    sqlx::query("vacuum analyze").execute(pool).await?;
    Ok(())
}

/// Those of every instance; answers how many rows they are.
pub async fn week_of_instances(pool: &PgPool) -> Result<u64> {
    // Ten million rows at once, as no fleet sends them: the small log of the embedded PostgreSQL would hold them up with one
    // checkpoint after another, each followed by whole pages. Nothing is measured here, so it may be unsafe for as long.
    for sql in [
        "alter system set max_wal_size = '8GB'",
        "alter system set full_page_writes = off",
        "select pg_reload_conf()",
    ] {
        sqlx::raw_sql(sql).execute(pool).await?;
    }
    let rows = sqlx::query(
        "insert into instance_rollups
         select 600, i.organization_id, i.id, i.server_id, t, 60, 600, random() * 100, 90, 5e8, 6e8, 2e9, 1, 0, 1e6, 1e6, 1e6,
             1e6, 9, 4, 5e8, 3, 900, 500, 1e9, 1e9
         from generate_series(date_bin('10 minutes', now(), 'epoch') - interval '7 days', now() - interval '10 minutes',
                              '10 minutes') t, instances i",
    )
    .execute(pool)
    .await?;
    for sql in [
        // Or the first rollup would make the last day anew, of finer ones that nobody has made.
        "update metric_resolutions set rolled_until = date_bin(make_interval(secs => resolution), now(), 'epoch')
         where resolution >= 60",
        "alter system reset max_wal_size",
        "alter system reset full_page_writes",
        "select pg_reload_conf()",
        "checkpoint",
    ] {
        sqlx::raw_sql(sql).execute(pool).await?;
    }
    Ok(rows.rows_affected())
}

async fn charts_of(store: &Store, fleet: &Fleet, figures: &mut Figures, when: &str) -> Result<()> {
    let (mut of_servers, mut of_instances) = (Vec::new(), Vec::new());
    let since = Utc::now() - TimeDelta::days(7);
    let tenant = Tenant::whole(OrganizationId::DEFAULT);
    for turn in 0..CHARTS {
        // Far apart, so that nothing is near what was read before.
        let (server, instances) = &fleet.servers[turn * 617 % fleet.servers.len()];
        let began = Instant::now();
        let mut tx = store.tenant(&tenant).await?;
        let points = charts::server(&mut tx, *server, 600, since).await?.len();
        tx.rollback().await?;
        of_servers.push(began.elapsed().as_secs_f64() * 1e3);
        ensure!(points > 990, "a chart has {points} points");
        let began = Instant::now();
        let mut tx = store.tenant(&tenant).await?;
        let points = charts::instance(&mut tx, instances[turn % instances.len()], 600, since)
            .await?
            .len();
        tx.rollback().await?;
        of_instances.push(began.elapsed().as_secs_f64() * 1e3);
        ensure!(points > 990, "a chart has {points} points");
    }
    let most = Some(Target::AtMost(50.0));
    let names = match when {
        "quiet" => [
            "7 days of a server, p50",
            "7 days of a server, p99",
            "7 days of an instance, p50",
            "7 days of an instance, p99",
        ],
        _ => [
            "7 days of a server while the fleet pushes, p50",
            "7 days of a server while the fleet pushes, p99",
            "7 days of an instance while the fleet pushes, p50",
            "7 days of an instance while the fleet pushes, p99",
        ],
    };
    for (name, value, target) in [
        (names[0], quantile(&of_servers, 0.5), None),
        (names[1], quantile(&of_servers, 0.99), most),
        (names[2], quantile(&of_instances, 0.5), None),
        (names[3], quantile(&of_instances, 0.99), most),
    ] {
        figures.add(name, value, "ms", target);
    }
    Ok(())
}

/// A push as it comes over the wire, without its times.
pub fn push(instances: &[InstanceId]) -> Batch {
    let container = |instance: &InstanceId| Container {
        name: format!("ocore-{instance}"),
        instance: Some(instance.to_string()),
        cpu: 12.5,
        memory: 500 << 20,
        memory_limit: Some(2 << 30),
        received: 12_345,
        sent: 23_456,
        read: 4096,
        written: 8192,
        processes: 9,
        ..Container::default()
    };
    let sample = Sample {
        at: 0,
        host: Host {
            interval: 10.0,
            uptime: 100_000,
            cores: vec![10.0; 8],
            load: [1.0, 2.0, 3.0],
            pressure: Some(Pressure::default()),
            filesystems: vec![Filesystem::default(); 2],
            disks: vec![Disk::default(); 2],
            networks: vec![Network::default(); 2],
            processes: 200,
            ..Host::default()
        },
        containers: instances.iter().map(container).collect(),
        postgres: None,
        odoo: Vec::new(),
    };
    let mut last = sample.clone();
    last.host.top = vec![
        Process {
            name: "odoo".to_owned(),
            ..Process::default()
        };
        10
    ];
    last.postgres = Some(Postgres::default());
    last.odoo = instances
        .iter()
        .map(|instance| Odoo {
            instance: instance.to_string(),
            workers: Some(4),
            requests: Some(100),
            ..Odoo::default()
        })
        .collect();
    Batch {
        version: "0.1.0".to_owned(),
        boot_id: "a".repeat(36),
        lost: 0,
        samples: vec![sample.clone(), sample, last],
    }
}

/// A push that is due.
struct Due {
    server: ServerId,
    batch: Batch,
    at: Instant,
}

async fn write(
    store: &Store,
    fleet: &Arc<Fleet>,
    directory: &Path,
    together: bool,
    figures: &mut Figures,
) -> Result<()> {
    let rows = Arc::new(AtomicU64::new(0));
    let (cpu, postgres_cpu) = (own_cpu()?, postgres_cpu(directory)?);
    let (of_store, began) = (store.clone(), Instant::now());
    let leader = tokio::spawn(async move {
        let mut tick = interval(Duration::from_secs(20));
        loop {
            tick.tick().await;
            let done = async {
                let mut conn = of_store.connection().await?;
                partitions::maintain(&mut conn).await?;
                metrics::roll_up(&mut conn).await
            };
            if let Err(error) = done.await {
                println!("  rollup: {error}");
            }
        }
    });
    let (sender, receiver) = mpsc::channel(1_000);
    let sending = tokio::spawn(send(fleet.clone(), sender, began));
    let reading = if together {
        let (store, fleet) = (store.clone(), fleet.clone());
        Some(tokio::spawn(async move {
            sleep_until(began + Duration::from_secs(40)).await;
            let mut figures = Figures::default();
            charts_of(&store, &fleet, &mut figures, "pushing")
                .await
                .map(|()| figures)
        }))
    } else {
        None
    };
    let lags = receive(store, receiver, together, &rows).await?;
    sending.await??;
    let seconds = began.elapsed().as_secs_f64();
    let (cpu, postgres_cpu) = (own_cpu()? - cpu, self::postgres_cpu(directory)? - postgres_cpu);
    leader.abort();
    if let Some(reading) = reading {
        figures.join(reading.await??);
    }
    #[expect(clippy::cast_precision_loss, reason = "far from 2^52")]
    let rate = rows.load(Ordering::Relaxed) as f64 / seconds;
    let names = if together {
        [
            "pushes of 100 ms written together: rows of raw samples",
            "the same: this process",
            "the same: PostgreSQL, with rollups and charts",
            "the same: from push to written, p50",
            "the same: from push to written, p99",
        ]
    } else {
        [
            "each push written by itself: rows of raw samples",
            "each push written by itself: this process",
            "each push written by itself: PostgreSQL, with rollups",
            "each push written by itself: from push to written, p50",
            "each push written by itself: from push to written, p99",
        ]
    };
    figures.add(names[0], rate, "/s", None);
    figures.add(names[1], cpu / seconds * 100.0, "% core", None);
    figures.add(names[2], postgres_cpu / seconds * 100.0, "% core", None);
    figures.add(names[3], quantile(&lags, 0.5), "ms", None);
    figures.add(names[4], quantile(&lags, 0.99), "ms", None);
    Ok(())
}

/// Every server pushes every 30 seconds, one after the other.
async fn send(
    fleet: Arc<Fleet>,
    sender: mpsc::Sender<(ServerId, Vec<u8>, Instant)>,
    began: Instant,
) -> Result<()> {
    let templates: Vec<(ServerId, Batch)> = fleet
        .servers
        .iter()
        .map(|(server, instances)| (*server, push(instances)))
        .collect();
    let pause = Duration::from_secs(PUSH) / u32::try_from(SERVERS)?;
    let mut due = began;
    let mut turn = 0;
    while due < began + MEASURED {
        sleep_until(due).await;
        let (server, template) = &templates[turn % templates.len()];
        let mut batch = template.clone();
        let now = Utc::now();
        for (back, sample) in batch.samples.iter_mut().rev().enumerate() {
            sample.at = (now - TimeDelta::seconds(10 * i64::try_from(back)?)).timestamp_millis();
        }
        let bytes = batch.encode()?;
        sender
            .send((*server, bytes, due))
            .await
            .context("nobody receives")?;
        due += pause;
        turn += 1;
    }
    Ok(())
}

/// Milliseconds from when each was due until it was written.
async fn receive(
    store: &Store,
    mut receiver: mpsc::Receiver<(ServerId, Vec<u8>, Instant)>,
    together: bool,
    rows: &Arc<AtomicU64>,
) -> Result<Vec<f64>> {
    let mut lags = Vec::new();
    let mut writing: JoinSet<Result<Vec<f64>>> = JoinSet::new();
    let mut waiting: Vec<(ServerId, Vec<u8>, Instant)> = Vec::new();
    while let Some(first) = receiver.recv().await {
        waiting.push(first);
        if together {
            let until = Instant::now() + Duration::from_millis(100);
            while let Ok(Some(more)) = tokio::time::timeout_at(until, receiver.recv()).await {
                waiting.push(more);
            }
        }
        while writing.len() >= WRITERS {
            if let Some(done) = writing.join_next().await {
                lags.extend(done??);
            }
        }
        writing.spawn(write_some(
            store.clone(),
            std::mem::take(&mut waiting),
            rows.clone(),
        ));
    }
    while let Some(done) = writing.join_next().await {
        lags.extend(done??);
    }
    Ok(lags)
}

async fn write_some(
    store: Store,
    pushes: Vec<(ServerId, Vec<u8>, Instant)>,
    rows: Arc<AtomicU64>,
) -> Result<Vec<f64>> {
    let due: Vec<Due> = pushes
        .into_iter()
        .map(|(server, bytes, at)| {
            Ok(Due {
                server,
                batch: Batch::decode(&bytes)?,
                at,
            })
        })
        .collect::<Result<_>>()?;
    let given: Vec<Given<'_>> = due
        .iter()
        .map(|due| Given {
            organization: OrganizationId::DEFAULT,
            server: due.server,
            source: Source::Agent,
            batch: &due.batch,
        })
        .collect();
    let written = metrics::ingest_all(&mut *store.connection().await?, &given).await?;
    ensure!(written.dropped == 0, "samples were dropped: {written:?}");
    rows.fetch_add(written.inserted + written.instances, Ordering::Relaxed);
    Ok(due
        .iter()
        .map(|due| due.at.elapsed().as_secs_f64() * 1e3)
        .collect())
}

async fn sizes(pool: &PgPool, figures: &mut Figures) -> Result<()> {
    // Rows a day of raw samples and of each rollup, and what a row takes with its index.
    let subjects: f64 = 11_000.0;
    let mut kept = 0.0;
    let mut day = 0.0;
    for (tables, seconds, keep, name) in [
        (
            ["server_samples", "instance_samples"],
            10.0,
            3600.0,
            "raw samples of an hour, with indexes",
        ),
        (
            ["server_rollups_60", "instance_rollups_60"],
            60.0,
            86_400.0,
            "rollups of a day by the minute",
        ),
        (
            ["server_rollups_600", "instance_rollups_600"],
            600.0,
            604_800.0,
            "rollups of a week by 10 minutes",
        ),
        (
            ["server_rollups_7200", "instance_rollups_7200"],
            7200.0,
            2_592_000.0,
            "rollups of 30 days by 2 hours",
        ),
    ] {
        let mut bytes = 0.0;
        for (table, share) in tables.iter().zip([1.0 / 11.0, 10.0 / 11.0]) {
            // A row of two hours takes what one of ten minutes takes.
            let table = table.replace("7200", "600");
            let per_row: Option<f64> = sqlx::query_scalar(
                "select sum(pg_total_relation_size(inhrelid))::float8 / nullif(sum(n.rows), 0)::float8
                 from pg_inherits, lateral (select (xpath('/row/c/text()', query_to_xml(
                     format('select count(*) as c from %s', inhrelid::regclass), false, true, '')))[1]::text::bigint as rows) n
                 where inhparent = $1::text::regclass and n.rows > 0",
            )
            .bind(&table)
            .fetch_one(pool)
            .await?;
            bytes += subjects * share * keep / seconds * per_row.unwrap_or(0.0);
        }
        figures.add(name, bytes / 1e9, "GB", None);
        kept += bytes;
        day += subjects * 86_400.0 / seconds;
    }
    figures.add("rows written a day, rollups included", day / 1e6, "M", None);
    figures.add("all that is kept", kept / 1e9, "GB", None);
    let wal: f64 = sqlx::query_scalar("select wal_bytes::float8 from pg_stat_wal")
        .fetch_one(pool)
        .await?;
    println!("  write-ahead log since the start: {:.2} GB", wal / 1e9);
    Ok(())
}

/// Seconds of CPU that this process has used.
fn own_cpu() -> Result<f64> {
    cpu_of("/proc/self/stat", 0..2)
}

/// Seconds of CPU that PostgreSQL has used: the postmaster, its children, and those that have ended.
fn postgres_cpu(directory: &Path) -> Result<f64> {
    let postmaster = fs::read_to_string(directory.join("postmaster.pid"))?;
    let postmaster = postmaster
        .lines()
        .next()
        .context("the postmaster has no number")?
        .to_owned();
    let mut all = cpu_of(&format!("/proc/{postmaster}/stat"), 0..4)?;
    for entry in fs::read_dir("/proc")? {
        let stat = entry?.path().join("stat");
        let Ok(text) = fs::read_to_string(&stat) else {
            continue;
        };
        let parent = text
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_whitespace().nth(1));
        if parent == Some(postmaster.as_str()) {
            all += cpu_of(&stat.to_string_lossy(), 0..2).unwrap_or(0.0);
        }
    }
    Ok(all)
}

/// User and system time, and those of children that have ended, in that order.
pub fn cpu_of(stat: &str, which: std::ops::Range<usize>) -> Result<f64> {
    let text = fs::read_to_string(stat)?;
    let (_, rest) = text.rsplit_once(')').context("not a stat file")?;
    let times: Vec<f64> = rest
        .split_whitespace()
        .skip(11)
        .take(4)
        .filter_map(|word| word.parse().ok())
        .collect();
    Ok(times.get(which).context("too short")?.iter().sum::<f64>() / 100.0)
}
