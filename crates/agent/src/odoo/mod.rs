//! The instances: their processes, what their logs tell of requests, and how large their files are.

mod filestore;
mod log;
mod processes;

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ocore_telemetry::Odoo;
use tokio::time::sleep;

use crate::{
    containers::{Containers, Known},
    docker::Docker,
    files::Files,
    sampler::Shared,
};

/// How often new containers are looked for whose log is to be followed.
const LOOK: Duration = Duration::from_secs(15);
/// Logs followed at once; each is a connection.
const FOLLOWED: usize = 128;
/// How often files are measured.
const MEASURE: Duration = Duration::from_secs(600);
/// Where Odoo keeps its files, in its container.
const DATA: &str = "/var/lib/odoo";

/// What is known of instances beside their processes.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// By instance: what was found out last, and is told again until it is found out anew.
    pub(crate) kept: HashMap<String, Kept>,
    /// By instance: what was asked of it since the last push.
    requests: HashMap<String, Requests>,
}

/// What was found out last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Kept {
    /// Seconds.
    pub(crate) cron_lag: Option<f32>,
    /// Bytes.
    pub(crate) database: Option<u64>,
    /// Bytes.
    filestore: Option<u64>,
}

/// Requests that an instance answered.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Requests {
    count: u32,
    /// Milliseconds.
    longest: f32,
}

impl Facts {
    /// What there is to tell of the instances that run.
    pub(crate) fn tell(&mut self, containers: &Containers, files: &mut Files) -> Vec<Odoo> {
        let running: HashSet<&str> = containers.iter().filter_map(Known::instance).collect();
        self.kept
            .retain(|instance, _| running.contains(instance.as_str()));
        let mut requests = std::mem::take(&mut self.requests);
        let tell = |known: &Known| {
            let instance = known.instance()?;
            let kept = self.kept.get(instance).copied().unwrap_or_default();
            let workers = processes::look(&known.group.processes(), files)?;
            let requests = requests.remove(instance);
            Some(Odoo {
                instance: instance.to_owned(),
                workers: Some(workers.count),
                worker_memory: Some(workers.largest),
                workers_resident: Some(workers.resident),
                cron_lag: kept.cron_lag,
                longest_request: requests.map(|requests| requests.longest),
                requests: requests.map(|requests| requests.count),
                filestore: kept.filestore,
                database: kept.database,
            })
        };
        containers.iter().filter_map(tell).collect()
    }

    fn answered(&mut self, instance: &str, millis: f32) {
        let requests = self.requests.entry(instance.to_owned()).or_default();
        requests.count = requests.count.saturating_add(1);
        requests.longest = requests.longest.max(millis);
    }

    /// A log is followed, so that no request means none.
    fn followed(&mut self, instance: &str) {
        self.requests.entry(instance.to_owned()).or_default();
    }
}

/// Follows the logs of the instances that run.
pub(crate) async fn follow_logs(shared: Shared, docker: Docker) {
    loop {
        sleep(LOOK).await;
        let wanted: Vec<(String, String)> = {
            let mut state = shared.lock();
            let of = |known: &Known| Some((known.listed.id.clone(), known.instance()?.to_owned()));
            let running: Vec<_> = state.containers.iter().filter_map(of).collect();
            for (_, instance) in &running {
                if state.followed.values().any(|one| one == instance) {
                    state.odoo.followed(instance);
                }
            }
            let is_new = |(id, _): &(String, String)| !state.followed.contains_key(id);
            let room = FOLLOWED.saturating_sub(state.followed.len());
            let wanted: Vec<_> = running.into_iter().filter(is_new).take(room).collect();
            state.followed.extend(wanted.iter().cloned());
            wanted
        };
        for (id, instance) in wanted {
            tokio::spawn(follow(shared.clone(), docker.clone(), id, instance));
        }
    }
}

async fn follow(shared: Shared, docker: Docker, id: String, instance: String) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    if let Ok(body) = docker.follow(&id, now.as_secs()).await {
        log::requests(body, |millis| shared.lock().odoo.answered(&instance, millis)).await;
    }
    // It ended, or its log cannot be followed: then it is tried again, if it runs.
    shared.lock().followed.remove(&id);
}

/// Measures the instances' files now and then, where they may be read.
pub(crate) async fn measure_files(shared: Shared) {
    loop {
        sleep(MEASURE).await;
        let folders: Vec<(String, String)> = {
            let state = shared.lock();
            let root = state.containers.docker_root.clone().unwrap_or_default();
            let of = |known: &Known| {
                let folder = known.listed.folder(DATA, &root)?;
                Some((known.instance()?.to_owned(), format!("{folder}/filestore")))
            };
            state.containers.iter().filter_map(of).collect()
        };
        for (instance, folder) in folders {
            let size = filestore::size(&folder).await;
            shared.lock().odoo.kept.entry(instance).or_default().filestore = size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_and_the_longest_is_kept() {
        let mut facts = Facts::default();
        facts.followed("a");
        for millis in [10.0, 250.0, 30.0] {
            facts.answered("a", millis);
        }
        let wanted = Requests {
            count: 3,
            longest: 250.0,
        };
        assert_eq!(facts.requests["a"], wanted);
    }
}
