//! What one process of all does at a steady interval: whoever holds the lease is the leader, and looks after everything.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::TimeDelta;
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
/// How long a leader that is lost is waited for. Those who wait look every [`TICK`], so that another leads within 15 s.
const LEASE: Duration = Duration::from_secs(12);
/// How often it is renewed, or tried for.
const TICK: Duration = Duration::from_secs(3);

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

/// How often, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// Between two looks at servers and instances.
    pub(crate) health_interval: Duration,
    /// For which operations are kept after their end.
    pub(crate) operations_kept: TimeDelta,
}

/// Every duty there is.
fn duties(times: Times) -> Vec<Box<dyn Duty>> {
    vec![
        Box::new(Observer::new(times.health_interval)),
        Box::new(Polling::default()),
        Box::new(Rollup),
        Box::new(Evaluation::default()),
        Box::new(Expiry {
            operations: times.operations_kept,
        }),
    ]
}

/// Takes the lead whenever nobody has it, and keeps it until the process stops.
pub(crate) async fn lead(hands: Hands, id: Uuid, times: Times, stopping: CancellationToken) {
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut work: Option<JoinSet<()>> = None;
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = stopping.cancelled() => break,
        }
        let asked = Instant::now();
        let mine = async { leases::take(&mut *hands.store().connection().await?, LEADER, id, LEASE).await };
        match mine.await {
            Ok(true) => hands.lead().taken(asked, LEASE),
            Ok(false) => hands.lead().lost(),
            // It may be this process's for a while yet: it is tried again before that is over.
            Err(error) => tracing::warn!(%error, "the leader's lease could not be renewed"),
        }
        let mine = hands.leads();
        // A duty ends only where the lead was lost, be it for a moment.
        let is_left = work.as_mut().is_some_and(|work| work.try_join_next().is_some());
        if !mine || is_left {
            // Dropping the set ends its tasks.
            work = None;
        }
        if mine && work.is_none() {
            let mut duties_at_work = JoinSet::new();
            for duty in duties(times) {
                duties_at_work.spawn(repeat(hands.clone(), duty));
            }
            work = Some(duties_at_work);
        }
    }
    hands.lead().lost();
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
        match hands.lead().during(duty.fulfil(&hands)).await {
            Some(Ok(())) => {}
            Some(Err(problem)) => {
                tracing::warn!(duty = duty.name(), %problem, "a duty failed; it is tried again");
            }
            // Whoever leads now does it. Should it be this process again, it begins anew.
            None => {
                tracing::warn!(
                    duty = duty.name(),
                    "a duty was left: this process does not lead any more"
                );
                return;
            }
        }
    }
}
