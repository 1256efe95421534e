//! Notifications: who waits for a change hears of it at once, and polls only as a fallback.

use std::{sync::Arc, time::Duration};

use ocore_domain::OperationId;
use sqlx::{PgConnection, PgPool, postgres::PgListener};
use tokio::sync::{Notify, broadcast};

use crate::Result;

pub(crate) const QUEUE: &str = "ocore_queue";
pub(crate) const OPERATION: &str = "ocore_operation";

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

/// What this process has heard. One connection listens for all of it.
#[derive(Clone, Debug)]
pub struct Notifications {
    queue: Arc<Notify>,
    operations: broadcast::Sender<OperationId>,
}

impl Notifications {
    /// Starts to listen in the background; it reconnects for as long as the process lives.
    ///
    /// Whoever waits must poll as well: a notification sent while the connection was down is lost.
    pub fn listen(pool: PgPool) -> Self {
        let heard = Self {
            queue: Arc::new(Notify::new()),
            operations: broadcast::channel(1024).0,
        };
        let told = heard.clone();
        tokio::spawn(async move {
            loop {
                if let Err(error) = told.hear(&pool).await {
                    if pool.is_closed() {
                        return;
                    }
                    tracing::warn!(%error, "the notification connection broke; connecting again");
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        });
        heard
    }

    async fn hear(&self, pool: &PgPool) -> Result<()> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen_all([QUEUE, OPERATION]).await?;
        // Something may have happened before we listened.
        self.queue.notify_one();
        while let Some(heard) = listener.try_recv().await? {
            if heard.channel() == QUEUE {
                self.queue.notify_one();
            } else if let Ok(id) = heard.payload().parse() {
                // Nobody watching is fine.
                let _ = self.operations.send(id);
            }
        }
        Ok(())
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
}
