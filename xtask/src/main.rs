//! `cargo xtask`: the project's own commands.

mod agent;
mod arrows;
mod bench;
mod binary;
mod contract;
mod db;
mod demo;
mod images;
mod migrations;
mod openapi;
mod postgres;
mod process;
mod setup;
mod sql;
mod test;
mod testbed;
mod web;
mod workspace;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "oCore's own commands")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the agent as it is given away, and say where it is
    Agent,
    /// Check what the other commands need, and install what is missing
    Setup,
    /// From nothing to a real Odoo on this machine
    Demo {
        /// Remove everything again as soon as a login has succeeded
        #[arg(long)]
        once: bool,
    },
    /// Run everything that has to hold
    Test {
        /// Leave the end-to-end tests out
        #[arg(long)]
        fast: bool,
    },
    /// Check that crates depend downwards only
    Arrows,
    /// Build the images of oCore: `ocore-backend`, `ocore-frontend`, `ocore-pgbouncer`
    Images(images::Options),
    /// Renew `docs/openapi.json`, the description of the API
    Openapi {
        /// Change nothing: fail if it is out of date
        #[arg(long)]
        check: bool,
    },
    /// Hold the running API against its description
    Contract {
        /// Ask other things than usual, which follow from this number
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Renew `.sqlx/`, from which queries are checked without a database
    Sql {
        /// Change nothing: fail if it is out of date
        #[arg(long)]
        check: bool,
    },
    /// Start a private PostgreSQL with oCore's schema and print its `DATABASE_URL`
    Db,
    /// Build the dashboard, unless it is built already
    Web {
        /// Also run its linter, its type checks and its tests
        #[arg(long)]
        check: bool,
    },
    /// Take a picture of every page of the dashboard, in both themes, wide and narrow
    Screenshots {
        /// Where they go
        #[arg(default_value = "target/screenshots")]
        folder: PathBuf,
    },
    /// Measure what has a target: the queue, lists, creating an instance, memory, the agent, what agents bring, the dashboard,
    /// operations in steps, the API under load
    Bench {
        /// Which of them
        #[arg(default_value = "all", value_parser = ["queue", "list", "create", "memory", "agent", "ingest", "dashboard", "steps", "scale", "all"])]
        which: String,
    },
    /// Servers of real parts on this machine: systemd, sshd, Docker Engine, Odoo
    Testbed {
        #[command(subcommand)]
        action: testbed::Action,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode> {
    process::catch_signals()?;
    match task {
        Task::Agent => agent::command(),
        Task::Setup => setup::command(),
        Task::Demo { once } => demo::command(once),
        Task::Test { fast } => return test::command(fast),
        Task::Arrows => arrows::command(),
        Task::Images(options) => images::command(&options),
        Task::Openapi { check } => openapi::command(check),
        Task::Contract { seed } => contract::command(seed),
        Task::Sql { check } => sql::command(check),
        Task::Bench { which } => bench::command(&which),
        Task::Db => db::command(),
        Task::Web { check } => web::command(check),
        Task::Screenshots { folder } => web::screenshots(&folder),
        Task::Testbed { action } => testbed::command(&action),
    }?;
    Ok(ExitCode::SUCCESS)
}
