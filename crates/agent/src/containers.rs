//! The machine's containers: which there are, and what each uses.

use std::{collections::HashMap, fs, time::Instant};

use ocore_telemetry::{
    Container,
    proc::{network, percent},
};

use crate::{
    cgroup::{Counters, Group, Hierarchy, container_id},
    docker::{Docker, Listed},
    fault::Fault,
    files::{Files, risen},
};

/// The label with an instance's identifier.
pub(crate) const INSTANCE: &str = "sh.ocore.instance";

/// A container that runs.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) listed: Listed,
    pub(crate) pid: u32,
    pub(crate) group: Group,
    before: Option<Before>,
}

#[derive(Clone, Copy, Debug)]
struct Before {
    at: Instant,
    counters: Counters,
    received: u64,
    sent: u64,
}

/// The containers that run, by their identifiers.
#[derive(Debug, Default)]
pub(crate) struct Containers {
    known: HashMap<String, Known>,
    hierarchy: Option<Hierarchy>,
    /// Where the Engine keeps its data.
    pub(crate) docker_root: Option<String>,
}

impl Containers {
    pub(crate) fn new(files: &mut Files) -> Self {
        Self {
            hierarchy: Hierarchy::find(files),
            ..Self::default()
        }
    }

    /// Those that run.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Known> {
        self.known.values()
    }

    /// Of these, those that are not known yet or whose process ended meanwhile.
    pub(crate) fn unknown<'a>(&self, listed: &'a [Listed]) -> Vec<&'a Listed> {
        let is_known = |one: &Listed| {
            self.known
                .get(&one.id)
                .is_some_and(|known| fs::exists(format!("/proc/{}", known.pid)).unwrap_or(false))
        };
        listed.iter().filter(|one| !is_known(one)).collect()
    }

    /// Takes over what the Engine told: the list, and the first process of each that was not known.
    pub(crate) fn update(&mut self, listed: Vec<Listed>, pids: &HashMap<String, u32>, files: &mut Files) {
        let mut before = std::mem::take(&mut self.known);
        for one in listed {
            let id = one.id.clone();
            let old = before.remove(&id);
            let known = match (pids.get(&id), old) {
                (None, Some(old)) => Some(Known { listed: one, ..old }),
                (Some(&pid), old) => self.found(one, pid, old, files),
                (None, None) => None,
            };
            if let Some(known) = known {
                self.known.insert(id, known);
            }
        }
    }

    fn found(&self, listed: Listed, pid: u32, old: Option<Known>, files: &mut Files) -> Option<Known> {
        let text = files.read(&format!("/proc/{pid}/cgroup"))?;
        // Without its own name in it the group would be another's: that of the Engine itself, while it starts.
        if container_id(text) != Some(&listed.id) {
            return None;
        }
        let group = self.hierarchy.as_ref()?.group(text)?;
        Some(Known {
            listed,
            pid,
            group,
            before: old.and_then(|old| old.before),
        })
    }

    /// What each used since the sample before; one that was not seen before is seen next time.
    pub(crate) fn sample(&mut self, files: &mut Files) -> Vec<Container> {
        let mut samples: Vec<Container> = self
            .known
            .values_mut()
            .filter_map(|known| known.sample(files))
            .collect();
        samples.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        samples
    }

    /// The name of the container that a process is in, by its `/proc/PID/cgroup`.
    pub(crate) fn name_of(&self, cgroup: &str) -> Option<String> {
        let known = self.known.get(container_id(cgroup)?)?;
        Some(known.listed.name().to_owned())
    }
}

impl Known {
    /// The instance it belongs to.
    pub(crate) fn instance(&self) -> Option<&str> {
        self.listed.label(INSTANCE)
    }

    fn sample(&mut self, files: &mut Files) -> Option<Container> {
        let counters = self.group.read(files)?;
        let (received, sent) = self.network(files);
        let now = Before {
            at: Instant::now(),
            counters,
            received,
            sent,
        };
        let before = self.before.replace(now)?;
        let (was, is) = (before.counters, counters);
        let micros = u64::try_from((now.at - before.at).as_micros()).unwrap_or(u64::MAX);
        Some(Container {
            name: self.listed.name().to_owned(),
            instance: self.instance().map(str::to_owned),
            cpu: percent(risen(was.cpu_micros, is.cpu_micros), micros),
            memory: is.memory,
            memory_limit: is.memory_limit,
            throttled: percent(
                risen(was.throttled_periods, is.throttled_periods),
                risen(was.periods, is.periods),
            ),
            oom_kills: u32::try_from(risen(was.oom_kills, is.oom_kills)).unwrap_or(u32::MAX),
            received: risen(before.received, received),
            sent: risen(before.sent, sent),
            read: risen(was.read, is.read),
            written: risen(was.written, is.written),
            processes: is.processes,
        })
    }

    /// Bytes received and sent by all its interfaces but the loopback; none of its own, none told.
    fn network(&self, files: &mut Files) -> (u64, u64) {
        if self.listed.is_on_host_network() {
            return (0, 0);
        }
        let Some(text) = files.read(&format!("/proc/{}/net/dev", self.pid)) else {
            // What it had counted so far stays what it was.
            return self
                .before
                .map_or((0, 0), |before| (before.received, before.sent));
        };
        text.lines()
            .filter_map(network)
            .filter(|(name, _)| *name != "lo")
            .fold((0, 0), |(received, sent), (_, one)| {
                (received + one.received, sent + one.sent)
            })
    }
}

/// Asks the Engine what runs: the list, and the first process of each in it that is `unknown`.
pub(crate) async fn ask(
    docker: &Docker,
    unknown: impl Fn(&[Listed]) -> Vec<String>,
) -> Result<(Vec<Listed>, HashMap<String, u32>), Fault> {
    let listed = docker.list().await?;
    let mut pids = HashMap::new();
    for id in unknown(&listed) {
        // One that ended in between is not in the next list.
        if let Ok(pid) = docker.pid(&id).await
            && pid > 0
        {
            pids.insert(id, pid);
        }
    }
    Ok((listed, pids))
}
