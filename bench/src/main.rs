//! oCore's benchmarks. Each compares two things in one run, or takes one number, and says whether its target holds.

mod agent;
mod create;
mod dashboard;
mod graphile;
mod graphile_node;
mod ingest;
mod latency;
mod list;
mod memory;
mod ocore;
mod queue;
mod report;
mod scale;
mod steps;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use tracing_subscriber::EnvFilter;

use graphile_node::Node;
use report::Report;

#[derive(Parser)]
struct Arguments {
    /// Which to run
    #[arg(default_value = "all")]
    which: Which,
    /// The release build of `ocore`
    #[arg(long, env = "OCORE_BENCH_BINARY", default_value = "../target/release/ocore")]
    ocore: PathBuf,
    /// Node.js, which drives a browser for the dashboard
    #[arg(long, env = "OCORE_BENCH_NODE", default_value = "node")]
    node: PathBuf,
    /// What it runs
    #[arg(long, env = "OCORE_BENCH_BROWSER", default_value = "../web/bench/run.mjs")]
    browser: PathBuf,
    /// The folder of `graphile-worker` for Node.js, and where what it needs is installed; without it, it is not compared
    #[arg(long, env = "OCORE_BENCH_GRAPHILE", requires = "graphile_modules")]
    graphile: Option<PathBuf>,
    #[arg(long, env = "OCORE_BENCH_GRAPHILE_MODULES")]
    graphile_modules: Option<PathBuf>,
    /// Where the results are kept
    #[arg(long, env = "OCORE_BENCH_RESULTS", default_value = "results/latest.json")]
    results: PathBuf,
    /// A server to count SSH connections to, as user@address; without one they are not counted
    #[arg(long, env = "OCORE_BENCH_SSH", requires = "ssh_key")]
    ssh: Option<String>,
    /// The agent as it is given away
    #[arg(long, env = "OCORE_BENCH_AGENT", requires = "server")]
    agent: Option<PathBuf>,
    /// The container of the testbed's server on which it is measured
    #[arg(long, env = "OCORE_BENCH_SERVER")]
    server: Option<String>,
    /// The file with the private key for it
    #[arg(long, env = "OCORE_BENCH_SSH_KEY")]
    ssh_key: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    /// The queue, beside `graphile_worker`
    Queue,
    /// A page of instances, beside a bare query
    List,
    /// Creating an instance, beside the same by hand
    Create,
    /// Resident memory of `ocore serve`
    Memory,
    /// The agent, beside another
    Agent,
    /// What 1,000 servers tell, and charts of it
    Ingest,
    /// The dashboard in a browser, with 5,000 instances
    Dashboard,
    /// Operations of three steps, by processes and cores
    Steps,
    /// The API under mixed load, with 100 organizations, 1,000 servers and 10,000 instances
    Scale,
    All,
    /// A process of the benchmark `steps`
    #[value(hide = true)]
    Worker,
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("warn"))
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();
    if arguments.which == Which::Worker {
        return steps::work().await;
    }
    let mut report = Report::open(&arguments.results)?;
    let which = arguments.which;
    let asked = |one| which == one || which == Which::All;
    if asked(Which::Queue) {
        let node = arguments.graphile.zip(arguments.graphile_modules);
        let node = node.map(|(folder, modules)| Node {
            program: arguments.node.clone(),
            script: folder.join("drain.mjs"),
            modules,
        });
        report.keep("queue", queue::run(node.as_ref()).await?)?;
    }
    if asked(Which::List) {
        report.keep("list", list::run().await?)?;
    }
    if asked(Which::Create) {
        let ssh = arguments.ssh.as_deref().zip(arguments.ssh_key.as_deref());
        report.keep("create", create::run(&arguments.ocore, ssh)?)?;
    }
    if asked(Which::Memory) {
        report.keep("memory", memory::run(&arguments.ocore)?)?;
    }
    if asked(Which::Agent) {
        if let Some((agent, server)) = arguments.agent.as_deref().zip(arguments.server.as_deref()) {
            report.keep("agent", agent::run(agent, server).await?)?;
        }
    }
    if asked(Which::Ingest) {
        report.keep("ingest", ingest::run().await?)?;
    }
    if asked(Which::Dashboard) {
        let figures = dashboard::run(&arguments.ocore, &arguments.node, &arguments.browser).await?;
        report.keep("dashboard", figures)?;
    }
    if asked(Which::Steps) {
        report.keep("steps", steps::run().await?)?;
    }
    if asked(Which::Scale) {
        report.keep("scale", scale::run(&arguments.ocore).await?)?;
    }
    report.end()
}
