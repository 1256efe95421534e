//! `cargo xtask`: the project's own commands.

mod db;
mod postgres;
mod process;
mod sql;
mod testbed;
mod workspace;

use std::process::ExitCode;

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
    /// Renew `.sqlx/`, from which queries are checked without a database
    Sql {
        /// Change nothing: fail if it is out of date
        #[arg(long)]
        check: bool,
    },
    /// Start a private PostgreSQL with oCore's schema and print its DATABASE_URL
    Db,
    /// Servers of real parts on this machine: systemd, sshd, Docker Engine, Odoo
    Testbed {
        #[command(subcommand)]
        action: testbed::Action,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    process::catch_signals()?;
    match task {
        Task::Sql { check } => sql::command(check),
        Task::Db => db::command(),
        Task::Testbed { action } => testbed::command(&action),
    }
}
