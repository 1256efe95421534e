//! `ocore installation audit`: the record of what belongs to no organization.

use clap::Subcommand;
use ocore_domain::audit::Place;

use crate::cli::{
    Session,
    audit::{List, verify},
    failure::Failure,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List what was done, newest first unless told otherwise.
    List(Box<List>),
    /// Check that nothing in the record was changed, moved or taken away. Exit code 4 tells that something was.
    Verify {
        /// An entry known from an earlier check, as that printed it: only what comes after it is checked.
        #[arg(long, value_name = "NUMBER:HASH", value_parser = |text: &str| text.parse::<Place>())]
        known: Option<Place>,
    },
}

pub(super) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::List(wanted) => wanted.run(session, &["admin", "audit-logs"]).await,
        Command::Verify { known } => verify(session, &["admin", "audit-logs", "verify"], known).await,
    }
}
