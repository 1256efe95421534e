//! `ocore`: the control plane (`ocore serve`) and a command line for its API.

mod admin;
mod backup;
mod cli;
mod config;
mod database;
mod frontend;
mod health;
mod openapi;
mod serve;
mod setup;
mod upgrade;

use std::{
    env,
    io::{self, Write},
    process::ExitCode,
};

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::config::Config;

/// A self-hosted control plane for Odoo.
#[derive(Parser)]
#[command(name = "ocore", version, propagate_version = true, after_help = cli::EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the control plane, configured by environment variables (docs/configuration.md).
    Serve,
    /// Serve the dashboard by a process of its own, and pass on what is the API's to `OCORE_API_URL`.
    Frontend,
    /// Ask the process that listens at `OCORE_LISTEN` on this machine whether it is well.
    Health {
        /// What to ask for.
        #[arg(long, default_value = "/health/ready")]
        path: String,
    },
    /// Put what `docker compose` needs to run oCore into a folder: its files, and a `.env` with new secrets.
    Setup(setup::Options),
    /// Administrators, made on the machine that runs `ocore serve`, with its environment.
    #[command(subcommand)]
    Admin(Admin),
    /// oCore's own database, looked at on the machine that runs `ocore serve`, with its environment.
    #[command(subcommand)]
    Database(DatabaseCommand),
    /// Backups of oCore's own database and secrets, on the machine that runs `ocore serve`, with its environment.
    #[command(subcommand)]
    Backup(backup::Command),
    /// Bring the database to this version: what that takes is looked at, a backup is made, and the schema is changed.
    Upgrade(upgrade::Upgrade),
    /// Print the description of the API (`OpenAPI`, as JSON).
    Openapi,
    /// Print a completion script for a shell.
    Completion {
        /// The shell.
        shell: Shell,
    },
    #[command(flatten)]
    Client(Box<cli::Command>),
}

#[derive(Subcommand)]
enum Admin {
    /// Make an administrator: a key for a program, or, with `--email`, a person's account.
    ///
    /// A key is printed once. An account that has no password yet gets a link, good for a day, by which one is chosen; an
    /// account there is becomes an administrator's.
    Create {
        /// What the key is for, or the person's name.
        #[arg(long)]
        name: String,
        /// The person's e-mail address.
        #[arg(long)]
        email: Option<String>,
        /// Take the account's password from the first line of standard input.
        #[arg(long, requires = "email")]
        password_stdin: bool,
    },
}

#[derive(Subcommand)]
enum DatabaseCommand {
    /// Review version, TLS, pooler, rights, latency, connections and settings; change nothing.
    ///
    /// Exit codes: 0 nothing is to be done, 1 the database cannot be reached or used, 4 there are warnings, 6 something is
    /// critical.
    Check {
        /// Print one JSON document.
        #[arg(long)]
        json: bool,
        /// The memory of the database's machine, such as 8G, where that is another one.
        #[arg(long, value_parser = cli::size_of)]
        memory: Option<u64>,
    },
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    match run(arguments.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Tells what was not understood of the arguments, or the help that was asked for. A key that somebody wrote among them is
/// not repeated: what is printed may be kept in a log.
fn usage(error: &clap::Error) -> ExitCode {
    let mut text = error.render().to_string();
    let arguments = env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    let keys: Vec<String> = arguments
        .filter_map(|argument| argument.find("ocore_").map(|at| argument[at..].to_owned()))
        .filter(|key| key.len() > 12)
        .collect();
    if keys.iter().any(|key| text.contains(key)) {
        for key in &keys {
            text = text.replace(key, "ocore_…");
        }
        eprint!(
            "{text}\n  → A key is never an argument, which every user of this machine can read: revoke it.\n"
        );
    } else {
        // It is for a terminal that is not there, or for a pipe that was closed.
        let _ = error.print();
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve => runtime()?.block_on(serve::run(Config::from_environment()?))?,
        Command::Frontend => runtime()?.block_on(frontend::run(frontend::Config::from_environment()?))?,
        Command::Health { path } => runtime()?.block_on(health::ask(&path))?,
        Command::Setup(options) => setup::run(&options)?,
        Command::Admin(Admin::Create {
            name, email: None, ..
        }) => {
            runtime()?.block_on(admin::create(Config::from_environment()?, &name))?;
        }
        Command::Admin(Admin::Create {
            name,
            email: Some(email),
            password_stdin,
        }) => {
            let password = password_stdin.then(admin::password_from_stdin).transpose()?;
            let made = admin::create_account(Config::from_environment()?, &email, &name, password);
            runtime()?.block_on(made)?;
        }
        Command::Database(DatabaseCommand::Check { json, memory }) => {
            let checked = database::check::run(Config::from_environment()?, memory, json);
            return runtime()?.block_on(checked);
        }
        Command::Backup(command) => runtime()?.block_on(backup::run(command))?,
        Command::Upgrade(wanted) => return runtime()?.block_on(upgrade::run(wanted)),
        Command::Openapi => writeln!(io::stdout(), "{}", openapi::document()?)?,
        Command::Completion { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "ocore", &mut io::stdout());
        }
        Command::Client(command) => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            return Ok(runtime.block_on(cli::run(*command)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}
