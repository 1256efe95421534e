//! `ocore invitation`: who was invited by e-mail.

use clap::Subcommand;
use serde_json::{Value, json};

use super::{
    Session,
    failure::Failure,
    limits::limits,
    output::{Column, ago, table, text},
    resolve::{Kind, Page, all, list, rows, value},
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List invitations, newest first.
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Take an invitation back: its link is good for nothing then.
    Cancel {
        /// The e-mail address, or the invitation's id.
        invitation: String,
    },
    /// Send an invitation again, with a new link.
    Resend {
        /// The e-mail address, or the invitation's id.
        invitation: String,
    },
}

const KIND: Kind = Kind {
    what: "invitation",
    path: "invitations",
    id: "id",
    names: &["email"],
    list: "ocore invitation list",
};

const COLUMNS: &[Column] = &[
    ("E-MAIL", |row| text(row, "email")),
    ("ROLE", |row| role(row)),
    ("LIMITS", limits),
    ("STATUS", |row| text(row, "status")),
    ("BY", |row| text(&row["invitedBy"], "name")),
    ("SENT", |row| ago(row, "createdAt")),
    ("GOOD UNTIL", |row| text(row, "expiresAt")),
    ("ID", |row| text(row, "id")),
];

pub(crate) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let (client, output) = (&session.client, &session.output);
    match command {
        Command::List { page } => {
            let answer = list(session, &["invitations"], &[], &page).await?;
            output.result(&answer, || table(COLUMNS, rows(&answer)))
        }
        Command::Cancel { invitation } => {
            let invitation = find(session, &invitation).await?;
            client
                .delete(&["invitations", value(&invitation, "id")?], &[])
                .await?;
            output.result(&invitation, || {
                format!(
                    "The invitation of {} is taken back.\n",
                    text(&invitation, "email")
                )
            })
        }
        Command::Resend { invitation } => {
            let invitation = find(session, &invitation).await?;
            let path = ["invitations", value(&invitation, "id")?, "resend"];
            let mut answer = client.post(&path, &json!({})).await?;
            if answer.is_null() {
                answer = invitation;
            }
            output.result(&answer, || sent(&answer))
        }
    }
}

/// The invitation that is meant: of several to one address, the one that is open.
async fn find(session: &Session, given: &str) -> Result<Value, Failure> {
    let mut rows = all(session, &[KIND.path]).await?;
    let is_open = |row: &Value| row["status"] == "pending";
    let is_to = |row: &Value| {
        row["email"]
            .as_str()
            .is_some_and(|email| email.eq_ignore_ascii_case(given))
    };
    if rows.iter().any(|row| is_open(row) && is_to(row)) {
        rows.retain(is_open);
    }
    KIND.pick(rows, given)
}

/// What there is to say of an invitation that was sent.
pub(crate) fn sent(invitation: &Value) -> String {
    let email = text(invitation, "email");
    match invitation["link"].as_str() {
        Some(link) => format!(
            "{email} is invited, but no mail could be sent. Pass this link on, to nobody else; it is shown only now:\n{link}\n"
        ),
        None => format!("{email} is invited as {} by mail.\n", role(invitation)),
    }
}

/// The name of the role that is offered.
fn role(row: &Value) -> String {
    match &row["role"] {
        Value::Object(_) => text(&row["role"], "name"),
        _ => text(row, "role"),
    }
}
