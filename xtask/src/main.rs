//! `cargo xtask`: the project's own commands.

mod db;
mod postgres;
mod process;
mod sql;
mod workspace;

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
}

fn main() -> Result<()> {
    process::catch_signals()?;
    match Arguments::parse().command {
        Task::Sql { check } => sql::command(check),
        Task::Db => db::command(),
    }
}
