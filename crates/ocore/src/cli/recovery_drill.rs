//! `ocore recovery-drill`: the record of when somebody tried to bring back what would be lost.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{
    Session,
    failure::Failure,
    output::{Column, table, text},
    resolve::{Page, list, rows},
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List drills, the newest first.
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Record a drill that was done.
    Record(Record),
}

#[derive(Args, Serialize)]
pub(crate) struct Record {
    /// When it was done, for example 2026-11-25T10:00:00Z; now when left out.
    #[arg(long, value_name = "TIME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// Not everything was there again.
    #[arg(long = "failed", action = clap::ArgAction::SetFalse)]
    succeeded: bool,
    /// What was tried, and what came of it.
    #[arg(long, default_value = "")]
    note: String,
}

const COLUMNS: &[Column] = &[
    ("WHEN", |row| text(row, "at")),
    ("SUCCEEDED", |row| text(row, "succeeded")),
    ("NOTE", |row| text(row, "note")),
];

pub(crate) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::List { page } => {
            let answer = list(session, &["recovery-drills"], &[], &page).await?;
            session.output.result(&answer, || table(COLUMNS, rows(&answer)))
        }
        Command::Record(record) => {
            let drill = session.client.post(&["recovery-drills"], &record).await?;
            session.output.result(&drill, || {
                format!("The drill of {} is recorded.\n", text(&drill, "at"))
            })
        }
    }
}
