//! `cargo xtask agent`: the agent as it is given away, small and without libraries of its own.

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    process::{cargo, run},
    workspace,
};

/// Builds it, and says where it is.
pub(crate) fn command() -> Result<()> {
    println!("{}", build()?.display());
    Ok(())
}

/// Builds it, for this machine's architecture. The C library is linked in: it runs on any Linux.
pub(crate) fn build() -> Result<PathBuf> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    // With a target named, the flags do not reach what only builds.
    run(cargo(&[
        "build",
        "--quiet",
        "-p",
        "ocore-agent",
        "--profile",
        "agent",
        "--target",
        &target,
    ])
    .env("RUSTFLAGS", "-C target-feature=+crt-static"))?;
    Ok(workspace::target().join(target).join("agent/ocore-agent"))
}
