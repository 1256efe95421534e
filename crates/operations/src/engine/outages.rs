//! Operations on every version of PostgreSQL, and while it is killed and replaced, or the pooler in front of it is: none is
//! lost, and nothing that they did is done twice.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use ocore_domain::{OperationId, OrganizationId, Problem};
use ocore_store::{
    Sealer, Store,
    connect::Way,
    migrate,
    notifications::{self, Notifications},
    operations::{self, NewOperation},
    tenancy::Tenant,
};
use ocore_testbed::postgres::{PgBouncer, Postgres, Release, Switch, VERSIONS};
use serde_json::json;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{Ctx, Definition, Limits, Settle, secs, step};
use crate::{
    Hands,
    faults::NoFaults,
    worker::{self, Bounds, Worker},
};

/// Rounds of the long form, by this variable.
const ROUNDS: &str = "OCORE_OUTAGE_ROUNDS";
const ROLE: &str = "ocore";
const PASSWORD: &str = "ocore";

static WORK: Definition = Definition {
    kind: "work",
    steps: &[
        step!(one, "One", secs(30)),
        step!(two, "Two", secs(30)),
        step!(three, "Three", secs(30)),
    ],
    settle: Settle::Nothing,
    secrets: None,
};

const DEFINITIONS: &[&Definition] = &[&WORK];

/// What was done in the world, which no database keeps: by which claims each step of each operation, and when.
static DONE: Mutex<Option<World>> = Mutex::new(None);

