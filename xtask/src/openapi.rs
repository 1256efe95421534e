//! `cargo xtask openapi`: the description of the API in `docs/openapi.json`.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use ocore_testbed::command::read;

use crate::{binary, workspace};

/// Renews it from the binary; with `check` only says whether that would change it.
pub(crate) fn command(check: bool) -> Result<()> {
    let mut print = Command::new(binary::build()?);
    let new = read(print.arg("openapi").stderr(Stdio::inherit()))? + "\n";
    let file = workspace::root().join("docs/openapi.json");
    if std::fs::read_to_string(&file).is_ok_and(|old| old == new) {
        println!("docs/openapi.json is up to date");
        return Ok(());
    }
    if check {
        bail!("docs/openapi.json is out of date; run `cargo xtask openapi` and commit it");
    }
    std::fs::write(&file, new)?;
    println!("docs/openapi.json renewed");
    Ok(())
}
