//! Hears of the wish to stop what a worker runs: once for all of it, however many operations there are.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ocore_domain::OperationId;
use ocore_store::{
    Store,
    notifications::Notifications,
    operations::{self, Claimed},
};
use tokio::{
    sync::broadcast::error::RecvError,
    task::AbortHandle,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How often it is looked whether a wish was missed: one from between a claim and its watch, or one whose notification was lost.
const LOOK: Duration = Duration::from_secs(1);

/// What runs, and by what it is stopped; by which claim, since an operation may be claimed again before its last claim is let go.
type Running = HashMap<OperationId, (Uuid, CancellationToken)>;

/// Watches over the operations of one worker.
#[derive(Debug)]
pub(crate) struct Cancels {
    running: Arc<Mutex<Running>>,
    listening: AbortHandle,
}

/// One operation that is watched over, until this is dropped.
pub(crate) struct Watched<'a> {
    cancels: &'a Cancels,
    id: OperationId,
    claim: Uuid,
    cancelled: CancellationToken,
}

impl Cancels {
    /// Starts to listen, until this is dropped.
    pub(crate) fn start(store: &Store, notifications: &Notifications) -> Self {
        let running = Arc::default();
        let listening = listen(store.clone(), notifications.clone(), Arc::clone(&running));
        Self {
            running,
            listening: tokio::spawn(listening).abort_handle(),
        }
    }

    /// Watches over what was claimed. A wish from before the claim is known at once.
    pub(crate) fn watch(&self, claim: &Claimed) -> Watched<'_> {
        let cancelled = CancellationToken::new();
        if claim.cancel_requested {
            cancelled.cancel();
        }
        locked(&self.running).insert(claim.id, (claim.token, cancelled.clone()));
        Watched {
            cancels: self,
            id: claim.id,
            claim: claim.token,
            cancelled,
        }
    }
}

impl Drop for Cancels {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Watched<'_> {
    /// Cancelled when somebody wishes the operation to stop.
    pub(crate) fn token(&self) -> CancellationToken {
        self.cancelled.clone()
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        let mut running = locked(&self.cancels.running);
        if running
            .get(&self.id)
            .is_some_and(|(claim, _)| *claim == self.claim)
        {
            running.remove(&self.id);
        }
    }
}

async fn listen(store: Store, notifications: Notifications, running: Arc<Mutex<Running>>) {
    let mut wishes = notifications.cancels();
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            wish = wishes.recv() => match wish {
                // It is told in the transaction that writes it down.
                Ok(id) => cancel(&running, &[id]),
                Err(RecvError::Lagged(_)) => look.reset_immediately(),
                Err(RecvError::Closed) => return,
            },
            _ = look.tick() => {
                let ids: Vec<Uuid> = locked(&running).keys().map(|id| id.uuid()).collect();
                if ids.is_empty() {
                    continue;
                }
                let asked = async { operations::cancel_requested(&mut *store.connection().await?, &ids).await };
                match asked.await {
                    Ok(asked) => cancel(&running, &asked),
                    Err(error) => tracing::debug!(%error, "it cannot be seen now what is to stop"),
                }
            }
        }
    }
}

fn cancel(running: &Mutex<Running>, ids: &[OperationId]) {
    let running = locked(running);
    for (_, cancelled) in ids.iter().filter_map(|id| running.get(id)) {
        cancelled.cancel();
    }
}

fn locked(running: &Mutex<Running>) -> MutexGuard<'_, Running> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}
