//! Alerts: evaluated by whoever leads, delivered by every process.

mod deliver;
mod evaluate;
mod tell;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use ocore_domain::Problem;
use ocore_store::{alerts::events, availability, deliveries, people_told};

pub(crate) use deliver::deliver;
pub use deliver::{MAX_ATTEMPTS, deliver_now};
pub use evaluate::evaluate;
use evaluate::{Judged, evaluate_news};
pub use tell::{Told, tell, test_deliveries, vapid};

use crate::{Hands, leader::Duty};

/// Evaluates the rules. A server that died is alerted of this long after it is known.
#[derive(Default)]
pub(crate) struct Evaluation {
    judged: Judged,
}

#[async_trait]
impl Duty for Evaluation {
    fn name(&self) -> &'static str {
        "evaluation"
    }

    fn every(&self) -> Duration {
        Duration::from_secs(5)
    }

    async fn fulfil(&mut self, hands: &Hands) -> Result<(), Problem> {
        evaluate_news(hands, &mut self.judged).await
    }
}

/// How long ended alerts, finished deliveries and past availability are kept.
const KEPT: TimeDelta = TimeDelta::days(90);

/// Deletes what is older.
pub(crate) async fn delete_old(hands: &Hands) -> Result<(), Problem> {
    let before = Utc::now() - KEPT;
    let mut conn = hands.store().connection().await?;
    deliveries::prune(&mut conn, before).await?;
    events::prune(&mut conn, before).await?;
    availability::prune(&mut conn, before).await?;
    people_told::prune(&mut conn, before).await?;
    Ok(())
}
