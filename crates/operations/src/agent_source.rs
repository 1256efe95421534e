//! Where the agent's program comes from, and where agents bring what they measure.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use ocore_domain::{Code, Problem, server::AuthMethod};
use ocore_store::servers::Server;
use sha2::{Digest, Sha256};

/// The version of the agents that this oCore installs.
pub const AGENT_VERSION: &str = env!("CARGO_PKG_VERSION");

/// What this installation gives its agents.
#[derive(Clone, Debug, Default)]
pub struct AgentSource {
    /// The program, if there is one.
    pub binary: Option<PathBuf>,
    /// Where servers reach oCore, without a slash at the end; none: nobody said, and nothing is known that servers reach.
    pub url: Option<String>,
    /// The same from this very machine.
    pub local_url: Option<String>,
    /// Certificates (PEM) of authorities that agents are to trust beside their system's.
    pub ca: Option<Arc<str>>,
    /// Whether new servers get the agent by themselves.
    pub auto: bool,
}

impl AgentSource {
    /// Where the agent of a server reaches oCore.
    pub(crate) fn url_for(&self, server: &Server) -> Result<&str, Problem> {
        let local = server.auth_method == AuthMethod::Local;
        let url = self.local_url.as_ref().filter(|_| local).or(self.url.as_ref());
        url.map(String::as_str).ok_or_else(|| {
            Problem::new(
                Code::AgentUnreachable,
                "It is not known where servers reach oCore",
                "Set OCORE_AGENT_URL (or APP_URL) to an address of oCore that the servers reach. Until then they are \
                 looked at over SSH.",
            )
        })
    }

    /// Whether a server that is added gets the agent by itself.
    pub(crate) fn is_offered(&self, server: &Server) -> bool {
        // On this machine it would be tried for nothing where oCore may not install it, or no systemd runs.
        let is_possible = server.auth_method != AuthMethod::Local
            || (nix::unistd::geteuid().is_root() && Path::new("/run/systemd/system").is_dir());
        self.auto && self.binary.is_some() && self.url_for(server).is_ok() && is_possible
    }

    /// The program, for a server of this architecture.
    pub(crate) fn file(&self, architecture: &str) -> Result<AgentFile, Problem> {
        let path = self.binary.as_ref().ok_or_else(|| {
            unsupported(
                "oCore has no program of the agent to give".to_owned(),
                "Put `ocore-agent` beside the program `ocore`, or name it in OCORE_AGENT_BINARY.",
            )
        })?;
        let unreadable = |error| {
            unsupported(
                format!("{} cannot be read: {error}", path.display()),
                "Let oCore read it, or name another in OCORE_AGENT_BINARY.",
            )
        };
        let bytes = fs::read(path).map_err(unreadable)?;
        let made_for = machine(&bytes);
        if made_for != Some(architecture) {
            return Err(unsupported(
                format!(
                    "The server is {architecture}, and oCore has the agent for {}",
                    made_for.unwrap_or("no Linux at all")
                ),
                "Name a program for that architecture in OCORE_AGENT_BINARY.",
            ));
        }
        Ok(AgentFile::new(bytes))
    }
}

fn unsupported(detail: String, mend: &str) -> Problem {
    Problem::new(Code::AgentUnsupported, detail, mend)
}

/// The architecture a program is for, as `uname -m` names it: it stands in its header.
fn machine(elf: &[u8]) -> Option<&'static str> {
    if !elf.starts_with(b"\x7fELF") {
        return None;
    }
    match elf.get(18..20)? {
        [62, 0] => Some("x86_64"),
        [183, 0] => Some("aarch64"),
        _ => None,
    }
}

/// The agent's program.
pub(crate) struct AgentFile {
    bytes: Vec<u8>,
    checksum: String,
}

impl AgentFile {
    fn new(bytes: Vec<u8>) -> Self {
        let checksum = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self { bytes, checksum }
    }

    /// What it consists of.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// As `sha256sum` prints it.
    pub(crate) fn checksum(&self) -> &str {
        &self.checksum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_says_what_it_is_for() {
        let own = fs::read("/proc/self/exe").unwrap();
        assert_eq!(machine(&own), Some(std::env::consts::ARCH));
        assert_eq!(machine(b"#!/bin/sh\n"), None);
    }

    #[test]
    fn what_is_for_another_machine_is_refused() {
        let source = AgentSource {
            binary: Some("/proc/self/exe".into()),
            ..AgentSource::default()
        };
        let refused = source.file("riscv64").err().unwrap();
        assert_eq!(refused.code, Code::AgentUnsupported);
        assert!(refused.detail.contains("riscv64") && refused.detail.contains(std::env::consts::ARCH));
        assert!(AgentSource::default().file("x86_64").is_err());
    }
}
