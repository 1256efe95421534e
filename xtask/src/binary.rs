//! oCore's binary, as the stages of `cargo xtask test` run it.

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    process::{cargo, run},
    workspace,
};

/// Builds it, and says where it is. One build serves all: with the faults that end-to-end tests ask for, which do nothing
/// unless `OCORE_FAULTS` names a file; with the dashboard in it, for images; and of the whole workspace, so that libraries have the same features, and are the
/// same, as in the tests.
pub(crate) fn build() -> Result<PathBuf> {
    run(&mut cargo(&[
        "build",
        "--quiet",
        "--workspace",
        "--bin",
        "ocore",
        "--features",
        "ocore/faults,ocore/embedded",
    ]))?;
    Ok(workspace::target().join("debug/ocore"))
}
