//! The command line: a client of the HTTP API, and of nothing else.

mod audit;
mod changed;
mod client;
mod confirm;
mod dump;
mod environment;
mod failure;
mod follow;
mod instance;
mod operation;
mod output;
mod progress;
mod resolve;
mod secret;
mod server;
mod size;
mod sse;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};

use self::{client::Client, failure::Failure, output::Output};

/// What the exit code tells; it stands under `ocore --help`.
pub(crate) const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by the API, \
    4 the operation did not end as wanted or the record is broken, 5 the API cannot be reached, 130 stopped watching by Ctrl-C.";

/// The commands that talk to the API.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Servers: the Linux machines on which instances run.
    Server(Resource<server::Command>),
    /// Instances: one Odoo each.
    Instance(Resource<instance::Command>),
    /// Operations: what oCore does, step by step.
    Operation(Resource<operation::Command>),
    /// Final dumps, kept for a while after an instance was deleted.
    Dump(Resource<dump::Command>),
    /// The record of who did what, and whether it is as it was written.
    Audit(Resource<audit::Command>),
}

/// The verbs of one resource, and how to reach the API.
#[derive(Args)]
pub(crate) struct Resource<T: Subcommand> {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: T,
}

/// How to reach the API. The token is read from `OCORE_TOKEN` unless a file is named; it is never an argument, which
/// every user of the machine could read.
#[derive(Args)]
struct Connection {
    /// Where the API is.
    #[arg(
        long,
        global = true,
        env = "OCORE_URL",
        default_value = "http://127.0.0.1:8080"
    )]
    url: String,
    /// A file with the API token; otherwise `OCORE_TOKEN` holds it.
    #[arg(long, global = true, value_name = "FILE", help_heading = "API")]
    token_file: Option<PathBuf>,
    /// Print exactly one JSON document on standard output.
    #[arg(long, global = true, help_heading = "API")]
    json: bool,
}

/// Whether to wait for the operation that a command starts.
#[derive(Args)]
pub(crate) struct Wait {
    /// Show the steps and wait for the end; the default.
    #[arg(long, conflicts_with = "no_wait")]
    follow: bool,
    /// Return as soon as the operation is queued.
    #[arg(long)]
    no_wait: bool,
}

/// What every command works with.
struct Session {
    client: Client,
    output: Output,
}

/// Runs a command and tells how it ended.
pub(crate) async fn run(command: Command) -> ExitCode {
    match command {
        Command::Server(it) => {
            with(it.connection, async |session| {
                server::run(session, it.command).await
            })
            .await
        }
        Command::Instance(it) => {
            with(it.connection, async |session| {
                instance::run(session, it.command).await
            })
            .await
        }
        Command::Operation(it) => {
            with(it.connection, async |session| {
                operation::run(session, it.command).await
            })
            .await
        }
        Command::Dump(it) => {
            with(it.connection, async |session| {
                dump::run(session, it.command).await
            })
            .await
        }
        Command::Audit(it) => {
            if let Some((file, known)) = it.command.file() {
                let output = Output::new(it.connection.json);
                return match audit::verify_file(&output, file, known) {
                    Ok(()) => ExitCode::SUCCESS,
                    Err(failure) => failure.tell(&output),
                };
            }
            with(it.connection, async |session| {
                audit::run(session, it.command).await
            })
            .await
        }
    }
}

async fn with(connection: Connection, work: impl AsyncFnOnce(&Session) -> Result<(), Failure>) -> ExitCode {
    let output = Output::new(connection.json);
    let session = match Client::new(&connection.url, connection.token_file.as_deref()) {
        Ok(client) => Session { client, output },
        Err(failure) => return failure.tell(&output),
    };
    match work(&session).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(&session.output),
    }
}
