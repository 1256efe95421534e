//! The command line: a client of the HTTP API, and of nothing else.

mod advise;
mod alert;
mod api_key;
mod audit;
mod capacity;
mod changed;
mod channel;
mod checklist;
mod client;
mod confirm;
mod connection;
mod device;
mod download;
mod dump;
mod environment;
mod failure;
mod follow;
mod installation;
mod instance;
mod inventory;
mod invitation;
mod invite_link;
mod limits;
mod login;
mod member;
mod metrics;
mod operation;
mod org;
mod output;
mod person;
mod placement;
mod profile;
mod profiles;
mod progress;
mod recovery_drill;
mod resolve;
mod role;
mod secret;
mod server;
mod server_agent;
mod size;
mod sse;
mod values;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use self::{client::Client, connection::Connection, failure::Failure, output::Output};

/// What the exit code tells; it stands under `ocore --help`.
pub(crate) const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by the API, \
    4 the operation did not end as wanted, the login was not approved or the record is broken, \
    5 the API cannot be reached, 130 stopped watching or waiting by Ctrl-C.";

pub(crate) use size::parse as size_of;

/// The commands that talk to the API.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Sign in by browser, or with an API key, and keep the key in a profile.
    Login(login::Login),
    /// Forget a profile's key.
    Logout(login::Logout),
    /// Profiles: the installations that one has signed in to.
    Profile(profile::Local),
    /// Servers: the Linux machines on which instances run.
    Server(Resource<server::Command>),
    /// Instances: one Odoo each.
    Instance(Resource<instance::Command>),
    /// Operations: what oCore does, step by step.
    Operation(Resource<operation::Command>),
    /// Final dumps, kept for a while after an instance was deleted.
    Dump(Resource<dump::Command>),
    /// Organizations: to them belong servers and instances.
    Org(Resource<org::Command>),
    /// Members: the people in an organization.
    Member(Resource<member::Command>),
    /// Invitations, each to one e-mail address.
    Invitation(Resource<invitation::Command>),
    /// Invite links: they let in whoever has them.
    InviteLink(Resource<invite_link::Command>),
    /// Roles: what members may do, by name.
    Role(Resource<role::Command>),
    /// Permissions: what roles and API keys are made of.
    Permission(Resource<role::PermissionCommand>),
    /// API keys: what programs bear.
    ApiKey(Resource<api_key::Command>),
    /// The account of who asks. It takes a person's token.
    Account(Resource<person::AccountCommand>),
    /// Sessions: where one is signed in. It takes a person's token.
    Session(Resource<person::SessionCommand>),
    /// Alerts: what is wrong, and by which rules that is told.
    Alert(Resource<alert::Command>),
    /// Channels: the ways by which people are told of alerts.
    Channel(Resource<channel::Command>),
    /// How large servers and oCore itself are, how large they should be, and when they will be too small.
    Capacity(One<capacity::Capacity>),
    /// What the bottleneck is, and what to do about it.
    Advise(One<advise::Advise>),
    /// What should be known and done before one scales. Exit code 4 tells that something is left.
    Checklist(One<checklist::Checklist>),
    /// Servers and what is on each, as a document to keep where oCore is not.
    Inventory(One<inventory::Inventory>),
    /// Recovery drills: when somebody tried to bring back what would be lost.
    RecoveryDrill(Resource<recovery_drill::Command>),
    /// The record of who did what, and whether it is as it was written.
    Audit(Resource<audit::Command>),
    /// All accounts, organizations and keys, for who administers the installation.
    Installation(Resource<installation::Command>),
}

/// The verbs of one resource, and how to reach the API.
#[derive(Args)]
pub(crate) struct Resource<T: Subcommand> {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: T,
}

/// A command without verbs, and how to reach the API.
#[derive(Args)]
pub(crate) struct One<T: Args> {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    command: T,
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
pub(crate) struct Session {
    client: Client,
    output: Output,
}

/// Runs a command and tells how it ended.
pub(crate) async fn run(command: Command) -> ExitCode {
    // A resource's verbs, with a connection to the API.
    macro_rules! verbs {
        ($it:ident, $run:path) => {
            with($it.connection, async |session| {
                $run(session, $it.command).await
            })
            .await
        };
    }
    match command {
        Command::Login(it) => {
            let output = Output::new(it.json);
            ended(&output, login::login(&output, it).await)
        }
        Command::Logout(it) => {
            let output = Output::new(it.json);
            ended(&output, login::logout(&output, &it))
        }
        Command::Profile(it) => {
            let output = Output::new(it.json);
            ended(&output, profile::run(&output, it))
        }
        Command::Audit(it) => {
            if let Some((file, known)) = it.command.file() {
                let output = Output::new(it.connection.json);
                return match audit::verify_file(&output, file, known) {
                    Ok(()) => ExitCode::SUCCESS,
                    Err(failure) => failure.tell(&output),
                };
            }
            verbs!(it, audit::run)
        }
        Command::Alert(it) => verbs!(it, alert::run),
        Command::Channel(it) => verbs!(it, channel::run),
        Command::Server(it) => verbs!(it, server::run),
        Command::Instance(it) => verbs!(it, instance::run),
        Command::Operation(it) => verbs!(it, operation::run),
        Command::Dump(it) => verbs!(it, dump::run),
        Command::Capacity(it) => verbs!(it, capacity::run),
        Command::Advise(it) => {
            with(it.connection, async |session| {
                advise::run(session, &it.command).await
            })
            .await
        }
        Command::Checklist(it) => {
            with(it.connection, async |session| {
                checklist::run(session, &it.command).await
            })
            .await
        }
        Command::Inventory(it) => {
            with(it.connection, async |session| {
                inventory::run(session, &it.command).await
            })
            .await
        }
        Command::RecoveryDrill(it) => verbs!(it, recovery_drill::run),
        Command::Org(it) => verbs!(it, org::run),
        Command::Member(it) => verbs!(it, member::run),
        Command::Invitation(it) => verbs!(it, invitation::run),
        Command::InviteLink(it) => verbs!(it, invite_link::run),
        Command::Role(it) => verbs!(it, role::run),
        Command::Permission(it) => verbs!(it, role::permissions),
        Command::ApiKey(it) => verbs!(it, api_key::run),
        Command::Account(it) => verbs!(it, person::account),
        Command::Session(it) => verbs!(it, person::sessions),
        Command::Installation(it) => verbs!(it, installation::run),
    }
}

async fn with(connection: Connection, work: impl AsyncFnOnce(&Session) -> Result<(), Failure>) -> ExitCode {
    let output = Output::new(connection.json);
    match connection.client() {
        Ok(client) => {
            let session = Session { client, output };
            let done = work(&session).await;
            ended(&session.output, done)
        }
        Err(failure) => failure.tell(&output),
    }
}

fn ended(output: &Output, done: Result<(), Failure>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(output),
    }
}