type World = HashMap<(OperationId, &'static str), Vec<(i32, Instant)>>;

async fn does(ctx: &Ctx, step: &'static str) -> Result<(), Problem> {
    ctx.info("at it");
    sleep(Duration::from_millis(5)).await;
    DONE.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get_or_insert_default()
        .entry((ctx.operation(), step))
        .or_default()
        .push((ctx.attempt(), Instant::now()));
    Ok(())
}

async fn one(ctx: &Ctx) -> Result<(), Problem> {
    does(ctx, "one").await
}

async fn two(ctx: &Ctx) -> Result<(), Problem> {
    does(ctx, "two").await
}

async fn three(ctx: &Ctx) -> Result<(), Problem> {
    does(ctx, "three").await
}

/// What the engine says goes where the test's own words go.
fn listen() {
    let _ = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_test_writer()
        .try_init();
}

/// A role that owns a database and is no superuser, as on a managed service.
fn own(cluster: &Postgres) {
    for sql in [
        format!("create role {ROLE} login password '{PASSWORD}'"),
        "create role ocore_tenant nologin".to_owned(),
        format!("grant ocore_tenant to {ROLE}"),
        format!("create database {ROLE} owner {ROLE}"),
    ] {
        cluster.sql("postgres", &sql).unwrap();
    }
}

async fn open(port: u16, connections: u32) -> Store {
    let url = format!("postgres://{ROLE}:{PASSWORD}@127.0.0.1:{port}/{ROLE}");
    let sealer = Sealer::new(&"k".repeat(32).into(), &[]);
    Store::connect(&url.into(), 2..=connections, sealer)
        .await
        .unwrap()
}

/// A process that works.
struct Process {
    worker: Arc<Worker>,
    stopping: CancellationToken,
    store: Store,
    notifications: Notifications,
}

impl Process {
    async fn start(store: Store, notifications: Notifications) -> Self {
        let stopping = CancellationToken::new();
        let config = worker::Config {
            definitions: DEFINITIONS,
            concurrency: 16,
            bounds: Bounds {
                per_server: 4,
                per_organization: None,
                per_kind: Vec::new(),
            },
            faults: Arc::new(NoFaults),
            limits: Limits::default(),
        };
        let hands = Hands::new(store.clone(), notifications.clone());
        let worker = Worker::start(hands, config, stopping.clone()).await.unwrap();
        Self {
            worker,
            stopping,
            store,
            notifications,
        }
    }

    async fn stop(self) {
        self.stopping.cancel();
        self.worker.stopped().await;
        self.store.pool().close().await;
    }
}

/// Some who ask for operations all the time, and remember those that were promised.
struct Load {
    ending: CancellationToken,
    count: Arc<AtomicU32>,
    tasks: Vec<JoinHandle<(Vec<OperationId>, u32)>>,
}

impl Load {
    fn start(store: &Store) -> Self {
        let ending = CancellationToken::new();
        let count = Arc::new(AtomicU32::new(0));
        let one = |n| tokio::spawn(Self::ask(store.clone(), n, ending.clone(), count.clone()));
        Self {
            tasks: (0..6).map(one).collect(),
            ending,
            count,
        }
    }

    /// Waits until so many more were promised: a machine that has much else to do is not a slow database.
    async fn promises(&self, more: u32) {
        let until = Instant::now() + Duration::from_secs(60);
        let enough = self.count.load(Ordering::Relaxed) + more;
        while self.count.load(Ordering::Relaxed) < enough {
            assert!(Instant::now() < until, "nothing is promised any more");
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn ask(
        store: Store,
        mut n: u32,
        ended: CancellationToken,
        count: Arc<AtomicU32>,
    ) -> (Vec<OperationId>, u32) {
        let (mut promised, mut refused) = (Vec::new(), 0);
        while !ended.is_cancelled() {
            n += 7;
            match timeout(Duration::from_secs(30), enqueue(&store, n)).await {
                Ok(Ok(id)) => {
                    count.fetch_add(1, Ordering::Relaxed);
                    promised.push(id);
                }
                Ok(Err(error)) => {
                    assert!(error.is_unavailable(), "{error}");
                    refused += 1;
                }
                Err(late) => panic!("a request hangs: {late}"),
            }
            sleep(Duration::from_millis(10)).await;
        }
        (promised, refused)
    }

    /// What was promised, and how often nothing was.
    async fn end(self) -> (Vec<OperationId>, u32) {
        self.ending.cancel();
        let (mut promised, mut refused) = (Vec::new(), 0);
        for task in self.tasks {
            let (these, not) = task.await.unwrap();
            promised.extend(these);
            refused += not;
        }
        (promised, refused)
    }
}

async fn enqueue(store: &Store, n: u32) -> ocore_store::Result<OperationId> {
    let new = NewOperation {
        organization_id: OrganizationId::DEFAULT,
        kind: WORK.kind,
        subject: None,
        server_id: None,
        params: json!({}),
        serial_key: Some(format!("instance:{}", n % 20)),
        group_key: Some(format!("server:{}", n % 5)),
        priority: 0,
        steps: WORK.steps.iter().map(|step| (step.name, step.title)).collect(),
        retry_of: None,
    };
    let mut tx = store.begin().await?;
    let id = operations::enqueue_many(&mut tx, &[new]).await?[0];
    notifications::queue_changed(&mut tx).await?;
    tx.commit().await?;
    Ok(id)
}

/// Waits until nothing is left to do, and holds what was promised against what was done; then both are forgotten, so that a
/// thousand rounds cost the last one no more than the first. What is done again later is then of an operation nobody knows.
async fn settle(store: &Store, promised: &[OperationId]) -> u64 {
    let until = Instant::now() + Duration::from_secs(90);
    loop {
        let open = sqlx::query_scalar::<_, i64>("select count(*) from operations where finished_at is null")
            .fetch_one(store.pool())
            .await;
        match open {
            Ok(0) => break,
            open => assert!(Instant::now() < until, "still open: {open:?}"),
        }
        sleep(Duration::from_millis(200)).await;
    }
    let rows: Vec<(uuid::Uuid, String)> = sqlx::query_as("select id, state from operations")
        .fetch_all(store.pool())
        .await
        .unwrap();
    let done: HashSet<OperationId> = rows
        .iter()
        .map(|(id, state)| {
            assert_eq!(state, "done", "{id}");
            OperationId::from(*id)
        })
        .collect();
    let lost: Vec<_> = promised.iter().filter(|id| !done.contains(id)).collect();
    assert!(
        lost.is_empty(),
        "{} of {} are lost: {lost:?}",
        lost.len(),
        promised.len()
    );
    let mut world = DONE
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
        .unwrap_or_default();
    for id in &done {
        for step in WORK.steps {
            let times = world.remove(&(*id, step.name)).unwrap_or_default();
            assert!(
                times.len() == 1,
                "{id} did {} {} times, by claims {:?}",
                step.name,
                times.len(),
                times
                    .iter()
                    .map(|(claim, at)| (claim, at.elapsed()))
                    .collect::<Vec<_>>()
            );
        }
    }
    assert!(world.is_empty(), "done again: {world:?}");
    sqlx::query("delete from operations")
        .execute(store.pool())
        .await
        .unwrap();
    done.len() as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn every_version_serves() {
    for version in VERSIONS {
        let began = Instant::now();
        let cluster = Postgres::start(version, &[]).unwrap();
        own(&cluster);
        let store = open(cluster.port(), 10).await;
        assert_eq!(store.way(), Way::Direct);
        migrate(store.pool()).await.unwrap();
        let said: String = sqlx::query_scalar("show server_version")
            .fetch_one(store.pool())
            .await
            .unwrap();
        assert!(said.starts_with(&version.to_string()), "{said}");

        let process = Process::start(store.clone(), Notifications::listen(store.pool().clone())).await;
        let mut promised = Vec::new();
        for n in 0..20 {
            promised.push(enqueue(&store, n).await.unwrap());
        }
        settle(&store, &promised).await;
        // What was enqueued was heard of, and what the operations did is behind a wall.
        let mut heard = process.notifications.operations();
        let id = enqueue(&store, 0).await.unwrap();
        while timeout(Duration::from_secs(5), heard.recv())
            .await
            .unwrap()
            .unwrap()
            != id
        {}
        let mut tx = store
            .tenant(&Tenant::whole(OrganizationId::DEFAULT))
            .await
            .unwrap();
        let seen: i64 = sqlx::query_scalar("select count(*) from operations")
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        assert_eq!(seen, 1);
        tx.commit().await.unwrap();
        let mut tx = store
            .tenant(&Tenant::whole(uuid::Uuid::now_v7().into()))
            .await
            .unwrap();
        let seen: i64 = sqlx::query_scalar("select count(*) from operations")
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        assert_eq!(seen, 0);
        drop(tx);
        settle(&store, &[id]).await;
        process.stop().await;
        println!("PostgreSQL {said}: {:.1} s", began.elapsed().as_secs_f64());
    }
}

/// With a synchronous standby nothing that was promised is lost, and with the walls of claims nothing is done twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_is_killed_and_replaced_loses_nothing() {
    listen();
    let rounds: u32 = std::env::var(ROUNDS).map_or(1, |rounds| rounds.parse().unwrap());
    let mut primary = Postgres::start_packaged(&["max_connections=60", "wal_level=replica"]).unwrap();
    own(&primary);
    let switch = Switch::to(primary.port()).unwrap();
    let store = open(switch.port(), 20).await;
    migrate(store.pool()).await.unwrap();
    let process = Process::start(store.clone(), Notifications::listen(store.pool().clone())).await;
    let (mut away, mut refused_in_all) = (Vec::new(), 0);
    let (mut promised_in_all, mut done_in_all) = (0, 0);
    for round in 0..rounds {
        let standby = primary.standby("second").unwrap();
        primary
            .sql(
                "postgres",
                "alter system set synchronous_standby_names = 'second'",
            )
            .unwrap();
        primary.sql("postgres", "select pg_reload_conf()").unwrap();
        // Commits wait for the standby once the checkpointer has seen the setting, which it does before it begins another.
        primary.sql("postgres", "checkpoint").unwrap();
        let follows = "select count(*) from pg_stat_replication where sync_state = 'sync'";
        while primary.sql("postgres", follows).unwrap() != "1" {
            sleep(Duration::from_millis(50)).await;
        }
        let load = Load::start(&store);
        load.promises(200).await;

        primary.kill().unwrap();
        let killed = Instant::now();
        // The address leads to the standby before that is told to take over: for a while there is one that only reads.
        switch.lead(standby.port());
        switch.cut();
        sleep(Duration::from_millis(1500)).await;
        standby.promote().unwrap();
        while enqueue(&store, 7).await.is_err() {
            assert!(
                killed.elapsed() < Duration::from_secs(30),
                "the new primary is not found"
            );
        }
        away.push(killed.elapsed());
        load.promises(200).await;
        let (promised, refused) = load.end().await;
        promised_in_all += promised.len();
        refused_in_all += refused;
        done_in_all += settle(&store, &promised).await;
        println!(
            "round {round}: {promised_in_all} promised in all, {refused_in_all} refused, {done_in_all} done; away for \
             {:.1} s, of which 1.5 s nobody was primary",
            away[away.len() - 1].as_secs_f64()
        );
        primary = standby;
    }
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_is_restarted_loses_nothing() {
    listen();
    let rounds: u32 = std::env::var(ROUNDS).map_or(3, |rounds| rounds.parse().unwrap());
    let cluster = Postgres::start(17, &[]).unwrap();
    own(&cluster);
    let settings = "max_prepared_statements = 200\ndefault_pool_size = 8";
    let mut bouncer =
        PgBouncer::start(Release::Trixie, cluster.port(), &[(ROLE, PASSWORD)], settings).unwrap();
    let (store, direct) = (open(bouncer.port(), 20).await, open(cluster.port(), 2).await);
    assert_eq!((store.way(), direct.way()), (Way::Pooled, Way::Direct));
    migrate(direct.pool()).await.unwrap();
    let process = Process::start(store.clone(), Notifications::listen(direct.pool().clone())).await;
    let (mut promised_in_all, mut refused_in_all, mut done_in_all) = (0, 0, 0);
    for round in 0..rounds {
        let load = Load::start(&store);
        load.promises(100).await;
        bouncer.kill().unwrap();
        sleep(Duration::from_millis(300)).await;
        bouncer.run().unwrap();
        load.promises(20).await;
        let (promised, refused) = load.end().await;
        promised_in_all += promised.len();
        refused_in_all += refused;
        done_in_all += settle(&store, &promised).await;
        println!(
            "round {round}: {promised_in_all} promised in all, {refused_in_all} refused, {done_in_all} done"
        );
    }
    process.stop().await;
}
