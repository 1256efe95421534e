//! The docker program of this machine: the engine that holds the servers.

use std::process::Command;

use anyhow::Result;

use crate::command;

/// `docker` with arguments.
pub(crate) fn docker(arguments: &[&str]) -> Command {
    let mut command = Command::new("docker");
    command.args(arguments);
    command
}

/// Runs it; it must succeed. Answers its output.
pub(crate) fn read(arguments: &[&str]) -> Result<String> {
    command::read(&mut docker(arguments))
}

/// Runs it; answers its output only if it succeeded: for asking about what may not be there.
pub(crate) fn look(arguments: &[&str]) -> Option<String> {
    command::read(&mut docker(arguments)).ok()
}
