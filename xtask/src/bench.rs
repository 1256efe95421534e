//! `cargo xtask bench`: the figures in `docs/benchmarks.md`.

use anyhow::Result;

use crate::{
    agent,
    process::{cargo, run},
    web, workspace,
};

/// Builds `ocore` and the benchmarks in release mode, and runs one of them or all.
pub(crate) fn command(which: &str) -> Result<()> {
    // First: the binary takes in what is built here.
    let browser = if ["dashboard", "all"].contains(&which) {
        Some(web::bench()?)
    } else {
        None
    };
    if !["queue", "list", "agent", "ingest", "steps"].contains(&which) {
        run(&mut cargo(&["build", "--release", "--package", "ocore"]))?;
    }
    // A workspace of its own: what oCore is compared with is compiled here only. The rest is shared.
    let folder = workspace::root().join("bench");
    // Of the agent nothing that is measured runs in the benchmark itself, so that is not built twice.
    let release: &[&str] = if which == "agent" { &[] } else { &["--release"] };
    let mut bench = cargo(&[&["run", "--quiet"], release, &["--", which]].concat());
    bench
        .current_dir(&folder)
        .env("CARGO_TARGET_DIR", workspace::target())
        .env("OCORE_BENCH_BINARY", workspace::target().join("release/ocore"));
    if let Some((node, script)) = browser {
        bench
            .env("OCORE_BENCH_NODE", node)
            .env("OCORE_BENCH_BROWSER", script);
    }
    if ["queue", "all"].contains(&which) {
        let (script, modules) = ocore_testbed::graphile_worker()?;
        bench
            .env("OCORE_BENCH_NODE", web::node()?)
            .env("OCORE_BENCH_GRAPHILE", script)
            .env("OCORE_BENCH_GRAPHILE_MODULES", modules);
    }
    if ["agent", "all"].contains(&which) {
        ocore_testbed::up(1)?;
        bench
            .env("OCORE_BENCH_AGENT", agent::build()?)
            .env("OCORE_BENCH_SERVER", ocore_testbed::server(1).name);
    }
    run(&mut bench)
}
