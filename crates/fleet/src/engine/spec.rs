//! How a container is asked for.

use std::{collections::HashMap, time::Duration};

use bollard::models::{
    ContainerCreateBody, EndpointSettings, HostConfig, Mount as EngineMount, MountType, NetworkingConfig,
    PortBinding as EnginePort, RestartPolicy, RestartPolicyNameEnum,
};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::{Labels, UploadFile, as_map, label};

/// How a container is asked for.
#[derive(Clone, Debug, Default)]
pub struct ContainerSpec {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// Arguments; empty: the image's.
    pub command: Vec<String>,
    /// What is run; none: the image's.
    pub entrypoint: Option<Vec<String>>,
    /// Environment variables. Whoever may speak to the Engine can read them.
    pub env: Vec<(String, SecretString)>,
    /// Whose it is.
    pub labels: Labels,
    /// As whom it runs; none: the image's.
    pub user: Option<String>,
    /// The network it is in; none: the Engine's default.
    pub network: Option<String>,
    /// Names it has there beside its own.
    pub aliases: Vec<String>,
    /// Ports published on the server.
    pub ports: Vec<PortBinding>,
    /// Volumes in it.
    pub volumes: Vec<Mount>,
    /// Files put into it before it starts.
    pub files: Vec<UploadFile>,
    /// Memory limit in bytes; swap is not given beside.
    pub memory_bytes: Option<u64>,
    /// CPU limit in thousand-millionths of a core.
    pub nano_cpus: Option<u64>,
    /// Size of `/dev/shm` in bytes.
    pub shm_bytes: Option<u64>,
    /// When the Engine starts it again.
    pub restart: Restart,
    /// Whether a small init process reaps its children.
    pub init: bool,
    /// How long it may take to stop.
    pub stop_timeout: Option<Duration>,
}

/// A port published on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortBinding {
    /// The address on the server.
    pub host_ip: String,
    /// The port there.
    pub host_port: u16,
    /// The port in the container.
    pub container_port: u16,
}

/// A volume in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Its name.
    pub volume: String,
    /// Where it is in the container.
    pub target: String,
    /// Whether it may only be read.
    pub read_only: bool,
}

/// When the Engine starts a container again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restart {
    /// Never.
    #[default]
    No,
    /// When it ends or the server boots, unless it was stopped.
    UnlessStopped,
}

impl ContainerSpec {
    /// A hash of everything asked for. It is shown in a label: the secrets in it are mixed with the rest, and
    /// whoever can read the label can read them in the Engine anyway.
    pub(super) fn hash(&self) -> String {
        let mut hash = Sha256::new();
        let mut add = |name: &str, value: &[u8]| {
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name.as_bytes());
            hash.update((value.len() as u64).to_le_bytes());
            hash.update(value);
        };
        let plain = format!(
            "{:?}",
            (
                (
                    &self.image,
                    &self.command,
                    &self.entrypoint,
                    &self.user,
                    &self.network,
                    &self.aliases
                ),
                (
                    &self.ports,
                    &self.volumes,
                    self.memory_bytes,
                    self.nano_cpus,
                    self.shm_bytes
                ),
                (self.restart, self.init, self.stop_timeout),
            )
        );
        add("spec", plain.as_bytes());
        for (name, value) in &self.env {
            add(name, value.expose_secret().as_bytes());
        }
        for file in &self.files {
            add(&file.path, file.content.expose_secret());
            add("mode", &file.mode.to_le_bytes());
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn body(&self) -> ContainerCreateBody {
        let mut labels = as_map(&self.labels);
        labels.insert(label::SPEC.to_owned(), self.hash());
        let memory = self.memory_bytes.and_then(|bytes| i64::try_from(bytes).ok());
        let number = |value: Option<u64>| value.and_then(|value| i64::try_from(value).ok());
        let network = self.network.clone().map(|network| {
            let settings = EndpointSettings {
                aliases: Some(self.aliases.clone()),
                ..EndpointSettings::default()
            };
            NetworkingConfig {
                endpoints_config: Some(HashMap::from([(network, settings)])),
            }
        });
        ContainerCreateBody {
            image: Some(self.image.clone()),
            cmd: (!self.command.is_empty()).then(|| self.command.clone()),
            entrypoint: self.entrypoint.clone(),
            env: Some(
                self.env
                    .iter()
                    .map(|(name, value)| format!("{name}={}", value.expose_secret()))
                    .collect(),
            ),
            labels: Some(labels),
            user: self.user.clone(),
            exposed_ports: Some(
                self.ports
                    .iter()
                    .map(|port| format!("{}/tcp", port.container_port))
                    .collect(),
            ),
            stop_timeout: self
                .stop_timeout
                .and_then(|limit| i64::try_from(limit.as_secs()).ok()),
            networking_config: network,
            host_config: Some(HostConfig {
                memory,
                memory_swap: memory,
                nano_cpus: number(self.nano_cpus),
                shm_size: number(self.shm_bytes),
                init: Some(self.init),
                network_mode: self.network.clone(),
                port_bindings: Some(self.port_map()),
                mounts: Some(self.volumes.iter().map(Mount::engine).collect()),
                restart_policy: Some(RestartPolicy {
                    name: Some(match self.restart {
                        Restart::No => RestartPolicyNameEnum::NO,
                        Restart::UnlessStopped => RestartPolicyNameEnum::UNLESS_STOPPED,
                    }),
                    maximum_retry_count: None,
                }),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        }
    }

    fn port_map(&self) -> HashMap<String, Option<Vec<EnginePort>>> {
        let publish = |port: &PortBinding| {
            let there = EnginePort {
                host_ip: Some(port.host_ip.clone()),
                host_port: Some(port.host_port.to_string()),
            };
            (format!("{}/tcp", port.container_port), Some(vec![there]))
        };
        self.ports.iter().map(publish).collect()
    }
}

impl Mount {
    fn engine(&self) -> EngineMount {
        EngineMount {
            typ: Some(MountType::VOLUME),
            source: Some(self.volume.clone()),
            target: Some(self.target.clone()),
            read_only: Some(self.read_only),
            ..EngineMount::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_changes_with_secrets_and_not_with_the_name() {
        let spec = |name: &str, secret: &str| ContainerSpec {
            name: name.to_owned(),
            env: vec![("A".to_owned(), secret.into())],
            ..ContainerSpec::default()
        };
        assert_eq!(spec("a", "x").hash(), spec("b", "x").hash());
        assert_ne!(spec("a", "x").hash(), spec("a", "y").hash());
    }
}
