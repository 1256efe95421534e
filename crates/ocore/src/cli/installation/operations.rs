//! `ocore installation operation`: an operation, whosever it is.

use clap::Subcommand;
use ocore_domain::operation::OperationState;

use crate::cli::{
    Session,
    changed::ended_as,
    failure::Failure,
    follow::{Where, follow_in},
    operation,
    progress::Lines,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show an operation and its steps.
    Show {
        /// The operation's id.
        operation: String,
    },
    /// Watch an operation to its end.
    Follow {
        /// The operation's id.
        operation: String,
    },
}

/// Operations of any organization.
pub(super) const ANY: Where = Where {
    path: &["admin", "operations"],
    command: "ocore installation operation",
};

pub(super) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::Show { operation } => {
            let path = ["admin", "operations", &operation];
            let answer = session.client.get(&path, &[]).await?;
            session.output.result(&answer, || operation::show(&answer))
        }
        Command::Follow { operation } => {
            let end = follow_in(session, ANY, &operation, Lines::All).await?;
            session.output.result(&end, String::new)?;
            ended_as(&end, OperationState::Done)
        }
    }
}
