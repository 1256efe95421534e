//! `cargo xtask bench`: the figures in `docs/benchmarks.md`.

use anyhow::Result;

use crate::{
    process::{cargo, run},
    workspace,
};

/// Builds `ocore` and the benchmarks in release mode, and runs one of them or all.
pub(crate) fn command(which: &str) -> Result<()> {
    if !["queue", "list", "ingest"].contains(&which) {
        run(&mut cargo(&["build", "--release", "--package", "ocore"]))?;
    }
    // A workspace of its own: what oCore is compared with is compiled here only. The rest is shared.
    let folder = workspace::root().join("bench");
    let mut bench = cargo(&["run", "--release", "--quiet", "--", which]);
    bench
        .current_dir(&folder)
        .env("CARGO_TARGET_DIR", workspace::target())
        .env("OCORE_BENCH_BINARY", workspace::target().join("release/ocore"));
    run(&mut bench)
}
