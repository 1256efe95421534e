//! `ocore account` and `ocore session`: what is a person's own.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    Session,
    failure::Failure,
    output::{Column, ago, fields, table, text},
    resolve::{Page, list, rows},
};

#[derive(Subcommand)]
pub(crate) enum AccountCommand {
    /// Show whose token it is, and their organizations.
    Show,
}

#[derive(Subcommand)]
pub(crate) enum SessionCommand {
    /// List where one is signed in.
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Sign out elsewhere.
    Revoke(Revoke),
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Revoke {
    /// The session's id.
    session: Option<String>,
    /// All but the one that asks.
    #[arg(long)]
    others: bool,
}

const SESSIONS: &[Column] = &[
    ("ID", |row| text(row, "id")),
    ("THIS", |row| text(row, "isCurrent")),
    ("BY", |row| text(row, "method")),
    ("FROM", |row| text(row, "ipAddress")),
    ("WITH", |row| text(row, "userAgent")),
    ("BEGAN", |row| ago(row, "createdAt")),
    ("USED", |row| ago(row, "lastUsedAt")),
];

const ORGANIZATIONS: &[Column] = &[
    ("ORGANIZATION", |row| text(row, "name")),
    ("SLUG", |row| text(row, "slug")),
    ("ROLE", |row| text(row, "role")),
    ("OWNER", |row| text(row, "isOwner")),
];

pub(crate) async fn account(session: &Session, command: AccountCommand) -> Result<(), Failure> {
    let AccountCommand::Show = command;
    let answer = for_people(session, session.client.get(&["auth", "me"], &[]).await)?;
    session.output.result(&answer, || {
        let user = |key| text(&answer["user"], key);
        let organizations = answer["organizations"].as_array().map_or(&[][..], Vec::as_slice);
        let who = fields(&[
            ("Name", user("name")),
            ("E-mail", user("email")),
            ("Id", user("id")),
            ("Organization", text(&answer["organization"], "slug")),
        ]);
        format!("{who}\n{}", table(ORGANIZATIONS, organizations))
    })
}

pub(crate) async fn sessions(session: &Session, command: SessionCommand) -> Result<(), Failure> {
    match command {
        SessionCommand::List { page } => {
            let answer = for_people(session, list(session, &["user", "sessions"], &[], &page).await)?;
            session.output.result(&answer, || table(SESSIONS, rows(&answer)))
        }
        SessionCommand::Revoke(Revoke { session: id, .. }) => {
            let mut path = vec!["user", "sessions"];
            path.extend(id.as_deref());
            if matches!(id.as_deref(), Some("" | "." | "..")) {
                return Err(Failure::Usage("this is no session's id".to_owned()));
            }
            for_people(session, session.client.delete(&path, &[]).await)?;
            let (document, said) = match &id {
                Some(id) => (json!({ "id": id }), format!("The session {id} is over.\n")),
                None => (
                    json!({"others": true}),
                    "All other sessions are over.\n".to_owned(),
                ),
            };
            session.output.result(&document, || said)
        }
    }
}

/// An answer to what only people can do, and why a program that bears an API key was refused.
pub(crate) fn for_people(session: &Session, answer: Result<Value, Failure>) -> Result<Value, Failure> {
    if !session.client.bears_api_key() {
        return answer;
    }
    answer.map_err(|failure| {
        failure.advised(403, || {
            "An API key, such as the one of `ocore login`, belongs to an organization and is nobody's: it has no account \
             and no sessions, is in no organization as a member is, and owns none. Do this in the browser, or set \
             OCORE_TOKEN to the access token of a person (`POST /api/auth/login`)."
                .to_owned()
        })
    })
}
