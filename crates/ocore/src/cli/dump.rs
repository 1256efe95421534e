//! `ocore dump`: final dumps of deleted instances.

use clap::Subcommand;

use super::{
    Session,
    failure::Failure,
    output::{Column, ago, bytes, table, text},
    resolve::{Page, list, rows},
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List the dumps that are kept, newest first.
    List {
        #[command(flatten)]
        page: Page,
    },
}

const COLUMNS: &[Column] = &[
    ("INSTANCE", |row| text(row, "instanceName")),
    ("SIZE", |row| bytes(row, "sizeBytes")),
    ("MADE", |row| ago(row, "createdAt")),
    ("KEPT UNTIL", |row| text(row, "expiresAt")),
    ("DATABASE", |row| text(row, "databasePath")),
    ("FILESTORE", |row| text(row, "filestorePath")),
];

pub(crate) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let Command::List { page } = command;
    let answer = list(session, &["final-dumps"], &[], &page).await?;
    session.output.result(&answer, || table(COLUMNS, rows(&answer)))
}
