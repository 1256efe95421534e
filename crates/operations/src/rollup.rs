//! What was measured is summed up, and dropped when its time is over: the leader's work.

use std::time::Duration;

use async_trait::async_trait;
use ocore_domain::Problem;
use ocore_store::metrics::{self, partitions};

use crate::{Hands, leader::Duty};

/// Sums up every minute that is over, and keeps the partitions.
pub(crate) struct Rollup;

#[async_trait]
impl Duty for Rollup {
    fn name(&self) -> &'static str {
        "rollup"
    }

    /// How often it is looked whether a minute is over.
    fn every(&self) -> Duration {
        Duration::from_secs(20)
    }

    async fn fulfil(&mut self, hands: &Hands) -> Result<(), Problem> {
        let mut conn = hands.store().own_connection().await?;
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
}
