//! Claims operations and runs them, as many at once as there is room for.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::FutureExt;
use ocore_domain::{Code, Problem, WorkerId, operation::OperationState};
use ocore_store::operations::{self, ClaimName, Claimed, Claims, Finish, Terms};
use rand::RngExt;
use tokio::{
    sync::{Notify, Semaphore},
    task::AbortHandle,
    time::{Instant, interval, sleep},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Hands,
    engine::{self, Definition, LetGo, Limits, Shared},
    faults::Faults,
    only_waits,
};

#[cfg(test)]
mod tests;

/// How often a worker says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(4);
/// After how much silence a worker is given up for lost.
const SILENCE: Duration = Duration::from_secs(15);
/// After how long it is tried again to give something back.
const AGAIN: Duration = Duration::from_secs(1);
/// An operation that was claimed this often and never ended is ended as failed.
const CLAIMS: i32 = 50;

/// How much may be at work at once, by all processes together.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    /// On one server.
    pub per_server: i64,
    /// Of one organization; none: as much as there is room for.
    pub per_organization: Option<i64>,
    /// Of some kinds.
    pub per_kind: Vec<(String, i64)>,
}

/// What a worker executes, and how much of it at once.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) definitions: &'static [&'static Definition],
    pub(crate) concurrency: usize,
    pub(crate) bounds: Bounds,
    pub(crate) faults: Arc<dyn Faults>,
    pub(crate) limits: Limits,
}

/// What runs.
type Running = HashMap<ClaimName, AbortHandle>;

pub(crate) struct Worker {
    hands: Hands,
    shared: Shared,
    config: Config,
    id: Mutex<WorkerId>,
    room: Arc<Semaphore>,
    room_made: Notify,
    running: Mutex<Running>,
    beat: Mutex<Option<AbortHandle>>,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

impl Worker {
    /// Makes a worker known and starts it.
    pub(crate) async fn start(
        hands: Hands,
        config: Config,
        stopping: CancellationToken,
    ) -> Result<Arc<Self>, Problem> {
        let host = host_name();
        let mut conn = hands.store().connection().await?;
        bury_the_dead(&mut conn, &host).await?;
        let id = WorkerId::new();
        operations::register_worker(&mut conn, id, &host, std::process::id()).await?;
        drop(conn);
        let worker = Arc::new(Self {
            shared: Shared::start(&hands),
            hands,
            room: Arc::new(Semaphore::new(config.concurrency)),
            config,
            id: Mutex::new(id),
            room_made: Notify::new(),
            running: Mutex::default(),
            beat: Mutex::default(),
            tasks: TaskTracker::new(),
            stopping,
        });
        let beat = tokio::spawn(worker.clone().beat(host)).abort_handle();
        *worker.beat.lock().unwrap_or_else(PoisonError::into_inner) = Some(beat);
        worker.tasks.spawn(worker.clone().claim_and_run());
        Ok(worker)
    }

    /// Waits until nothing runs here any more, then takes the worker out of the list.
    pub(crate) async fn stopped(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        // Before the worker leaves the list, or the next beat would enter it anew.
        if let Some(beat) = self.beat.lock().unwrap_or_else(PoisonError::into_inner).take() {
            beat.abort();
        }
        if let Ok(mut conn) = self.hands.store().connection().await {
            let _ = operations::unregister_worker(&mut conn, self.id()).await;
            // What was claimed and could not be given back is freed for others at once.
            let _ = operations::rescue(&mut conn, SILENCE).await;
        }
    }

