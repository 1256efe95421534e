//! Making, starting, stopping and removing containers. Each call may be repeated.

use std::time::Duration;

use bollard::query_parameters::{
    CreateContainerOptions, RemoveContainerOptions, RenameContainerOptions, StartContainerOptions,
    StopContainerOptions,
};
use ocore_domain::{Code, Problem};
use tokio::time::sleep;

use super::{
    ContainerSpec, Engine, Labels,
    errors::{foreign, is_absent},
    label,
};

impl Engine {
    /// Whether there is a container of this name and owner that was made otherwise than asked for now.
    pub async fn differs(&self, spec: &ContainerSpec) -> Result<bool, Problem> {
        let found = self.container(&spec.name).await?;
        Ok(found.is_some_and(|found| {
            found.belongs_to(&spec.labels) && found.labels.get(label::SPEC) != Some(&spec.hash())
        }))
    }

    /// Makes a container as asked for; it does not run yet. One that was made so already is left alone, one of the
    /// same owner that was made otherwise is replaced, one of another owner is a fault.
    pub async fn create_container(&self, spec: &ContainerSpec) -> Result<(), Problem> {
        if let Some(found) = self.container(&spec.name).await? {
            if !found.belongs_to(&spec.labels) {
                return Err(foreign("container", &spec.name));
            }
            if found.labels.get(label::SPEC) == Some(&spec.hash()) {
                return Ok(());
            }
        }
        self.remove_container(&spec.name, &spec.labels).await?;
        // Made under another name until its files are in it: one that was cut off is not taken for whole.
        let begun = begun(&spec.name);
        let options = CreateContainerOptions {
            name: Some(begun.clone()),
            ..Default::default()
        };
        let made = self.docker.create_container(Some(options), spec.body()).await;
        made.map_err(|error| {
            if is_absent(&error) {
                return Problem::new(
                    Code::ImageNotFound,
                    format!("The image {} is not on the server: {error}", spec.image),
                    "Check the image's name, then retry.",
                );
            }
            self.problem(error, &spec.name)
        })?;
        if !spec.files.is_empty() {
            self.upload(&begun, &spec.files).await?;
        }
        self.rename(&begun, &spec.name).await
    }

    /// Starts a container; that it runs already is fine.
    pub async fn start(&self, name: &str) -> Result<(), Problem> {
        let started = self
            .docker
            .start_container(name, None::<StartContainerOptions>)
            .await;
        started.map_err(|error| self.problem(error, name))
    }

    /// Stops a container, giving it time; that it rests or is gone already is fine.
    pub async fn stop(&self, name: &str, grace: Duration) -> Result<(), Problem> {
        let seconds = i32::try_from(grace.as_secs()).unwrap_or(i32::MAX);
        let options = StopContainerOptions {
            t: Some(seconds),
            ..Default::default()
        };
        match self.docker.stop_container(name, Some(options)).await {
            Err(error) if !is_absent(&error) => Err(self.problem(error, name)),
            _ => Ok(()),
        }
    }

    /// Gives a container another name.
    pub async fn rename(&self, from: &str, to: &str) -> Result<(), Problem> {
        let renamed = self
            .docker
            .rename_container(from, RenameContainerOptions { name: to.to_owned() })
            .await;
        renamed.map_err(|error| self.problem(error, from))
    }

    /// Removes a container of this owner, running or not, and one that was only begun; that there is none is fine, and
    /// one of another owner is left alone.
    pub async fn remove_container(&self, name: &str, owner: &Labels) -> Result<(), Problem> {
        for name in [name, &begun(name)] {
            let Some(found) = self.container(name).await? else {
                continue;
            };
            if !found.belongs_to(owner) {
                continue;
            }
            let options = RemoveContainerOptions {
                v: true,
                force: true,
                link: false,
            };
            match self.docker.remove_container(name, Some(options)).await {
                Err(error) if error.to_string().contains("already in progress") => {
                    self.until_gone(name).await?;
                }
                Err(error) if !is_absent(&error) => return Err(self.problem(error, name)),
                _ => {}
            }
        }
        Ok(())
    }
    /// Somebody else removes it; its name is free only after that.
    async fn until_gone(&self, name: &str) -> Result<(), Problem> {
        for _ in 0..150 {
            if self.container(name).await?.is_none() {
                return Ok(());
            }
            sleep(Duration::from_millis(200)).await;
        }
        Err(Problem::new(
            Code::DockerFailed,
            format!("Docker has been removing the container {name} for half a minute"),
            "Look at Docker's log on the server (journalctl -u docker), then retry.",
        ))
    }
}

/// The name of a container that is being made.
fn begun(name: &str) -> String {
    format!("{name}.begun")
}
