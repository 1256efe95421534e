//! Servers: Linux machines on which instances run.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a server stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[cfg_attr(
    feature = "sqlx",
    derive(sqlx::Type),
    sqlx(type_name = "text", rename_all = "snake_case")
)]
#[serde(rename_all = "snake_case")]
pub enum ServerStatus {
    /// It is being connected to, looked at and prepared.
    Validating,
    /// It takes instances.
    Active,
    /// It was active, and oCore cannot reach it now.
    Unreachable,
    /// Validation found a fault; the message says which.
    Failed,
    /// It is being taken out.
    Removing,
    /// It is gone from oCore.
    Removed,
}

impl ServerStatus {
    /// Every status.
    pub const ALL: &'static [Self] = &[
        Self::Validating,
        Self::Active,
        Self::Unreachable,
        Self::Failed,
        Self::Removing,
        Self::Removed,
    ];

    /// The status as it stands in the database and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Validating => "validating",
            Self::Active => "active",
            Self::Unreachable => "unreachable",
            Self::Failed => "failed",
            Self::Removing => "removing",
            Self::Removed => "removed",
        }
    }
}

impl FromStr for ServerStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .iter()
            .copied()
            .find(|s| s.as_str() == text)
            .ok_or_else(|| format!("unknown status `{text}`"))
    }
}

impl fmt::Display for ServerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How oCore gets onto a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(
    feature = "sqlx",
    derive(sqlx::Type),
    sqlx(type_name = "text", rename_all = "snake_case")
)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// This machine itself: no SSH.
    Local,
    /// A private key.
    Key,
    /// A password. Not for production.
    Password,
}

impl AuthMethod {
    /// The method as it stands in the database and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Key => "key",
            Self::Password => "password",
        }
    }
}

impl FromStr for AuthMethod {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Local, Self::Key, Self::Password]
            .into_iter()
            .find(|m| m.as_str() == text)
            .ok_or_else(|| format!("unknown authentication method `{text}`"))
    }
}

/// How oCore becomes root on a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Privilege {
    /// The user is root.
    #[default]
    Root,
    /// `sudo -n` works.
    Sudo,
    /// Neither; Docker's socket is open to the user all the same.
    DockerOnly,
}

/// How the Docker Engine's socket is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DockerRoute {
    /// The socket on this machine.
    Socket,
    /// An SSH `direct-streamlocal` channel to the socket.
    Streamlocal,
    /// An SSH exec channel running `docker system dial-stdio`, where sshd forbids forwarding or the socket
    /// needs sudo.
    DialStdio,
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
