//! What the Docker Engine is asked: which containers run, whose they are, and their log.
//!
//! Nothing here changes anything. What containers use is read from the kernel, not from the Engine: it would take the
//! Engine two seconds of its own for each.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, de::DeserializeOwned};
use tokio::{net::UnixStream, time::timeout};

use crate::fault::Fault;

/// How long it is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer that is read.
const LONGEST: usize = 8 << 20;

/// The Engine's socket.
#[derive(Clone, Debug)]
pub(crate) struct Docker {
    socket: String,
}

/// A container that runs.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Listed {
    pub(crate) id: String,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    labels: Option<HashMap<String, String>>,
    #[serde(default)]
    host_config: HostConfig,
    #[serde(default)]
    network_settings: NetworkSettings,
    #[serde(default)]
    mounts: Vec<Mount>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    #[serde(default)]
    network_mode: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkSettings {
    #[serde(default)]
    networks: HashMap<String, Endpoint>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Endpoint {
    #[serde(rename = "IPAddress", default)]
    address: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mount {
    #[serde(default)]
    source: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    destination: String,
}

/// What a container is, be it running or not.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Inspected {
    pub(crate) id: String,
    state: State,
    config: ContainerConfig,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContainerConfig {
    #[serde(default)]
    labels: Option<HashMap<String, String>>,
    #[serde(default)]
    tty: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    pid: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Info {
    docker_root_dir: String,
}

impl Listed {
    /// Its name, without a leading slash.
    pub(crate) fn name(&self) -> &str {
        self.names.first().map_or("", |name| name.trim_start_matches('/'))
    }

    /// The value of a label.
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.labels.as_ref()?.get(name).map(String::as_str)
    }

    /// Whether its network is the machine's own.
    pub(crate) fn is_on_host_network(&self) -> bool {
        self.host_config.network_mode == "host"
    }

    /// An address at which the machine reaches it.
    pub(crate) fn address(&self) -> Option<&str> {
        let mut addresses = self.network_settings.networks.values();
        addresses
            .find(|endpoint| !endpoint.address.is_empty())
            .map(|endpoint| endpoint.address.as_str())
    }

    /// The folder on the machine that is seen there in the container.
    pub(crate) fn folder(&self, destination: &str, docker_root: &str) -> Option<String> {
        let mount = self
            .mounts
            .iter()
            .find(|mount| mount.destination == destination)?;
        if !mount.source.is_empty() {
            return Some(mount.source.clone());
        }
        let name = mount.name.as_ref()?;
        Some(format!("{docker_root}/volumes/{name}/_data"))
    }
}

impl Inspected {
    /// The value of a label.
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.config.labels.as_ref()?.get(name).map(String::as_str)
    }

    /// Whether its output is that of a terminal, which the Engine gives as it is.
    pub(crate) const fn is_terminal(&self) -> bool {
        self.config.tty
    }
}

impl Docker {
    pub(crate) const fn new(socket: String) -> Self {
        Self { socket }
    }

    /// The containers that run.
    pub(crate) async fn list(&self) -> Result<Vec<Listed>, Fault> {
        self.get("/containers/json").await
    }

    /// The number of a container's first process, as the machine counts.
    pub(crate) async fn pid(&self, id: &str) -> Result<u32, Fault> {
        let inspected: Inspected = self.get(&format!("/containers/{id}/json")).await?;
        Ok(inspected.state.pid)
    }

    /// What a container is, by its name or identifier; none: there is none.
    pub(crate) async fn inspect(&self, name: &str) -> Result<Option<Inspected>, Fault> {
        let path = format!("/containers/{name}/json");
        let asked = async {
            let answer = self.send(&path).await?;
            if answer.status() == StatusCode::NOT_FOUND {
                return Ok(None);
            }
            read(&path, accepted(&path, answer)?).await.map(Some)
        };
        in_time(&path, asked).await
    }

    /// Where the Engine keeps its data.
    pub(crate) async fn root(&self) -> Result<String, Fault> {
        let info: Info = self.get("/info").await?;
        Ok(info.docker_root_dir)
    }

    /// What a container writes from now on.
    pub(crate) async fn follow(&self, id: &str, since: u64) -> Result<Incoming, Fault> {
        let path = format!("/containers/{id}/logs?follow=1&stdout=1&stderr=1&since={since}");
        self.ask(&path).await
    }

    /// The last lines that a container wrote, and, when it is followed, what it writes from now on.
    pub(crate) async fn log(&self, id: &str, tail: u64, follow: bool) -> Result<Incoming, Fault> {
        let follow = u8::from(follow);
        let path = format!("/containers/{id}/logs?follow={follow}&stdout=1&stderr=1&tail={tail}");
        in_time(&path, self.ask(&path)).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        in_time(path, async { read(path, self.ask(path).await?).await }).await
    }

    async fn ask(&self, path: &str) -> Result<Incoming, Fault> {
        accepted(path, self.send(path).await?)
    }

    /// Each on a connection of its own: they are rare, and a kept one costs memory all the time.
    async fn send(&self, path: &str) -> Result<Response<Incoming>, Fault> {
        let fault =
            |error: &dyn std::fmt::Display| Fault(format!("{} does not answer: {error}", self.socket));
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|error| fault(&error))?;
        let (mut sender, connection): (SendRequest<Empty<Bytes>>, _) = http1::Builder::new()
            .max_buf_size(16 << 10)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| fault(&error))?;
        tokio::spawn(connection);
        let request = Request::get(path)
            .header("host", "docker")
            .body(Empty::new())
            .map_err(|error| fault(&error))?;
        sender.send_request(request).await.map_err(|error| fault(&error))
    }
}

