//! How long an operation waits on an idle queue before it starts.

use std::time::Duration;

use anyhow::{Result, ensure};
use chrono::{DateTime, Utc};
use ocore_operations::{Hands, noop};
use ocore_store::{Store, notifications::Notifications, operations};
use tokio::time::sleep;

use crate::queue::{empty, settle, start};

/// How many are enqueued, one at a time.
pub const SAMPLES: usize = 500;
/// The pause between two: the one before has long ended.
pub const PAUSE: Duration = Duration::from_millis(15);

/// Milliseconds from before the transaction that enqueues until the worker, having claimed, ends the operation.
///
/// A no-op ends where any other would start its first step, so `finished_at`, the time at which the transaction that
/// ends it begins, is an upper bound of its start.
pub async fn ours(store: &Store) -> Result<Vec<f64>> {
    empty(store.pool()).await?;
    // What the backlogs have left to be written is not what is measured here.
    settle(store.pool(), "operations").await?;
    let notifications = Notifications::listen(store.pool().clone());
    let hands = Hands::new(store.clone(), notifications.clone());
    // As many as `ocore serve` takes on two cores.
    let runtime = start(hands, 8).await?;
    sleep(Duration::from_secs(1)).await;
    let mut asked = Vec::new();
    for sample in 0..SAMPLES {
        let new = noop(Some(format!("key-{}", sample % 200)));
        let at = Utc::now();
        let mut tx = store.begin().await?;
        let id = operations::enqueue(&mut tx, &new).await?;
        tx.commit().await?;
        // As the API does.
        notifications.wake_queue();
        asked.push((id, at));
        sleep(PAUSE).await;
    }
    sleep(Duration::from_secs(2)).await;
    runtime.shutdown(Duration::from_secs(5)).await;

    let mut latencies = Vec::new();
    for (id, at) in asked {
        let finished: Option<DateTime<Utc>> =
            sqlx::query_scalar("select finished_at from operations where id = $1")
                .bind(id.uuid())
                .fetch_one(store.pool())
                .await?;
        latencies.extend(finished.map(|finished| millis(finished - at)));
    }
    ensure!(
        latencies.len() == SAMPLES,
        "{} of {SAMPLES} ended",
        latencies.len()
    );
    Ok(latencies)
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a short time")]
pub fn millis(time: chrono::TimeDelta) -> f64 {
    time.num_microseconds().unwrap_or(i64::MAX) as f64 / 1000.0
}
