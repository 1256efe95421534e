//! A sample from two looks.

use ocore_fleet::Usage;
use ocore_telemetry::{
    Batch, Container, Disk, Host, Network, Sample,
    proc::{DiskCounters, percent},
};

use super::{Look, counters::Counters};

/// What happened between two looks; none when the machine was booted in between.
pub(super) fn between(before: &Look, now: &Look) -> Option<Batch> {
    let seconds = now.counters.uptime - before.counters.uptime;
    if before.counters.boot_id != now.counters.boot_id || seconds <= 0.0 {
        return None;
    }
    let sample = Sample {
        at: now.at.timestamp_millis(),
        host: host(&before.counters, &now.counters, seconds),
        containers: containers(before, now),
        postgres: None,
        odoo: Vec::new(),
    };
    Some(Batch {
        version: String::new(),
        boot_id: now.counters.boot_id.clone(),
        lost: 0,
        samples: vec![sample],
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "seconds and amounts of one interval"
)]
fn host(before: &Counters, now: &Counters, seconds: f64) -> Host {
    let cores = before.cores.iter().zip(&now.cores);
    Host {
        interval: seconds as f32,
        uptime: now.uptime as u64,
        cpu: now.all.since(before.all).shares(),
        cores: cores
            .map(|(before, now)| now.since(*before).shares().usage)
            .collect(),
        load: now.load,
        memory: now.memory,
        pressure: now.pressure,
        filesystems: now.filesystems.clone(),
        disks: now
            .disks
            .iter()
            .filter_map(|(name, disk)| Some(disk_of(name, before.disks.get(name)?, disk, seconds)))
            .collect(),
        networks: now
            .networks
            .iter()
            .filter_map(|(name, network)| {
                let before = before.networks.get(name)?;
                Some(Network {
                    name: name.clone(),
                    received: network.received.saturating_sub(before.received),
                    sent: network.sent.saturating_sub(before.sent),
                    errors: network.errors.saturating_sub(before.errors),
                })
            })
            .collect(),
        processes: now.processes,
        blocked: now.blocked,
        oom_kills: now
            .oom_kills
            .saturating_sub(before.oom_kills)
            .try_into()
            .unwrap_or(u32::MAX),
        top: Vec::new(),
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "milliseconds of one interval"
)]
fn disk_of(name: &str, before: &DiskCounters, now: &DiskCounters, seconds: f64) -> Disk {
    let requests = now.requests.saturating_sub(before.requests);
    let waited = now.waited.saturating_sub(before.waited);
    let busy = now.busy.saturating_sub(before.busy);
    Disk {
        name: name.to_owned(),
        read: now.read.saturating_sub(before.read),
        written: now.written.saturating_sub(before.written),
        requests,
        await_ms: if requests == 0 {
            0.0
        } else {
            waited as f32 / requests as f32
        },
        utilization: ((busy as f64 / (seconds * 10.0)) as f32).min(100.0),
    }
}

/// One that was started in between has counted from zero: so it is taken.
fn containers(before: &Look, now: &Look) -> Vec<Container> {
    let nanos = u64::try_from(now.taken.duration_since(before.taken).as_nanos()).unwrap_or(u64::MAX);
    let none = Usage::default();
    now.containers
        .iter()
        .map(|container| {
            let earlier = before
                .containers
                .iter()
                .find(|earlier| earlier.name == container.name && earlier.cpu_nanos <= container.cpu_nanos);
            let earlier = earlier.unwrap_or(&none);
            let is_limited = container.memory_limit > 0 && container.memory_limit < now.counters.memory.total;
            Container {
                name: container.name.clone(),
                instance: container.instance.clone(),
                cpu: percent(container.cpu_nanos - earlier.cpu_nanos, nanos),
                memory: container.memory,
                memory_limit: is_limited.then_some(container.memory_limit),
                throttled: percent(
                    container
                        .throttled_periods
                        .saturating_sub(earlier.throttled_periods),
                    container.periods.saturating_sub(earlier.periods),
                ),
                oom_kills: 0,
                received: container.received.saturating_sub(earlier.received),
                sent: container.sent.saturating_sub(earlier.sent),
                read: container.read.saturating_sub(earlier.read),
                written: container.written.saturating_sub(earlier.written),
                processes: container.processes.try_into().unwrap_or(u32::MAX),
            }
        })
        .collect()
}
