//! Servers: Linux machines on which instances run.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::words::words;

words! {
    /// Where a server stands.
    pub enum ServerStatus {
        /// It is being connected to, looked at and prepared.
        Validating = "validating",
        /// It takes instances.
        Active = "active",
        /// It was active, and oCore cannot reach it now.
        Unreachable = "unreachable",
        /// Validation found a fault; the message says which.
        Failed = "failed",
        /// It is being taken out.
        Removing = "removing",
        /// It is gone from oCore.
        Removed = "removed",
    }
}

words! {
    /// How oCore gets onto a server.
    pub enum AuthMethod {
        /// This machine itself: no SSH.
        Local = "local",
        /// A private key.
        Key = "key",
        /// A password. Not for production.
        Password = "password",
    }
}

words! {
    /// How oCore becomes root on a server.
    #[derive(Default)]
    pub enum Privilege {
        /// The user is root.
        #[default]
        Root = "root",
        /// `sudo -n` works.
        Sudo = "sudo",
        /// Neither; Docker's socket is open to the user all the same.
        DockerOnly = "docker_only",
    }
}

words! {
    /// How the Docker Engine's socket is reached.
    pub enum DockerRoute {
        /// The socket on this machine.
        Socket = "socket",
        /// An SSH `direct-streamlocal` channel to the socket.
        Streamlocal = "streamlocal",
        /// An SSH exec channel running `docker system dial-stdio`, where sshd forbids forwarding or the socket
        /// needs sudo.
        DialStdio = "dial_stdio",
    }
}

/// What was seen on a server, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerFacts {
    /// For example `Debian GNU/Linux`.
    pub os_name: String,
    /// For example `12`.
    pub os_version: String,
    /// `uname -r`.
    pub kernel: String,
    /// `uname -m`.
    pub architecture: String,
    /// Logical cores.
    pub cpu_cores: u32,
    /// Memory in bytes.
    pub ram_total_bytes: u64,
    /// Size in bytes of the file system that holds Docker's data.
    pub disk_total_bytes: u64,
    /// Free bytes on it for an unprivileged user.
    pub disk_available_bytes: u64,
    /// The Engine's version.
    pub docker_version: String,
    /// The way to the Engine's socket.
    pub docker_route: DockerRoute,
    /// The way to root.
    pub privilege: Privilege,
    /// Names one boot of the machine: changes when it restarts.
    pub boot_id: String,
    /// When all this was seen.
    pub observed_at: DateTime<Utc>,
}
