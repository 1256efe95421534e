//! An operation whose steps do nothing but leave a trace, for tests that kill processes: whether each was done, and once. Only in
//! builds with the faults of tests.
//!
//! Each entry is written as steps of real operations write: one looks at the world first, as what is done to a server; the
//! other is written while the claim is held, as what is done to oCore's own rows. Neither place keeps anybody from writing twice.

use std::{io::Write, path::PathBuf, time::Duration};

use ocore_domain::Problem;
use serde::Deserialize;
use tokio::time::sleep;

use crate::engine::{Ctx, Definition, Settle, secs, step};

pub(crate) static DEFINITION: Definition = Definition {
    kind: "ledger",
    steps: &[
        step!(first, "Write to the file", secs(60)),
        step!(second, "Write a row", secs(60)),
        step!(third, "Write to the file again", secs(60)),
    ],
    settle: Settle::Nothing,
    secrets: None,
};

#[derive(Deserialize)]
struct Params {
    /// The folder with the files, one for each operation; `ledger` is the table with the rows.
    folder: PathBuf,
    /// How long each step takes, about.
    pause_ms: u64,
}

async fn first(ctx: &Ctx) -> Result<(), Problem> {
    in_file(ctx, "first").await
}

async fn third(ctx: &Ctx) -> Result<(), Problem> {
    in_file(ctx, "third").await
}

async fn in_file(ctx: &Ctx, step: &str) -> Result<(), Problem> {
    let params: Params = ctx.params()?;
    let path = params.folder.join(ctx.operation().to_string());
    sleep(Duration::from_millis(params.pause_ms / 2)).await;
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    if written.lines().any(|line| line == step) {
        ctx.info("It stands there already");
        return Ok(());
    }
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(&path)
        .map_err(Problem::internal)?;
    file.write_all(format!("{step}\n").as_bytes())
        .map_err(Problem::internal)?;
    ctx.info("Written");
    // The worst moment to be killed: it is done, and nobody knows.
    sleep(Duration::from_millis(params.pause_ms / 2)).await;
    Ok(())
}

async fn second(ctx: &Ctx) -> Result<(), Problem> {
    let params: Params = ctx.params()?;
    let mut tx = ctx.store().begin().await?;
    ctx.hold(&mut tx).await?;
    ocore_store::operations::write_in_ledger(&mut tx, ctx.operation()).await?;
    sleep(Duration::from_millis(params.pause_ms / 2)).await;
    tx.commit().await.map_err(ocore_store::Error::from)?;
    sleep(Duration::from_millis(params.pause_ms / 2)).await;
    Ok(())
}
