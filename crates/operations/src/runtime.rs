//! Everything that works in the background of one process: the worker, and, when it leads, the duties of the leader.

use std::{path::PathBuf, sync::Arc, time::Duration};

use chrono::TimeDelta;
use ocore_domain::Problem;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    DEFINITIONS, Hands, alerts,
    engine::Limits,
    faults::Faults,
    leader, pulse,
    worker::{self, Bounds, Worker},
};

/// How much is done at once, and how often.
#[derive(Clone)]
pub struct RuntimeConfig {
    /// Operations at once in this process.
    pub workers: usize,
    /// Operations at once by all processes together.
    pub bounds: Bounds,
    /// How often servers and instances are looked at.
    pub health_interval: Duration,
    /// How long an operation is kept after its end, with its output.
    pub operations_kept: TimeDelta,
    /// Where oCore keeps what is its own on this machine: how full that is gets watched.
    pub data_dir: PathBuf,
    /// Faults on purpose; [`crate::faults::NoFaults`] outside tests.
    pub faults: Arc<dyn Faults>,
}

/// What works in the background of this process.
pub struct Runtime {
    hands: Hands,
    /// None in a process that takes nothing up.
    worker: Option<Arc<Worker>>,
    stopping: CancellationToken,
    leader: Uuid,
}

impl Runtime {
    /// Starts to work at what is this process's part.
    pub async fn start(hands: Hands, config: RuntimeConfig) -> Result<Self, Problem> {
        let stopping = CancellationToken::new();
        let worker = worker::Config {
            definitions: DEFINITIONS,
            concurrency: config.workers,
            bounds: config.bounds,
            faults: config.faults,
            limits: Limits::default(),
        };
        let roles = hands.roles();
        let worker = if roles.worker {
            tokio::spawn(alerts::deliver(hands.clone(), stopping.clone()));
            Some(Worker::start(hands.clone(), worker, stopping.clone()).await?)
        } else {
            None
        };
        let leader = Uuid::now_v7();
        if roles.leader {
            let (hands, stopping) = (hands.clone(), stopping.clone());
            let times = leader::Times {
                health_interval: config.health_interval,
                operations_kept: config.operations_kept,
            };
            tokio::spawn(leader::lead(hands, leader, times, stopping));
        }
        tokio::spawn(pulse::beat(
            hands.clone(),
            leader,
            config.data_dir,
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
        // First: another process need not wait until the last step here has ended.
        if self.hands.roles().leader {
            leader::resign(&self.hands, self.leader).await;
        }
        if let Some(worker) = &self.worker
            && timeout(grace, worker.stopped()).await.is_err()
        {
            self.hands.hard_stop().cancel();
            worker.stopped().await;
        }
    }
}
