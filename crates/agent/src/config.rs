//! What the agent is told: `/etc/ocore-agent/config.toml`, and secrets by files that only it can read.

use std::{env, fs, path::Path};

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use crate::fault::Fault;

/// Where the configuration is unless something else is said.
pub(crate) const PATH: &str = "/etc/ocore-agent/config.toml";

/// The configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where oCore is reached: `https://ocore.example.com`.
    pub(crate) url: Url,
    /// The server's identifier, for whoever reads the file.
    pub(crate) server: String,
    /// A file with certificates of authorities to be trusted beside the system's.
    pub(crate) ca: Option<String>,
    /// The Docker Engine's socket; none: no containers are looked at.
    pub(crate) docker: Option<String>,
    /// The container with the PostgreSQL of oCore's instances.
    pub(crate) postgres: Option<String>,
}

impl Config {
    pub(crate) fn read(path: &str) -> Result<Self, Fault> {
        let text =
            fs::read_to_string(path).map_err(|error| Fault(format!("{path} cannot be read: {error}")))?;
        let config: Self = toml::from_str(&text).map_err(|error| Fault(format!("{path}: {error}")))?;
        if !matches!(config.url.scheme(), "https" | "http") || config.url.host().is_none() {
            return Err(Fault(format!(
                "{path}: `url` must begin with https:// and name a host"
            )));
        }
        Ok(config)
    }
}

/// A secret that systemd passes: a file of this name in a folder that only this service can read.
pub(crate) fn credential(name: &str) -> Result<SecretString, Fault> {
    let folder = env::var_os("CREDENTIALS_DIRECTORY").ok_or_else(|| {
        Fault(
            "CREDENTIALS_DIRECTORY is not set: the agent is started by systemd, which passes its token"
                .to_owned(),
        )
    })?;
    secret(&Path::new(&folder).join(name))
}

/// The secret in a file.
pub(crate) fn secret(path: &Path) -> Result<SecretString, Fault> {
    let text = fs::read_to_string(path)
        .map_err(|error| Fault(format!("{} cannot be read: {error}", path.display())))?;
    match text.trim() {
        "" => Err(Fault(format!("{} is empty", path.display()))),
        text => Ok(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let read = |text: &str| {
            fs::write(&path, text).unwrap();
            Config::read(path.to_str().unwrap())
        };
        let config = read("url = \"https://ocore.example.com\"\nserver = \"s\"\n").unwrap();
        assert_eq!((config.server.as_str(), config.docker), ("s", None));
        assert!(
            read("url = \"ftp://x\"\nserver = \"s\"\n")
                .unwrap_err()
                .0
                .contains("https://")
        );
        assert!(
            read("url = \"https://x\"\nserver = \"s\"\ntoken = \"t\"\n")
                .unwrap_err()
                .0
                .contains("token")
        );
    }
}
