//! Volumes and networks.

use bollard::{
    models::{NetworkCreateRequest, VolumeCreateRequest},
    query_parameters::{InspectNetworkOptions, ListVolumesOptions, RemoveVolumeOptions},
};
use ocore_domain::Problem;

use super::{
    Engine, Labels, as_map, bears, by_labels,
    errors::{foreign, is_absent},
};

impl Engine {
    /// Makes a volume; one of the same owner is left alone, one of another is a fault.
    pub async fn ensure_volume(&self, name: &str, labels: &Labels) -> Result<(), Problem> {
        match self.docker.inspect_volume(name).await {
            Ok(found) if bears(&found.labels, labels) => return Ok(()),
            Ok(_) => return Err(foreign("volume", name)),
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(self.problem(error, name)),
        }
        let wanted = VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(as_map(labels)),
            ..VolumeCreateRequest::default()
        };
        self.docker
            .create_volume(wanted)
            .await
            .map_err(|error| self.problem(error, name))?;
        Ok(())
    }

    /// Removes a volume of this owner; that there is none is fine, and one of another owner is left alone.
    pub async fn remove_volume(&self, name: &str, owner: &Labels) -> Result<(), Problem> {
        match self.docker.inspect_volume(name).await {
            Ok(found) if bears(&found.labels, owner) => {}
            Ok(_) => return Ok(()),
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(self.problem(error, name)),
        }
        match self.docker.remove_volume(name, None::<RemoveVolumeOptions>).await {
            Err(error) if !is_absent(&error) => Err(self.problem(error, name)),
            _ => Ok(()),
        }
    }

    /// The names of the volumes that bear these labels.
    pub async fn volumes(&self, labels: &Labels) -> Result<Vec<String>, Problem> {
        let options = ListVolumesOptions {
            filters: Some(by_labels(labels)),
        };
        let found = self.docker.list_volumes(Some(options)).await;
        let found = found.map_err(|error| self.problem(error, "the list of volumes"))?;
        Ok(found
            .volumes
            .unwrap_or_default()
            .into_iter()
            .map(|volume| volume.name)
            .collect())
    }

    /// Makes a network; one of the same owner is left alone, one of another is a fault.
    pub async fn ensure_network(&self, name: &str, labels: &Labels) -> Result<(), Problem> {
        match self
            .docker
            .inspect_network(name, None::<InspectNetworkOptions>)
            .await
        {
            Ok(found) if found.labels.as_ref().is_some_and(|have| bears(have, labels)) => return Ok(()),
            Ok(_) => return Err(foreign("network", name)),
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(self.problem(error, name)),
        }
        let wanted = NetworkCreateRequest {
            name: name.to_owned(),
            labels: Some(as_map(labels)),
            ..NetworkCreateRequest::default()
        };
        self.docker
            .create_network(wanted)
            .await
            .map_err(|error| self.problem(error, name))?;
        Ok(())
    }

    /// Removes a network of this owner; that there is none is fine, and one of another owner is left alone.
    pub async fn remove_network(&self, name: &str, owner: &Labels) -> Result<(), Problem> {
        match self
            .docker
            .inspect_network(name, None::<InspectNetworkOptions>)
            .await
        {
            Ok(found) if found.labels.as_ref().is_some_and(|have| bears(have, owner)) => {}
            Ok(_) => return Ok(()),
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(self.problem(error, name)),
        }
        match self.docker.remove_network(name).await {
            Err(error) if !is_absent(&error) => Err(self.problem(error, name)),
            _ => Ok(()),
        }
    }
}