/// The body of an answer that is no refusal.
fn accepted(path: &str, answer: Response<Incoming>) -> Result<Incoming, Fault> {
    if !answer.status().is_success() {
        return Err(Fault(format!(
            "the Docker Engine answered {path} with {}",
            answer.status()
        )));
    }
    Ok(answer.into_body())
}

async fn read<T: DeserializeOwned>(path: &str, body: Incoming) -> Result<T, Fault> {
    let whole = Limited::new(body, LONGEST).collect().await;
    let bytes = whole.map_err(|error| Fault(format!("the Docker Engine's answer broke off: {error}")))?;
    serde_json::from_slice(&bytes.to_bytes()).map_err(|error| {
        Fault(format!(
            "the Docker Engine's answer to {path} is not understood: {error}"
        ))
    })
}

async fn in_time<T>(path: &str, asked: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let late = |_| Fault(format!("the Docker Engine did not answer {path} in time"));
    timeout(PATIENCE, asked).await.map_err(late)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_understood() {
        let text = r#"[{"Id":"d7","Names":["/ocore-acme"],"Labels":{"sh.ocore.instance":"i"},"State":"running",
            "HostConfig":{"NetworkMode":"ocore"},"NetworkSettings":{"Networks":{"ocore":{"IPAddress":"172.18.0.2"}}},
            "Mounts":[{"Type":"volume","Name":"v","Source":"","Destination":"/var/lib/odoo"}]},
            {"Id":"e8","Names":[],"Labels":null,"Mounts":[{"Source":"/x","Destination":"/y"}]}]"#;
        let listed: Vec<Listed> = serde_json::from_str(text).unwrap();
        let [one, two] = listed.as_slice() else { panic!() };
        assert_eq!(
            (one.name(), one.label("sh.ocore.instance")),
            ("ocore-acme", Some("i"))
        );
        assert_eq!(
            (one.address(), one.is_on_host_network()),
            (Some("172.18.0.2"), false)
        );
        assert_eq!(
            one.folder("/var/lib/odoo", "/d").as_deref(),
            Some("/d/volumes/v/_data")
        );
        assert_eq!((two.name(), two.label("x"), two.address()), ("", None, None));
        assert_eq!(two.folder("/y", "/d").as_deref(), Some("/x"));
    }
}
