//! What one process of all does at a steady interval: whoever holds the lease is the leader, and looks after everything.

use std::time::Duration;

use async_trait::async_trait;
use ocore_domain::Problem;
use ocore_store::leases;
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    Hands, alerts::Evaluation, expiry::Expiry, observer::Observer, polling::Polling, rollup::Rollup,
};

/// The one process that looks after everything holds this lease.
const LEADER: &str = "leader";
/// How long a leader that is lost is waited for.
const LEASE: Duration = Duration::from_secs(15);

/// Something that the leader does again and again, beside its other duties. What it remembers is lost with the lead: what
/// must not be lost stands in the database.
#[async_trait]
pub(crate) trait Duty: Send + 'static {
    /// What it is, for the log.
    fn name(&self) -> &'static str;

    /// How often it is done. One that takes longer is not done twice at once.
    fn every(&self) -> Duration;

    /// Does it once.
    async fn fulfil(&mut self, hands: &Hands) -> Result<(), Problem>;
}

/// Every duty there is.
fn duties(health_interval: Duration) -> Vec<Box<dyn Duty>> {
    vec![
        Box::new(Observer::new(health_interval)),
        Box::new(Polling::default()),
        Box::new(Rollup),
        Box::new(Evaluation),
        Box::new(Expiry),
    ]
}

/// Takes the lead whenever nobody has it, and keeps it until the process stops.
pub(crate) async fn lead(hands: Hands, id: Uuid, health_interval: Duration, stopping: CancellationToken) {
    let mut tick = interval(LEASE / 3);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut work: Option<JoinSet<()>> = None;
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = stopping.cancelled() => break,
        }
        let mine = async { leases::take(&mut *hands.store().connection().await?, LEADER, id, LEASE).await };
        let mine = mine.await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the leader's lease could not be renewed");
            false
        });
        hands.set_leads(mine);
        match (mine, &work) {
            (true, None) => {
                let mut duties_at_work = JoinSet::new();
                for duty in duties(health_interval) {
                    duties_at_work.spawn(repeat(hands.clone(), duty));
                }
                work = Some(duties_at_work);
            }
            // Dropping the set ends its tasks.
            (false, Some(_)) => work = None,
            _ => {}
        }
    }
    hands.set_leads(false);
}

/// Gives the lead back, so that another process need not wait for the lease to run out.
pub(crate) async fn resign(hands: &Hands, id: Uuid) {
    if let Ok(mut conn) = hands.store().connection().await {
        let _ = leases::release(&mut conn, LEADER, id).await;
    }
}

async fn repeat(hands: Hands, mut duty: Box<dyn Duty>) {
    let mut tick = interval(duty.every());
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tick.tick().await;
        if let Err(problem) = duty.fulfil(&hands).await {
            tracing::warn!(duty = duty.name(), %problem, "a duty failed; it is tried again");
        }
    }
}
