//! Servers without a living agent are asked over SSH, once a minute: the leader's work.

mod counters;
mod sample;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::{FutureExt, StreamExt, stream};
use ocore_domain::{OrganizationId, Problem, ServerId};
use ocore_fleet::{Host, Script, Usage};
use ocore_store::metrics::{self, Source};
use ocore_telemetry::Batch;
use tokio::time::{Instant, timeout};

use crate::{Hands, leader::Duty};
use counters::Counters;

/// Servers asked at once.
const AT_ONCE: usize = 16;
/// How long one may take.
const LIMIT: Duration = Duration::from_secs(20);
/// Amounts since a look that is longer ago say nothing of now.
const OLDEST: Duration = Duration::from_secs(200);

/// One look at a server.
struct Look {
    taken: Instant,
    at: DateTime<Utc>,
    counters: Counters,
    containers: Vec<Usage>,
}

/// Asks servers without a living agent; remembers what each told the last time.
#[derive(Default)]
pub(crate) struct Polling {
    before: HashMap<ServerId, Look>,
}

#[async_trait]
impl Duty for Polling {
    fn name(&self) -> &'static str {
        "polling"
    }

    fn every(&self) -> Duration {
        Duration::from_secs(60)
    }

    async fn fulfil(&mut self, hands: &Hands) -> Result<(), Problem> {
        once(hands, &mut self.before).await
    }
}

async fn once(hands: &Hands, before: &mut HashMap<ServerId, Look>) -> Result<(), Problem> {
    let silent = metrics::without_agent(&mut *hands.store().connection().await?).await?;
    before.retain(|id, _| silent.iter().any(|(server, _)| server == id));
    let mut looks = stream::iter(silent)
        .map(|(server, organization)| {
            let hands = hands.clone();
            async move {
                let look = async { look_at(&*hands.host(server).await?).await };
                (server, organization, timeout(LIMIT, look).await)
            }
            .boxed()
        })
        .buffer_unordered(AT_ONCE);
    while let Some((server, organization, look)) = looks.next().await {
        let look = match look {
            Ok(Ok(look)) => look,
            // That it cannot be reached is the observer's to tell.
            Ok(Err(problem)) => {
                tracing::debug!(%server, %problem, "a server without an agent did not tell its figures");
                continue;
            }
            Err(_) => continue,
        };
        let earlier = before
            .get(&server)
            .filter(|earlier| earlier.taken.elapsed() < OLDEST);
        let batch = earlier.and_then(|earlier| sample::between(earlier, &look));
        before.insert(server, look);
        if let Some(batch) = batch
            && let Err(problem) = write(hands, organization, server, &batch).await
        {
            tracing::warn!(%server, %problem, "what a server told could not be written down");
        }
    }
    Ok(())
}

async fn look_at(host: &dyn Host) -> Result<Look, Problem> {
    let engine = host.engine().await?;
    let root = engine.info().await?.root_dir;
    let script = Script::new(counters::script(&root)).timeout(LIMIT);
    let (taken, at) = (Instant::now(), Utc::now());
    let text = host
        .run(script)
        .await?
        .success("Reading the machine's counters")?;
    let containers = engine.usage().await?;
    Ok(Look {
        taken,
        at,
        counters: Counters::read(&text),
        containers,
    })
}

async fn write(
    hands: &Hands,
    organization: OrganizationId,
    server: ServerId,
    batch: &Batch,
) -> Result<(), Problem> {
    let mut conn = hands.store().connection().await?;
    metrics::ingest(&mut conn, organization, server, Source::Ssh, batch).await?;
    Ok(())
}
