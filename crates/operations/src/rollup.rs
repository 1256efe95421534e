//! What was measured is summed up, and dropped when its time is over: the leader's work.

use std::time::Duration;

use ocore_domain::Problem;
use ocore_store::metrics::{self, partitions};
use tokio::time::{MissedTickBehavior, interval};

use crate::Hands;

/// How often it is looked whether a minute is over.
const OFTEN: Duration = Duration::from_secs(20);

/// Does it until it is dropped.
pub(crate) async fn keep_up(hands: &Hands) {
    let mut tick = interval(OFTEN);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(problem) = once(hands).await {
            tracing::warn!(%problem, "what was measured could not be summed up; it is tried again");
        }
    }
}

async fn once(hands: &Hands) -> Result<(), Problem> {
    let mut conn = hands.store().connection().await?;
    let partitions = partitions::maintain(&mut conn).await?;
    if partitions.made + partitions.dropped > 0 {
        tracing::debug!(?partitions, "partitions were made or dropped");
    }
    let made = metrics::roll_up(&mut conn).await?;
    if made.late > 0 {
        tracing::debug!(?made, "samples came late");
    }
    Ok(())
}
