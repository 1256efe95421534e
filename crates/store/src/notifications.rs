//! Notifications: who waits for a change hears of it at once, and polls only as a fallback.

use std::{
    collections::HashSet,
    mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ocore_domain::OperationId;
use sqlx::{PgConnection, PgPool, postgres::PgListener};
use tokio::{
    sync::{Notify, broadcast},
    time::{sleep, timeout},
};
use uuid::Uuid;

use crate::{
    Result,
    changes::{self, CHANGED, Changed},
};

pub(crate) const QUEUE: &str = "ocore_queue";
pub(crate) const OPERATION: &str = "ocore_operation";
const CANCEL: &str = "ocore_cancel";

/// How long changes of operations are gathered before it is asked whose they are.
const GATHER: Duration = Duration::from_millis(200);
/// How many of them are; of more it is not asked.
const MOST: usize = 4096;
/// After how much silence the connection is tried: a server that has become a standby, or that is gone without a word, tells
/// nothing any more.
const SILENCE: Duration = Duration::from_secs(15);
/// How long it may take to answer then.
const ANSWER: Duration = Duration::from_secs(5);
/// How often open pages ask anew where nothing can be heard.
const UNHEARD: Duration = Duration::from_secs(3);

/// Tells workers that there is something to claim. Heard when the transaction commits.
pub async fn queue_changed(conn: &mut PgConnection) -> Result<()> {
    sqlx::query("select pg_notify($1, '')")
        .bind(QUEUE)
        .execute(conn)
        .await?;
    Ok(())
}

/// Tells whoever watches an operation that it changed. Heard when the transaction commits.
pub async fn operation_changed(conn: &mut PgConnection, id: OperationId) -> Result<()> {
    sqlx::query("select pg_notify($1, $2)")
        .bind(OPERATION)
        .bind(id.to_string())
        .execute(conn)
        .await?;
    Ok(())
}

/// Tells the worker of an operation that it is to stop. Heard when the transaction commits.
pub async fn cancel_requested(conn: &mut PgConnection, id: OperationId) -> Result<()> {
    sqlx::query("select pg_notify($1, $2)")
        .bind(CANCEL)
        .bind(id.to_string())
        .execute(conn)
        .await?;
    Ok(())
}

/// What this process has heard. One connection listens for all of it.
#[derive(Clone, Debug)]
pub struct Notifications {
    queue: Arc<Notify>,
    operations: broadcast::Sender<OperationId>,
    cancels: broadcast::Sender<OperationId>,
    changes: broadcast::Sender<Changed>,
    moved: Arc<Moved>,
}

/// Operations that changed, and of which nobody who watches their organizations was told yet.
#[derive(Debug, Default)]
struct Moved {
    ids: Mutex<HashSet<Uuid>>,
    some: Notify,
}

impl Moved {
    fn add(&self, id: OperationId) {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.len() <= MOST {
            ids.insert(id.uuid());
        }
        self.some.notify_one();
    }

    fn take(&self) -> Vec<Uuid> {
        mem::take(&mut *self.ids.lock().unwrap_or_else(PoisonError::into_inner))
            .into_iter()
            .collect()
    }
}

impl Notifications {
    /// Starts to listen in the background; it reconnects for as long as the process lives.
    ///
    /// Whoever waits must poll as well: a notification sent while the connection was down is lost.
    pub fn listen(pool: PgPool) -> Self {
        let heard = Self::silent();
        let told = heard.clone();
        tokio::spawn(heard.clone().gather(pool.clone()));
        tokio::spawn(async move {
            loop {
                if let Err(error) = told.hear(&pool).await {
                    if pool.is_closed() {
                        return;
                    }
                    tracing::warn!(%error, "the notification connection broke; connecting again");
                }
                sleep(Duration::from_millis(500)).await;
            }
        });
        heard
    }

    /// What nothing is ever heard of.
    fn silent() -> Self {
        Self {
            queue: Arc::new(Notify::new()),
            operations: broadcast::channel(1024).0,
            cancels: broadcast::channel(1024).0,
            changes: broadcast::channel(1024).0,
            moved: Arc::default(),
        }
    }

    /// For where nothing can be heard, as behind a pooler: whoever waits polls anyhow, and open pages are told now and then
    /// that anything may have changed.
    pub fn poll(pool: PgPool) -> Self {
        let heard = Self::silent();
        let told = heard.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = sleep(UNHEARD) => told.change(Changed::ANYTHING),
                    () = pool.close_event() => return,
                }
            }
        });
        heard
    }

    async fn hear(&self, pool: &PgPool) -> Result<()> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen_all([QUEUE, OPERATION, CANCEL, CHANGED]).await?;
        // Something may have happened before we listened.
        self.queue.notify_one();
        self.change(Changed::ANYTHING);
        loop {
            let Ok(heard) = timeout(SILENCE, listener.try_recv()).await else {
                still_tells(&mut listener).await?;
                continue;
            };
            let Some(heard) = heard? else { return Ok(()) };
            match heard.channel() {
                QUEUE => self.queue.notify_one(),
                CANCEL => {
                    if let Ok(id) = heard.payload().parse() {
                        // No worker here is fine.
                        let _ = self.cancels.send(id);
                    }
                }
                CHANGED => {
                    if let Some(changed) = Changed::read(heard.payload()) {
                        self.change(changed);
                    }
                }
                _ => self.operation(heard.payload()),
            }
        }
    }

    /// An operation's id, and `line` behind it when nothing changed but that it said something.
    fn operation(&self, payload: &str) {
        let (id, said) = payload
            .split_once(' ')
            .map_or((payload, None), |(id, said)| (id, Some(said)));
        let Ok(id) = id.parse() else { return };
        // Nobody watching is fine.
        let _ = self.operations.send(id);
        if said.is_none() && self.changes.receiver_count() > 0 {
            self.moved.add(id);
        }
    }

    fn change(&self, changed: Changed) {
        // Nobody listening is fine.
        let _ = self.changes.send(changed);
    }

    /// Finds out whose the operations are that changed, for all at once: what is said of an operation is only its id, so
    /// that its own transactions do nothing more.
    async fn gather(self, pool: PgPool) {
        loop {
            tokio::select! {
                () = self.moved.some.notified() => {}
                () = pool.close_event() => return,
            }
            sleep(GATHER).await;
            let ids = self.moved.take();
            if ids.len() > MOST {
                self.change(Changed::ANYTHING);
            } else if !ids.is_empty() {
                match Self::whose(&pool, &ids).await {
                    Ok(changed) => changed.into_iter().for_each(|changed| self.change(changed)),
                    Err(error) => {
                        tracing::debug!(%error, "whose operations changed cannot be read now");
                        self.change(Changed::ANYTHING);
                    }
                }
            }
        }
    }

    async fn whose(pool: &PgPool, ids: &[Uuid]) -> Result<Vec<Changed>> {
        changes::of_operations(&mut *pool.acquire().await?, ids).await
    }

    /// Waits until there may be something to claim.
    pub async fn queue(&self) {
        self.queue.notified().await;
    }

    /// Wakes whoever waits for something to claim in this process.
    pub fn wake_queue(&self) {
        self.queue.notify_one();
    }

    /// The operations that change from now on.
    pub fn operations(&self) -> broadcast::Receiver<OperationId> {
        self.operations.subscribe()
    }

    /// The operations that somebody wishes to stop from now on.
    pub fn cancels(&self) -> broadcast::Receiver<OperationId> {
        self.cancels.subscribe()
    }

    /// What changes from now on, whosever it is.
    pub fn changes(&self) -> broadcast::Receiver<Changed> {
        self.changes.subscribe()
    }
}

/// Fails unless the connection leads to a server that tells of changes.
async fn still_tells(listener: &mut PgListener) -> Result<()> {
    let asked = sqlx::query_scalar::<_, String>("show transaction_read_only").fetch_one(listener);
    let read_only = timeout(ANSWER, asked)
        .await
        .unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
    if read_only == "off" {
        return Ok(());
    }
    let reason = "the server only reads: it tells of nothing";
    Err(sqlx::Error::Protocol(reason.to_owned()).into())
}
