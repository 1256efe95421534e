//! How this process and its machine do: what advice about oCore itself is drawn from.

mod machine;

use std::{
    collections::BTreeMap,
    mem::take,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use ocore_domain::{Code, Problem, ServerId};
use ocore_store::{
    Store,
    advice::{self, Sample},
};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use machine::{Look, Machine};

/// How often a sample is kept.
const EVERY: Duration = Duration::from_secs(30);
/// How often the database is asked for nothing but its answer.
const PING: Duration = Duration::from_secs(3);
/// Times are kept up to this; what takes longer counts as this.
const LONGEST: Duration = Duration::from_secs(60);

/// Counts what happens in this process until it is told.
#[derive(Debug, Default)]
pub struct Pulse(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    answers: Times,
    database: Times,
    pool: Times,
    ssh_tries: i32,
    ssh_timeouts: BTreeMap<Uuid, i32>,
}

/// Times in microseconds, two digits exact.
#[derive(Debug)]
struct Times(Option<Histogram<u32>>);

impl Default for Times {
    fn default() -> Self {
        let longest = u64::try_from(LONGEST.as_micros()).unwrap_or(u64::MAX);
        // None only for bounds that make no sense, which these are not.
        Self(Histogram::new_with_bounds(1, longest, 2).ok())
    }
}

impl Times {
    fn add(&mut self, took: Duration) {
        if let Some(times) = &mut self.0 {
            times.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        }
    }

    fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, Histogram::len)
    }

    /// Milliseconds within which 95 of 100 were done; none: there were none.
    fn p95_ms(&self) -> Option<f32> {
        let times = self.0.as_ref().filter(|times| !times.is_empty())?;
        #[expect(clippy::cast_precision_loss, reason = "at most a minute in microseconds")]
        let micros = times.value_at_quantile(0.95) as f32;
        Some(micros / 1000.0)
    }
}

impl Pulse {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Counts are whole after each line that changes them.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request was answered. Of a stream that is its beginning: it lasts for as long as somebody looks.
    pub fn answered(&self, took: Duration) {
        self.counts().answers.add(took);
    }

    /// A server was tried over SSH.
    pub(crate) fn tried<T>(&self, server: ServerId, tried: &Result<T, Problem>) {
        let mut counts = self.counts();
        counts.ssh_tries = counts.ssh_tries.saturating_add(1);
        let in_vain = [Code::SshUnreachable, Code::SshConnectionLost];
        if let Err(problem) = tried
            && in_vain.contains(&problem.code)
        {
            *counts.ssh_timeouts.entry(server.uuid()).or_default() += 1;
        }
    }

    /// Asks the database for nothing, to see how long that takes: for a connection, and for an answer.
    async fn ping(&self, store: &Store) {
        let asked = Instant::now();
        let Ok(mut conn) = store.connection().await else {
            return self.counts().pool.add(asked.elapsed());
        };
        let had = Instant::now();
        let answered = advice::ping(&mut conn).await;
        let mut counts = self.counts();
        counts.pool.add(had - asked);
        if answered.is_ok() {
            counts.database.add(had.elapsed());
        }
    }

    /// What was counted since the last time, and how the machine does.
    fn sample(&self, process_id: Uuid, look: Look, pool_max: u32) -> Sample {
        let counts = take(&mut *self.counts());
        let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        Sample {
            process_id,
            host: look.host,
            version: env!("CARGO_PKG_VERSION"),
            cpu_cores: i32::try_from(look.cpu_cores).unwrap_or(i32::MAX),
            cpu_usage: look.cpu_usage,
            process_cpu: look.process_cpu,
            pressure_cpu: look.pressures[0],
            pressure_memory: look.pressures[1],
            pressure_io: look.pressures[2],
            ram_total: signed(look.ram_total),
            ram_available: signed(look.ram_available),
            process_memory: signed(look.process_memory),
            oom_kills: i32::try_from(look.oom_kills).unwrap_or(i32::MAX),
            storage_total: look.storage.map(|(total, _)| signed(total)),
            storage_available: look.storage.map(|(_, available)| signed(available)),
            requests: i32::try_from(counts.answers.count()).unwrap_or(i32::MAX),
            api_p95_ms: counts.answers.p95_ms(),
            database_p95_ms: counts.database.p95_ms(),
            pool_wait_p95_ms: counts.pool.p95_ms(),
            pool_max: i32::try_from(pool_max).unwrap_or(i32::MAX),
            ssh_tries: counts.ssh_tries,
            ssh_timeouts: counts.ssh_timeouts,
        }
    }
}

/// Keeps a sample every half a minute until the process stops.
pub(crate) async fn beat(hands: crate::Hands, process: Uuid, data: PathBuf, stopping: CancellationToken) {
    let mut machine = match Machine::new(data) {
        Ok(machine) => machine,
        Err(error) => {
            tracing::warn!(%error, "this machine does not tell how it does");
            return;
        }
    };
    let (mut ping, mut keep) = (interval(PING), interval(EVERY));
    ping.set_missed_tick_behavior(MissedTickBehavior::Skip);
    keep.set_missed_tick_behavior(MissedTickBehavior::Skip);
    // The first one comes at once, and has nothing to tell yet.
    keep.tick().await;
    let store = hands.store();
    loop {
        tokio::select! {
            _ = ping.tick() => hands.pulse().ping(store).await,
            _ = keep.tick() => {
                let looked = tokio::task::spawn_blocking(move || {
                    let look = machine.look();
                    (machine, look)
                });
                let Ok((back, look)) = looked.await else { return };
                machine = back;
                let sample = hands.pulse().sample(process, look, store.pool().options().get_max_connections());
                let kept = async { advice::keep(&mut *store.connection().await?, &sample).await };
                if let Err(error) = kept.await {
                    tracing::warn!(%error, "how this process does could not be kept");
                }
            }
            () = stopping.cancelled() => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_told_once() {
        let pulse = Pulse::default();
        for millis in 1..=100 {
            pulse.answered(Duration::from_millis(millis));
        }
        let (near, far) = (ServerId::new(), ServerId::new());
        let failed = |code| Err::<(), _>(Problem::new(code, "it failed", "Look."));
        pulse.tried(near, &Ok(()));
        pulse.tried(far, &failed(Code::SshUnreachable));
        pulse.tried(far, &failed(Code::SshConnectionLost));
        pulse.tried(far, &failed(Code::DockerUnavailable));
        let sample = pulse.sample(Uuid::now_v7(), Look::default(), 25);
        assert_eq!(sample.requests, 100);
        let p95 = sample.api_p95_ms.unwrap();
        assert!((94.0..=97.0).contains(&p95), "{p95}");
        assert_eq!(sample.ssh_tries, 4);
        assert_eq!(sample.ssh_timeouts, BTreeMap::from([(far.uuid(), 2)]));
        let next = pulse.sample(Uuid::now_v7(), Look::default(), 25);
        assert_eq!((next.requests, next.api_p95_ms, next.ssh_tries), (0, None, 0));
    }
}
