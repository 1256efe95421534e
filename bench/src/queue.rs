//! How fast the queue is, beside `graphile_worker` on the same PostgreSQL.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::{Result, anyhow, ensure};
use ocore_domain::Problem;
use ocore_operations::{Bounds, Hands, Runtime, RuntimeConfig, faults::NoFaults, noop};
use ocore_store::{Sealer, Store, embedded::Embedded, migrate, notifications::Notifications, operations};
use sqlx::PgPool;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::{
    graphile::Graphile,
    graphile_node::Node,
    latency,
    report::{Figures, Target, median, quantile},
};

/// How many operations.
pub const OPERATIONS: usize = 20_000;
/// Among how many serial keys they are divided.
pub const KEYS: usize = 200;
/// How many may be under way at once.
pub const CONCURRENCY: usize = 256;
/// Connections, as many as `ocore serve` takes by default.
pub const CONNECTIONS: u32 = 25;
/// Each drain is run this often, ours and theirs in turn, and the median counts.
const ROUNDS: usize = 3;

pub async fn run(node: Option<&Node>) -> Result<Figures> {
    // The PostgreSQL that a release runs on, with its settings: fsync is on.
    let folder = tempfile::tempdir()?;
    let postgres = Embedded::start(folder.path(), None).await.map_err(told)?;
    let measured = measure(&postgres, node).await;
    postgres.stop().await;
    measured
}

#[expect(clippy::cast_precision_loss, reason = "counts of some thousands")]
async fn measure(postgres: &Embedded, node: Option<&Node>) -> Result<Figures> {
    let sealer = Sealer::new(&"a key for a benchmark of 32 chars".to_owned().into(), &[]);
    let store = Store::connect(&postgres.url(), 2..=CONNECTIONS, sealer).await?;
    migrate(store.pool()).await?;
    let fsync: String = sqlx::query_scalar("show fsync").fetch_one(store.pool()).await?;
    ensure!(fsync == "on", "fsync is {fsync}");
    let graphile = Graphile::connect(&postgres.url()).await?;

    // First, in a process as it starts: the drains leave listeners and connections behind in this one.
    let latencies = latency::ours(&store).await?;
    let their_latencies = graphile.latencies().await?;

    let (mut ours, mut free, mut theirs, mut theirs_free) = (vec![], vec![], vec![], vec![]);
    let (mut nodes, mut nodes_free) = (vec![], vec![]);
    let (mut our_overlaps, mut their_overlaps) = (0, 0);
    for _ in 0..ROUNDS {
        let drained = drain(&store, Some(KEYS)).await?;
        our_overlaps += drained.overlaps;
        ours.push(OPERATIONS as f64 / drained.time.as_secs_f64());
        let drained = graphile.drain(Some(KEYS)).await?;
        their_overlaps += drained.overlaps;
        theirs.push(OPERATIONS as f64 / drained.time.as_secs_f64());
        free.push(OPERATIONS as f64 / drain(&store, None).await?.time.as_secs_f64());
        theirs_free.push(OPERATIONS as f64 / graphile.drain(None).await?.time.as_secs_f64());
        if let Some(node) = node {
            for (keys, rates) in [(Some(KEYS), &mut nodes), (None, &mut nodes_free)] {
                let time = node.drain(&postgres.url(), keys).await?;
                rates.push(OPERATIONS as f64 / time.as_secs_f64());
            }
        }
        println!(
            "  round: {:.0}/s with keys, {:.0}/s without; graphile_worker {:.0}/s and {:.0}/s",
            ours[ours.len() - 1],
            free[free.len() - 1],
            theirs[theirs.len() - 1],
            theirs_free[theirs_free.len() - 1]
        );
    }
    ensure!(
        our_overlaps == 0,
        "{our_overlaps} times a serial key was held twice"
    );

    store.pool().close().await;
    graphile.close().await;

    let mut figures = Figures::default();
    let least = Some(Target::AtLeast(10_000.0));
    figures.add(
        "no-op operations with 200 serial keys",
        median(&ours),
        "/s",
        least,
    );
    figures.add("the same of graphile_worker", median(&theirs), "/s", None);
    figures.add(
        "ratio with serial keys",
        median(&ours) / median(&theirs),
        "×",
        Some(Target::AtLeast(1.0)),
    );
    figures.add("no-op operations without serial keys", median(&free), "/s", None);
    figures.add(
        "the same of graphile_worker, no keys",
        median(&theirs_free),
        "/s",
        None,
    );
    figures.add(
        "ratio without serial keys",
        median(&free) / median(&theirs_free),
        "×",
        None,
    );
    if node.is_some() {
        figures.add("graphile-worker in Node.js with keys", median(&nodes), "/s", None);
        figures.add(
            "graphile-worker in Node.js, no keys",
            median(&nodes_free),
            "/s",
            None,
        );
    }
    figures.add(
        "overlaps of a serial key",
        f64::from(our_overlaps),
        "",
        Some(Target::AtMost(0.0)),
    );
    figures.add(
        "the same of graphile_worker, overlaps",
        f64::from(their_overlaps),
        "",
        None,
    );
    for (name, values, at, most) in [
        ("enqueue to start, p50", &latencies, 0.5, Some(3.0)),
        ("enqueue to start, p99", &latencies, 0.99, Some(10.0)),
        ("the same of graphile_worker, p50", &their_latencies, 0.5, None),
        ("the same of graphile_worker, p99", &their_latencies, 0.99, None),
    ] {
        figures.add(name, quantile(values, at), "ms", most.map(Target::AtMost));
    }
    Ok(figures)
}

