//! What the agent does all day.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ocore_telemetry::{PUSH_SECONDS, SAMPLE_SECONDS};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
    time::{Instant, MissedTickBehavior, interval_at, sleep, timeout},
};

use crate::{
    config::{Config, credential, secret},
    docker::Docker,
    fault::{Fault, say, warn},
    host::Machine,
    odoo,
    plane::Plane,
    postgres::Asker,
    push::{Outcome, Way, deliver_all, deliver_next},
    ring::Ring,
    sampler::Shared,
    stream,
};

/// How long the last samples may take to be brought when the agent is to end.
const FAREWELL: Duration = Duration::from_secs(5);

/// Samples and pushes until it is told to end.
pub(crate) async fn run(path: &str) -> Result<(), Fault> {
    let config = Config::read(path)?;
    let token = credential("token")?;
    let plane = Plane::new(&config.url, config.ca.as_deref(), token)?;
    let way = || Way::new(plane.clone(), boot_id());
    let (shared, ring, more) = (
        Shared::new(),
        Arc::new(Mutex::new(Ring::new())),
        Arc::new(Notify::new()),
    );
    if config.url.scheme() == "http" {
        warn("the URL is http: the token and the samples go over the network for everybody to read");
    }
    if let Some(socket) = &config.docker {
        let docker = Docker::new(socket.clone());
        tokio::spawn(shared.clone().keep_listing(docker.clone()));
        tokio::spawn(odoo::follow_logs(shared.clone(), docker.clone()));
        tokio::spawn(odoo::measure_files(shared.clone()));
        tokio::spawn(stream::keep(plane.clone(), docker));
        // Without a password it does without PostgreSQL's figures.
        if let (Some(container), Ok(password)) = (&config.postgres, credential("postgres")) {
            tokio::spawn(Asker::new(shared.clone(), container.clone(), password).keep_asking());
        }
    }
    let delivering = tokio::spawn(deliver_all(way(), ring.clone(), more.clone()));
    say(&format!(
        "watching the server {} for {}",
        config.server, config.url
    ));
    let mut machine = Machine::new();
    let mut end = signal(SignalKind::terminate()).map_err(|error| Fault(error.to_string()))?;
    // Servers that started together do not push together.
    let period = Duration::from_secs(SAMPLE_SECONDS);
    let mut tick = interval_at(
        Instant::now() + period.mul_f64(rand::random_range(0.0..1.0)),
        period,
    );
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    // The first only marks where the next begins.
    shared.sample(&mut machine, true);
    let per_push = PUSH_SECONDS / SAMPLE_SECONDS;
    let mut count = 0;
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = end.recv() => break,
        }
        count += 1;
        // The very first is brought at once: whoever waits for it knows that all is well.
        let fully = count % per_push == 1;
        keep(&shared, &mut machine, &ring, fully);
        if fully {
            more.notify_one();
        }
    }
    delivering.abort();
    keep(&shared, &mut machine, &ring, true);
    let mut way = way();
    let farewell = async {
        while let Some(Outcome::Accepted | Outcome::Refused(_)) = deliver_next(&mut way, &ring).await {}
    };
    let _ = timeout(FAREWELL, farewell).await;
    Ok(())
}

fn keep(shared: &Shared, machine: &mut Machine, ring: &Mutex<Ring>, fully: bool) {
    let Some(sample) = shared.sample(machine, fully) else {
        return;
    };
    match sample.encode() {
        Ok(encoded) => ring
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(sample.at, encoded),
        Err(error) => warn(&format!("a sample cannot be written: {error}")),
    }
}

/// Sees whether oCore is reached and takes the token: an empty batch is brought.
pub(crate) async fn check(path: &str, token: &Path) -> Result<(), Fault> {
    let config = Config::read(path)?;
    let plane = Plane::new(&config.url, config.ca.as_deref(), secret(token)?)?;
    let mut way = Way::new(plane, boot_id());
    match way.deliver(0, &[]).await {
        Outcome::Accepted => Ok(()),
        Outcome::Later(fault) | Outcome::Refused(fault) => Err(fault),
    }
}

/// One sample, over some seconds, as JSON.
pub(crate) async fn one(docker: Option<String>, seconds: u64) -> Result<String, Fault> {
    let shared = Shared::new();
    let socket = docker.unwrap_or_else(|| "/var/run/docker.sock".to_owned());
    if let Err(fault) = shared.list(&Docker::new(socket)).await {
        eprintln!("containers are not seen: {fault}");
    }
    let mut machine = Machine::new();
    shared.sample(&mut machine, true);
    sleep(Duration::from_secs(seconds.max(1))).await;
    let sample = shared
        .sample(&mut machine, true)
        .ok_or_else(|| Fault("nothing was seen".to_owned()))?;
    serde_json::to_string_pretty(&sample).map_err(|error| Fault(error.to_string()))
}

/// Names one boot of the machine, as oCore does itself: the kernel's word for it and when its first process began, for a
/// machine that shares its kernel with others.
fn boot_id() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let (kernel, first) = (read("/proc/sys/kernel/random/boot_id"), read("/proc/1/stat"));
    let began = first
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.split(' ').nth(19))
        .unwrap_or_default();
    format!("{}.{began}", kernel.trim())
}