    fn id(&self) -> WorkerId {
        *self.id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn terms(&self) -> Terms {
        let kinds = || self.config.definitions.iter().map(|definition| definition.kind);
        let bounds = &self.config.bounds;
        Terms {
            kinds: kinds().map(str::to_owned).collect(),
            waiting_kinds: kinds()
                .filter(|kind| only_waits(kind))
                .map(str::to_owned)
                .collect(),
            per_group: bounds.per_server,
            per_organization: bounds.per_organization,
            per_kind: bounds.per_kind.clone(),
        }
    }

    async fn claim_and_run(self: Arc<Self>) {
        let terms = self.terms();
        // Operations without steps are over as soon as they are claimed. They end in the transaction of the next claim,
        // which finds their keys free: one commit for both, and no claim in between that finds every key taken.
        let mut ended = Vec::new();
        let mut claims = Claims::new(self.hands.store().clone());
        while !self.stopping.is_cancelled() {
            let free = self.room.available_permits();
            let claimed = self.end_and_claim(&mut claims, &mut ended, &terms, free).await;
            let full = claimed.len() == free;
            let nothing = claimed.is_empty();
            for claim in claimed {
                ended.extend(self.clone().spawn(claim).await);
            }
            if nothing || (full && ended.is_empty()) {
                // A notification can be lost with its connection: look by yourself now and then.
                let poll = Duration::from_millis(rand::rng().random_range(800..1200));
                tokio::select! {
                    () = self.hands.notifications().queue(), if !full => {}
                    () = self.room_made.notified() => {}
                    () = sleep(poll) => {}
                    () = self.stopping.cancelled() => {}
                }
            }
        }
        self.end_and_claim(&mut claims, &mut ended, &terms, 0).await;
    }

    /// Ends what is over, many in one statement, and claims as much as there is room for.
    async fn end_and_claim(
        &self,
        claims: &mut Claims,
        ended: &mut Vec<Finish>,
        terms: &Terms,
        room: usize,
    ) -> Vec<Claimed> {
        if ended.is_empty() && room == 0 {
            return Vec::new();
        }
        let doubtful = claims.is_doubtful();
        let claimed = async {
            let mut tx = claims.begin().await?;
            if doubtful {
                let held: Vec<_> = self.running().keys().copied().collect();
                let ended = ended.iter().map(|end| end.claim);
                operations::free_unheard(&mut tx, self.id(), held.into_iter().chain(ended)).await?;
            }
            if !ended.is_empty() {
                operations::finish_many(&mut tx, ended).await?;
            }
            let room = i64::try_from(room).unwrap_or(i64::MAX);
            operations::claim(tx, self.id(), terms, room).await
        };
        match claimed.await {
            Ok(claimed) => {
                ended.clear();
                claims.settled();
                claimed
            }
            Err(error) => {
                tracing::warn!(%error, "no operation could be claimed");
                claims.reconnect();
                Vec::new()
            }
        }
    }

    /// Starts what was claimed; answers its end where it has nothing to do.
    async fn spawn(self: Arc<Self>, claim: Claimed) -> Option<Finish> {
        let permit = self.room.clone().acquire_owned().await.ok()?;
        let definition = self
            .config
            .definitions
            .iter()
            .copied()
            .find(|d| d.kind == claim.kind)?;
        if definition.steps.is_empty() {
            return Some(Finish::of(&claim, OperationState::Done));
        }
        let (name, worker) = (claim.name(), self.clone());
        let permit = if only_waits(definition.kind) {
            drop(permit);
            self.room_made.notify_one();
            None
        } else {
            Some(permit)
        };
        // Held until the handle is in: a task that ends at once finds it there to take out.
        let mut running = self.running();
        let work = self.tasks.spawn(async move {
            if AssertUnwindSafe(worker.run(definition, claim.clone()))
                .catch_unwind()
                .await
                .is_err()
            {
                tracing::error!(operation = %name.operation, "a step panicked");
                worker.give_back(&claim).await;
            }
            worker.running().remove(&name);
            drop(permit);
            worker.room_made.notify_one();
        });
        running.insert(name, work.abort_handle());
        None
    }

    async fn run(&self, definition: &'static Definition, claim: Claimed) {
        let (id, kind) = (claim.id, definition.kind);
        if claim.attempt > CLAIMS {
            return self.give_up(definition, &claim).await;
        }
        tracing::info!(operation = %id, kind, attempt = claim.attempt, "operation claimed");
        let ended = engine::run(
            self.hands.clone(),
            &self.shared,
            definition,
            claim.clone(),
            self.config.faults.clone(),
            self.config.limits,
            self.stopping.clone(),
        );
        match ended.await {
            Ok(state) => tracing::info!(operation = %id, kind, %state, "operation ended"),
            Err(LetGo::Released) => tracing::info!(operation = %id, kind, "operation given back"),
            Err(LetGo::Fenced) => {
                tracing::warn!(operation = %id, kind, "operation let go");
                self.give_back(&claim).await;
            }
        }
    }

    /// Gives back what this worker could not end, to be tried again after a pause. Misses if another has it already. While the
    /// database cannot be had it is tried on: this worker lives, so nobody would take from it what it does not do.
    async fn give_back(&self, claim: &Claimed) {
        let pause = Duration::from_secs(u64::from(claim.attempt.unsigned_abs().min(12)) * 5);
        loop {
            let given = async {
                let mut conn = self.hands.store().connection().await?;
                operations::release(&mut conn, claim, pause).await
            };
            match given.await {
                // One that stops leaves the list, and what it held is freed.
                Err(error) if error.is_unavailable() && !self.stopping.is_cancelled() => {
                    tracing::warn!(operation = %claim.id, %error, "it could not be given back; it is tried again");
                    sleep(AGAIN).await;
                }
                Err(error) => {
                    tracing::error!(operation = %claim.id, %error, "it could not be given back");
                    return;
                }
                Ok(()) => return,
            }
        }
    }

    async fn give_up(&self, definition: &Definition, claim: &Claimed) {
        let error = Problem::new(
            Code::Internal,
            format!("The operation was taken up {CLAIMS} times and never came to an end"),
            "Look into the log of `ocore serve` for the reason, mend it, and retry.",
        );
        let ended = async {
            let mut tx = self.hands.store().begin().await?;
            engine::end(&mut tx, definition, claim, OperationState::Failed, Some(&error)).await?;
            tx.commit().await?;
            Ok::<_, ocore_store::Error>(())
        };
        if ended.await.is_err()
            && let Ok(mut conn) = self.hands.store().connection().await
        {
            // Its subject will not have it: end it alone.
            let end = Finish::of(claim, OperationState::Failed);
            let _ = operations::finish(&mut conn, &end, Some(&error)).await;
        }
    }

    /// Says that this worker lives, and frees what lost ones held.
    async fn beat(self: Arc<Self>, host: String) {
        let mut tick = interval(HEARTBEAT);
        let mut since = Instant::now();
        // It goes on while the last operations end.
        loop {
            tick.tick().await;
            match self.beat_once(&host, since).await {
                Ok(()) => {}
                // The database was away, so others could not be heard: give them time before they are given up.
                Err(error) => {
                    tracing::warn!(%error, "the heartbeat was not written");
                    since = Instant::now();
                }
            }
        }
    }

    async fn beat_once(&self, host: &str, since: Instant) -> Result<(), ocore_store::Error> {
        let mut conn = self.hands.store().connection().await?;
        if !operations::heartbeat(&mut conn, self.id()).await? {
            // Given up for lost: what runs here has another worker now.
            tracing::error!("this worker was given up for lost; it starts anew");
            for (_, work) in self.running().drain() {
                work.abort();
            }
            let id = WorkerId::new();
            operations::register_worker(&mut conn, id, host, std::process::id()).await?;
            *self.id.lock().unwrap_or_else(PoisonError::into_inner) = id;
        }
        if since.elapsed() > SILENCE {
            let freed = operations::rescue(&mut conn, SILENCE).await?;
            if !freed.is_empty() {
                tracing::warn!(count = freed.len(), "operations of a lost worker are taken over");
            }
        }
        Ok(())
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A worker whose process is seen to be gone on this very host need not be waited for.
async fn bury_the_dead(conn: &mut ocore_store::PgConnection, host: &str) -> Result<(), ocore_store::Error> {
    for (id, pid) in operations::workers_on_host(conn, host).await? {
        let myself = u32::try_from(pid).is_ok_and(|pid| pid == std::process::id());
        let gone =
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None) == Err(nix::errno::Errno::ESRCH);
        if myself || gone {
            operations::unregister_worker(conn, id).await?;
        }
    }
    operations::rescue(conn, SILENCE).await?;
    Ok(())
}

fn host_name() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .unwrap_or_else(|| "unknown".to_owned())
}
