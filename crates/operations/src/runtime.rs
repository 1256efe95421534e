//! Everything that works in the background of one process: the worker, and, in one process at a time, what is done
//! at a steady interval.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ocore_domain::Problem;
use ocore_store::leases;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    DEFINITIONS, Hands,
    engine::Limits,
    expiry,
    faults::Faults,
    observer::Observer,
    polling, rollup,
    worker::{self, Worker},
};

/// The one process that looks after everything holds this lease.
const LEADER: &str = "leader";
/// How long a leader that is lost is waited for.
const LEASE: Duration = Duration::from_secs(15);
/// How often what has expired is looked for.
const EXPIRY: Duration = Duration::from_secs(600);

static LEADS: AtomicBool = AtomicBool::new(false);

/// Whether this process leads.
pub fn leads() -> bool {
    LEADS.load(Ordering::Relaxed)
}

/// How much is done at once, and how often.
#[derive(Clone)]
pub struct RuntimeConfig {
    /// Operations at once in this process.
    pub workers: usize,
    /// Operations at once on one server, by all processes together.
    pub per_server: i64,
    /// How often servers and instances are looked at.
    pub health_interval: Duration,
    /// Faults on purpose; [`crate::faults::NoFaults`] outside tests.
    pub faults: Arc<dyn Faults>,
}

/// What works in the background of this process.
pub struct Runtime {
    hands: Hands,
    worker: Arc<Worker>,
    stopping: CancellationToken,
    leader: Uuid,
}

impl Runtime {
    /// Starts to work.
    pub async fn start(hands: Hands, config: RuntimeConfig) -> Result<Self, Problem> {
        let stopping = CancellationToken::new();
        let worker = worker::Config {
            definitions: DEFINITIONS,
            concurrency: config.workers,
            per_group: config.per_server,
            faults: config.faults,
            limits: Limits::default(),
        };
        let worker = Worker::start(hands.clone(), worker, stopping.clone()).await?;
        let leader = Uuid::now_v7();
        tokio::spawn(lead(
            hands.clone(),
            leader,
            config.health_interval,
            stopping.clone(),
        ));
        Ok(Self {
            hands,
            worker,
            stopping,
            leader,
        })
    }

    /// Takes up nothing more, lets running steps end within the grace, and gives back what is not at its end.
    pub async fn shutdown(self, grace: Duration) {
        self.stopping.cancel();
        if timeout(grace, self.worker.stopped()).await.is_err() {
            self.hands.hard_stop().cancel();
            self.worker.stopped().await;
        }
        if let Ok(mut conn) = self.hands.store().connection().await {
            let _ = leases::release(&mut conn, LEADER, self.leader).await;
        }
    }
}

async fn lead(hands: Hands, id: Uuid, every: Duration, stopping: CancellationToken) {
    let mut tick = interval(LEASE / 3);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut work: Option<(CancellationToken, tokio::task::JoinHandle<()>)> = None;
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = stopping.cancelled() => break,
        }
        let mine = async { leases::take(&mut *hands.store().connection().await?, LEADER, id, LEASE).await };
        let mine = mine.await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the leader's lease could not be renewed");
            false
        });
        LEADS.store(mine, Ordering::Relaxed);
        match (mine, &work) {
            (true, None) => {
                let stop = stopping.child_token();
                work = Some((stop.clone(), tokio::spawn(lead_on(hands.clone(), every, stop))));
            }
            (false, Some(_)) => {
                if let Some((stop, task)) = work.take() {
                    stop.cancel();
                    task.abort();
                }
            }
            _ => {}
        }
    }
    LEADS.store(false, Ordering::Relaxed);
    if let Some((_, task)) = work {
        task.abort();
    }
}

/// Everything the leader does, side by side: what waits for a server holds up nothing else.
async fn lead_on(hands: Hands, every: Duration, stop: CancellationToken) {
    tokio::select! {
        () = look_after(hands.clone(), every, stop) => (),
        () = rollup::keep_up(&hands) => (),
        () = polling::keep_up(&hands) => (),
    }
}

/// What the leader does at a steady interval.
async fn look_after(hands: Hands, every: Duration, stop: CancellationToken) {
    let mut look = interval(every);
    look.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut expire = interval(EXPIRY);
    let mut observer = Observer::default();
    loop {
        let done = tokio::select! {
            _ = look.tick() => observer.look(&hands).await,
            _ = expire.tick() => expiry::delete_expired(&hands).await,
            () = stop.cancelled() => return,
        };
        if let Err(problem) = done {
            tracing::warn!(%problem, "looking after servers and instances failed; it is tried again");
        }
    }
}
