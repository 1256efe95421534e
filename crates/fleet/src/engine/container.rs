//! Containers as they are.

use std::collections::BTreeMap;

use bollard::{
    models::{ContainerInspectResponse, ContainerStateStatusEnum},
    query_parameters::{InspectContainerOptions, ListContainersOptions},
};
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use ocore_domain::Problem;

use super::{Engine, Labels, bears, by_labels, errors::is_absent};

/// A container as it is.
#[derive(Clone, Debug)]
pub struct Container {
    /// What the Engine calls it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its image, as it was asked for.
    pub image: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What it does now.
    pub state: ContainerState,
    /// How it ended, when it did.
    pub exit_code: Option<i64>,
    /// How often the Engine started it again.
    pub restart_count: i64,
    /// When it was last started.
    pub started_at: Option<DateTime<Utc>>,
    /// Why it could not be started, in the Engine's words.
    pub error: Option<String>,
    /// Whether the kernel ended it for want of memory.
    pub oom_killed: bool,
}

/// What a container does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "Docker's own words")]
pub enum ContainerState {
    Created,
    Running,
    Paused,
    Restarting,
    Removing,
    Exited,
    Dead,
}

impl ContainerState {
    /// Docker's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
        }
    }
}

impl Container {
    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.state == ContainerState::Running
    }

    /// Whether it bears these labels. Nothing belongs to nobody.
    pub fn belongs_to(&self, owner: &Labels) -> bool {
        bears(&self.labels, owner)
    }
}

impl Engine {
    /// A container by its name.
    pub async fn container(&self, name: &str) -> Result<Option<Container>, Problem> {
        match self
            .docker
            .inspect_container(name, None::<InspectContainerOptions>)
            .await
        {
            Ok(inspected) => Ok(Some(read(inspected))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(self.problem(error, name)),
        }
    }

    /// The containers that bear these labels, running or not.
    pub async fn containers(&self, labels: &Labels) -> Result<Vec<Container>, Problem> {
        let options = ListContainersOptions {
            all: true,
            filters: Some(by_labels(labels)),
            ..Default::default()
        };
        let found = self.docker.list_containers(Some(options)).await;
        let found = found.map_err(|error| self.problem(error, "the list of containers"))?;
        let ids = found.into_iter().filter_map(|container| container.id);
        // The list does not tell how often each was started again. One that goes in between is passed by.
        let looked: Vec<Option<Container>> = stream::iter(ids)
            .map(|id| async move { self.container(&id).await })
            .buffer_unordered(8)
            .try_collect()
            .await?;
        Ok(looked.into_iter().flatten().collect())
    }
}

fn read(inspected: ContainerInspectResponse) -> Container {
    let state = inspected.state.unwrap_or_default();
    let config = inspected.config.unwrap_or_default();
    Container {
        id: inspected.id.unwrap_or_default(),
        name: inspected
            .name
            .unwrap_or_default()
            .trim_start_matches('/')
            .to_owned(),
        image: config.image.unwrap_or_default(),
        labels: config.labels.unwrap_or_default().into_iter().collect(),
        state: match state.status {
            Some(ContainerStateStatusEnum::RUNNING) => ContainerState::Running,
            Some(ContainerStateStatusEnum::PAUSED) => ContainerState::Paused,
            Some(ContainerStateStatusEnum::RESTARTING) => ContainerState::Restarting,
            Some(ContainerStateStatusEnum::REMOVING) => ContainerState::Removing,
            Some(ContainerStateStatusEnum::EXITED) => ContainerState::Exited,
            Some(ContainerStateStatusEnum::DEAD) => ContainerState::Dead,
            _ => ContainerState::Created,
        },
        exit_code: state.exit_code,
        restart_count: inspected.restart_count.unwrap_or(0),
        started_at: state.started_at.and_then(|at| at.parse().ok()),
        error: state.error.filter(|error| !error.is_empty()),
        oom_killed: state.oom_killed.unwrap_or(false),
    }
}
