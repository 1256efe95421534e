//! `graphile_worker` doing the same: named queues are its serial keys.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Result, anyhow, ensure};
use chrono::{DateTime, Utc};
use graphile_worker::{
    IntoTaskHandlerResult, JobSpec, JobSpecBuilder, LocalQueueConfig, TaskHandler, Worker, WorkerContext,
    WorkerOptions,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::time::{Instant, sleep};

use crate::{
    latency::{PAUSE, SAMPLES, millis},
    queue::{CONCURRENCY, CONNECTIONS, Drained, KEYS, OPERATIONS, settle},
};

static DONE: AtomicUsize = AtomicUsize::new(0);
static OVERLAPS: AtomicU32 = AtomicU32::new(0);
static RUNNING: [AtomicBool; KEYS] = [const { AtomicBool::new(false) }; KEYS];
static LATENCIES: Mutex<Vec<f64>> = Mutex::new(Vec::new());

#[derive(Clone, Deserialize, Serialize)]
struct Noop {
    key: Option<usize>,
    asked: Option<DateTime<Utc>>,
}

impl TaskHandler for Noop {
    const IDENTIFIER: &'static str = "noop";

    async fn run(self, _: WorkerContext) -> impl IntoTaskHandlerResult {
        if let Some(asked) = self.asked {
            let latency = millis(Utc::now() - asked);
            LATENCIES
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(latency);
        }
        if let Some(key) = self.key {
            if RUNNING[key].swap(true, Ordering::SeqCst) {
                OVERLAPS.fetch_add(1, Ordering::Relaxed);
            }
            // As if there were something to wait for.
            tokio::task::yield_now().await;
            RUNNING[key].store(false, Ordering::SeqCst);
        }
        DONE.fetch_add(1, Ordering::SeqCst);
        Ok::<(), String>(())
    }
}

pub struct Graphile {
    pool: PgPool,
}

impl Graphile {
    pub async fn connect(url: &SecretString) -> Result<Self> {
        let pool = PgPoolOptions::new()
            .min_connections(2)
            .max_connections(CONNECTIONS)
            .connect(url.expose_secret())
            .await?;
        let graphile = Self { pool };
        // Its migrations.
        graphile.worker(1).await?;
        Ok(graphile)
    }

    pub async fn close(self) {
        self.pool.close().await;
    }

    async fn worker(&self, concurrency: usize) -> Result<Worker> {
        WorkerOptions::default()
            .concurrency(concurrency)
            .schema("graphile_worker")
            .define_job::<Noop>()
            .pg_pool(self.pool.clone())
            .local_queue(LocalQueueConfig::default().with_size(500))
            .complete_job_batch_delay(Duration::from_millis(5))
            .listen_os_shutdown_signals(false)
            .init()
            .await
            .map_err(|error| anyhow!("graphile_worker: {error}"))
    }

    async fn empty(&self) -> Result<()> {
        sqlx::raw_sql("truncate graphile_worker._private_jobs, graphile_worker._private_job_queues cascade")
            .execute(&self.pool)
            .await?;
        DONE.store(0, Ordering::SeqCst);
        OVERLAPS.store(0, Ordering::SeqCst);
        Ok(())
    }

    pub async fn drain(&self, keys: Option<usize>) -> Result<Drained> {
        self.empty().await?;
        let worker = self.worker(CONCURRENCY).await?;
        let utils = worker.create_utils();
        let jobs: Vec<(Noop, JobSpec)> = (0..OPERATIONS)
            .map(|i| {
                let key = keys.map(|keys| i % keys);
                let spec = match key {
                    Some(key) => JobSpecBuilder::new().queue_name(format!("key-{key}")).build(),
                    None => JobSpec::default(),
                };
                (Noop { key, asked: None }, spec)
            })
            .collect();
        for part in jobs.chunks(2000) {
            let part: Vec<(Noop, &JobSpec)> = part.iter().map(|(job, spec)| (job.clone(), spec)).collect();
            utils
                .add_jobs(&part)
                .await
                .map_err(|error| anyhow!("graphile_worker: {error}"))?;
        }
        settle(&self.pool, "graphile_worker._private_jobs").await?;

        let began = Instant::now();
        let running = async {
            worker
                .run()
                .await
                .map_err(|error| anyhow!("graphile_worker: {error}"))
        };
        let watching = async {
            while sqlx::query_scalar("select exists (select from graphile_worker._private_jobs)")
                .fetch_one(&self.pool)
                .await?
            {
                ensure!(
                    began.elapsed() < Duration::from_secs(180),
                    "graphile_worker does not end"
                );
                sleep(Duration::from_millis(5)).await;
            }
            let time = began.elapsed();
            worker.request_shutdown();
            Ok(time)
        };
        let ((), time) = tokio::try_join!(running, watching)?;
        let done = DONE.load(Ordering::SeqCst);
        ensure!(done >= OPERATIONS, "graphile_worker did {done} of {OPERATIONS}");
        Ok(Drained {
            time,
            overlaps: OVERLAPS.load(Ordering::Relaxed),
        })
    }

    pub async fn latencies(&self) -> Result<Vec<f64>> {
        self.empty().await?;
        settle(&self.pool, "graphile_worker._private_jobs").await?;
        let worker = self.worker(8).await?;
        let utils = worker.create_utils();
        let running = async {
            worker
                .run()
                .await
                .map_err(|error| anyhow!("graphile_worker: {error}"))
        };
        let asking = async {
            sleep(Duration::from_secs(1)).await;
            for sample in 0..SAMPLES {
                let spec = JobSpecBuilder::new()
                    .queue_name(format!("key-{}", sample % KEYS))
                    .build();
                let asked = Some(Utc::now());
                let job = Noop { key: None, asked };
                utils
                    .add_job(job, spec)
                    .await
                    .map_err(|error| anyhow!("graphile_worker: {error}"))?;
                sleep(PAUSE).await;
            }
            sleep(Duration::from_secs(2)).await;
            worker.request_shutdown();
            Ok(())
        };
        tokio::try_join!(running, asking)?;
        Ok(std::mem::take(
            &mut *LATENCIES.lock().unwrap_or_else(PoisonError::into_inner),
        ))
    }
}
