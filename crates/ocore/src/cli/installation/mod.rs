//! `ocore installation`: everybody's accounts, organizations, keys and record, for who administers the installation.

mod api_keys;
mod audit;
mod members;
mod operations;
mod orgs;
mod queue;
mod users;

use clap::Subcommand;
use serde_json::Value;

use super::{
    Session,
    failure::Failure,
    resolve::{Kind, is_id, list_all},
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Accounts: the people of the installation.
    #[command(subcommand)]
    User(users::Command),
    /// Organizations, whosever they are.
    #[command(subcommand)]
    Org(orgs::Command),
    /// Who is in an organization.
    #[command(subcommand)]
    Member(members::Command),
    /// Every API key.
    #[command(subcommand)]
    ApiKey(api_keys::Command),
    /// The record of what was done to the installation itself.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Operations of any organization, by id.
    #[command(subcommand)]
    Operation(operations::Command),
    /// What waits and is at work, and what is not to be taken up for now.
    #[command(subcommand)]
    Queue(queue::Command),
}

pub(crate) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::User(command) => users::run(session, command).await,
        Command::Org(command) => orgs::run(session, command).await,
        Command::Member(command) => members::run(session, command).await,
        Command::ApiKey(command) => api_keys::run(session, command).await,
        Command::Audit(command) => audit::run(session, command).await,
        Command::Operation(command) => operations::run(session, command).await,
        Command::Queue(command) => queue::run(session, command).await,
    }
}

/// The one that is meant of a list under `/api/admin`: by its id, or by a name, which the API looks for.
async fn find(session: &Session, kind: &Kind, given: &str) -> Result<Value, Failure> {
    let path = ["admin", kind.path];
    if is_id(given) {
        return session.client.get(&[&path[..], &[given]].concat(), &[]).await;
    }
    let query = [("search", given.to_owned())];
    kind.pick(list_all(session, &path, &query).await?, given)
}
