//! Samples: the machine, its containers, and what slower askers found out meanwhile.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ocore_telemetry::{Postgres, Sample};
use tokio::time::sleep;

use crate::{
    containers::{self, Containers},
    docker::Docker,
    fault::{Fault, Once},
    files::Files,
    host::Machine,
    odoo::Facts,
};

/// How often it is asked which containers run.
const LIST: Duration = Duration::from_secs(30);

/// What the parts of the agent share.
#[derive(Clone, Debug)]
pub(crate) struct Shared(Arc<Mutex<State>>);

/// What is known of the containers, and what was found out for the next full sample.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) files: Files,
    pub(crate) containers: Containers,
    pub(crate) postgres: Option<Postgres>,
    pub(crate) odoo: Facts,
    /// The containers whose logs are followed, with the instance of each.
    pub(crate) followed: HashMap<String, String>,
}

impl Shared {
    pub(crate) fn new() -> Self {
        let mut files = Files::default();
        let containers = Containers::new(&mut files);
        Self(Arc::new(Mutex::new(State {
            files,
            containers,
            postgres: None,
            odoo: Facts::default(),
            followed: HashMap::new(),
        })))
    }

    /// Never held over a pause: there is one thread.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the Engine which containers run.
    pub(crate) async fn list(&self, docker: &Docker) -> Result<(), Fault> {
        if self.lock().containers.docker_root.is_none() {
            let root = docker.root().await?;
            self.lock().containers.docker_root = Some(root);
        }
        let unknown = |listed: &[_]| {
            let state = self.lock();
            let unknown = state.containers.unknown(listed);
            unknown.into_iter().map(|one| one.id.clone()).collect()
        };
        let (listed, pids) = containers::ask(docker, unknown).await?;
        let mut state = self.lock();
        let State {
            files, containers, ..
        } = &mut *state;
        containers.update(listed, &pids, files);
        Ok(())
    }

    /// Asks again and again.
    pub(crate) async fn keep_listing(self, docker: Docker) {
        let mut said = Once::default();
        loop {
            match self.list(&docker).await {
                Ok(()) => {
                    said.clear();
                }
                Err(fault) => said.warn(&format!("containers are not seen: {fault}")),
            }
            sleep(LIST).await;
        }
    }

    /// Takes a sample; none the first time.
    pub(crate) fn sample(&self, machine: &mut Machine, fully: bool) -> Option<Sample> {
        let mut state = self.lock();
        let State {
            files,
            containers,
            postgres,
            odoo,
            ..
        } = &mut *state;
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seen = containers.sample(files);
        let name_of = |cgroup: &str| containers.name_of(cgroup);
        let host = machine.sample(files, containers.docker_root.as_deref(), fully, &name_of)?;
        let (postgres, odoo) = if fully {
            (postgres.take(), odoo.tell(containers, files))
        } else {
            (None, Vec::new())
        };
        Some(Sample {
            at: i64::try_from(at.as_millis()).unwrap_or(i64::MAX),
            host,
            containers: seen,
            postgres,
            odoo,
        })
    }
}