/// How long a backlog took.
pub struct Drained {
    pub time: Duration,
    pub overlaps: u32,
}

/// Enqueues the operations, then starts a runtime and waits until the last one has ended.
async fn drain(store: &Store, keys: Option<usize>) -> Result<Drained> {
    empty(store.pool()).await?;
    let new: Vec<_> = (0..OPERATIONS)
        .map(|i| noop(keys.map(|keys| format!("key-{}", i % keys))))
        .collect();
    let mut tx = store.begin().await?;
    for part in new.chunks(2000) {
        operations::enqueue_many(&mut tx, part).await?;
    }
    tx.commit().await?;
    settle(store.pool(), "operations").await?;

    let watch = Watch::start(store.pool().clone());
    let hands = Hands::new(store.clone(), Notifications::listen(store.pool().clone()));
    let began = Instant::now();
    let runtime = start(hands, CONCURRENCY).await?;
    let time = drained(store.pool(), began).await?;
    let overlaps = watch.end();
    runtime.shutdown(Duration::from_secs(5)).await;

    let done: i64 =
        sqlx::query_scalar("select count(*) from operations where state = 'done' and attempt = 1")
            .fetch_one(store.pool())
            .await?;
    ensure!(
        usize::try_from(done)? == OPERATIONS,
        "{done} of {OPERATIONS} are done, and once"
    );
    let left: i64 = sqlx::query_scalar("select count(*) from operation_leases")
        .fetch_one(store.pool())
        .await?;
    ensure!(left == 0, "{left} leases are left");
    Ok(Drained { time, overlaps })
}

/// Waits until no operation is open; answers how long that took.
pub async fn drained(pool: &PgPool, began: Instant) -> Result<Duration> {
    // By the index of what is open, so that the question costs what is measured little.
    while sqlx::query_scalar("select exists (select from operations where finished_at is null)")
        .fetch_one(pool)
        .await?
    {
        ensure!(
            began.elapsed() < Duration::from_secs(120),
            "the queue is not drained"
        );
        sleep(Duration::from_millis(10)).await;
    }
    Ok(began.elapsed())
}

/// Looks again and again whether two operations with the same serial key are held at once.
struct Watch {
    task: JoinHandle<()>,
    overlaps: Arc<AtomicU32>,
}

impl Watch {
    fn start(pool: PgPool) -> Self {
        let overlaps = Arc::new(AtomicU32::new(0));
        let seen = overlaps.clone();
        let task = tokio::spawn(async move {
            loop {
                let twice = sqlx::query_scalar::<_, i64>(
                    "select count(*) from (select from operations
                                           where finished_at is null and worker_id is not null and serial_key is not null
                                           group by serial_key having count(*) > 1) as twice",
                );
                if twice.fetch_one(&pool).await.is_ok_and(|twice| twice > 0) {
                    seen.fetch_add(1, Ordering::Relaxed);
                }
                sleep(Duration::from_millis(100)).await;
            }
        });
        Self { task, overlaps }
    }

    fn end(self) -> u32 {
        self.task.abort();
        self.overlaps.load(Ordering::Relaxed)
    }
}

/// A runtime that does nothing but the queue.
pub async fn start(hands: Hands, workers: usize) -> Result<Runtime> {
    let config = RuntimeConfig {
        workers,
        bounds: Bounds {
            per_server: 4,
            ..Bounds::default()
        },
        health_interval: Duration::from_secs(3600),
        operations_kept: chrono::TimeDelta::days(365),
        data_dir: "/".into(),
        faults: Arc::new(NoFaults),
    };
    Runtime::start(hands, config).await.map_err(told)
}

/// Takes all operations away. Not by truncating: organizations name the operation that deletes them, and would go too.
pub async fn empty(pool: &PgPool) -> Result<()> {
    sqlx::query("delete from operations").execute(pool).await?;
    Ok(())
}

/// What PostgreSQL does by itself sooner or later, done now for both.
pub async fn settle(pool: &PgPool, table: &str) -> Result<()> {
    // One by one: several in one message would be a transaction, which neither can be part of.
    for statement in [format!("vacuum analyze {table}"), "checkpoint".to_owned()] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
            .execute(pool)
            .await?;
    }
    Ok(())
}

fn told(problem: Problem) -> anyhow::Error {
    anyhow!("{problem}")
}
