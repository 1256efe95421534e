//! The Docker Engine of a server, spoken to by its API.

mod container;
mod errors;
mod exec;
mod image;
mod lifecycle;
mod logs;
mod one_shot;
mod spec;
mod transfer;
mod transport;
mod upload;
mod usage;
mod volume;

use std::{collections::BTreeMap, sync::Arc};

use bollard::Docker;
use ocore_domain::Problem;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use container::{Container, ContainerState};
pub(crate) use errors::{missing, permission_denied, unavailable};
pub use exec::Exec;
pub use spec::{ContainerSpec, Mount, PortBinding, Restart};
pub use transfer::Archive;
pub(crate) use transport::{Bounds, Dial};
pub use upload::UploadFile;
pub use usage::Usage;

/// The labels by which oCore knows what is its own. What does not bear them it never removes.
pub mod label {
    /// On everything: `true`.
    pub const MANAGED: &str = "sh.ocore.managed";
    /// Whose part it is.
    pub const INSTANCE: &str = "sh.ocore.instance";
    /// On which server, as oCore names it.
    pub const SERVER: &str = "sh.ocore.server";
    /// A hash of how a container was asked for.
    pub const SPEC: &str = "sh.ocore.spec";
}

/// Labels by name.
pub type Labels = BTreeMap<String, String>;

/// What the Engine says of itself.
#[derive(Clone, Debug)]
pub struct EngineInfo {
    /// The directory that holds images, containers and volumes.
    pub root_dir: String,
}

/// A server's Docker Engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    docker: Docker,
    alive: Arc<dyn Fn() -> bool + Send + Sync>,
    long: Arc<Semaphore>,
}

impl Engine {
    /// An engine behind a way to its socket, with the API version both sides speak.
    pub(crate) async fn negotiate(
        dial: Dial,
        alive: Arc<dyn Fn() -> bool + Send + Sync>,
        bounds: Bounds,
    ) -> Result<Self, Problem> {
        let docker = transport::docker(dial, &bounds).map_err(Problem::internal)?;
        let engine = Self {
            docker: docker.clone(),
            alive,
            long: Arc::new(Semaphore::new(bounds.long)),
        };
        let docker = docker
            .negotiate_version()
            .await
            .map_err(|error| engine.problem(error, "Docker"))?;
        Ok(Self { docker, ..engine })
    }

    /// A place for an answer that lasts: without a bound, calls that last could take every connection and then wait
    /// for each other's next.
    async fn long(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.long.clone().acquire_owned().await.map_err(Problem::internal)
    }
    /// The Engine's version, for example `28.2.2`.
    pub async fn version(&self) -> Result<String, Problem> {
        let version = self
            .docker
            .version()
            .await
            .map_err(|error| self.problem(error, "Docker's version"))?;
        Ok(version.version.unwrap_or_default())
    }

    /// What the Engine says of itself.
    pub async fn info(&self) -> Result<EngineInfo, Problem> {
        let info = self
            .docker
            .info()
            .await
            .map_err(|error| self.problem(error, "Docker's state"))?;
        Ok(EngineInfo {
            root_dir: info
                .docker_root_dir
                .unwrap_or_else(|| "/var/lib/docker".to_owned()),
        })
    }
}

/// Whether a thing's labels hold all of these. Nothing belongs to nobody.
fn bears<'a, L>(labels: L, owner: &Labels) -> bool
where
    L: IntoIterator<Item = (&'a String, &'a String)> + Copy,
{
    let has = |(name, value)| labels.into_iter().any(|(n, v)| n == name && v == value);
    !owner.is_empty() && owner.iter().all(has)
}

fn as_map(labels: &Labels) -> std::collections::HashMap<String, String> {
    labels
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// A filter for things that bear these labels.
fn by_labels(labels: &Labels) -> std::collections::HashMap<String, Vec<String>> {
    let wanted = labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    std::collections::HashMap::from([("label".to_owned(), wanted)])
}
