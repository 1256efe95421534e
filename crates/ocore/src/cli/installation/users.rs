//! `ocore installation user`: accounts.

use clap::{Args, Subcommand};
use ocore_domain::sort::UserSort;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Value, json};

use super::{find, orgs};
use crate::cli::{
    Session,
    confirm::confirm,
    failure::Failure,
    output::{Column, ago, fields, table, text},
    resolve::{Kind, Page, list, rows, value},
    secret,
    values::one_of,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List accounts, by e-mail address unless told otherwise.
    List {
        /// Only those whose name or e-mail address holds this.
        #[arg(long)]
        search: Option<String>,
        /// In which order; a hyphen turns it round.
        #[arg(long, value_name = "ORDER", allow_hyphen_values = true, value_parser = one_of(UserSort::ALL))]
        sort: Option<UserSort>,
        #[command(flatten)]
        page: Page,
    },
    /// Show an account, and where it is a member.
    Show {
        /// E-mail address, name or id.
        user: String,
    },
    /// Make an account. Its address is taken for theirs.
    Create(Create),
    /// Shut somebody out: their sessions end, and the keys of devices that they signed in.
    Deactivate {
        /// E-mail address, name or id.
        user: String,
        /// Confirm by the e-mail address instead of being asked.
        #[arg(long, alias = "confirm", value_name = "EMAIL")]
        yes: Option<String>,
    },
    /// Let somebody in again.
    Activate {
        /// E-mail address, name or id.
        user: String,
    },
}

#[derive(Args)]
pub(crate) struct Create {
    /// Their e-mail address.
    #[arg(long)]
    email: String,
    /// Their name.
    #[arg(long)]
    name: String,
    /// Read a password from standard input; without one, they ask for one (“forgot password”).
    #[arg(long)]
    password_stdin: bool,
    /// The organization to put them in as a Viewer, by slug, name or id.
    #[arg(long = "in", value_name = "ORGANIZATION")]
    organization: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewUser {
    email: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "secret::expose")]
    password: Option<SecretString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    org_id: Option<String>,
}

/// Accounts, as they are named.
pub(super) const KIND: Kind = Kind {
    what: "account",
    path: "users",
    id: "id",
    names: &["email", "name"],
    list: "ocore installation user list",
};

const COLUMNS: &[Column] = &[
    ("E-MAIL", |row| text(row, "email")),
    ("NAME", |row| text(row, "name")),
    ("ADMINISTERS", |row| text(row, "isServerAdmin")),
    ("MADE", |row| ago(row, "createdAt")),
    ("SIGNED IN", |row| ago(row, "lastLoginAt")),
    ("SHUT OUT", |row| ago(row, "deactivatedAt")),
    ("ID", |row| text(row, "id")),
];

const MEMBERSHIPS: &[Column] = &[
    ("ORGANIZATION", |row| text(row, "name")),
    ("SLUG", |row| text(row, "slug")),
    ("ROLE", |row| text(row, "role")),
    ("OWNER", |row| text(row, "isOwner")),
    ("SHUT", |row| ago(row, "deactivatedAt")),
];

pub(super) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let (client, output) = (&session.client, &session.output);
    match command {
        Command::List { search, sort, page } => {
            let mut query = Vec::new();
            query.extend(search.map(|search| ("search", search)));
            query.extend(sort.map(|sort| ("sort", sort.to_string())));
            let answer = list(session, &["admin", "users"], &query, &page).await?;
            output.result(&answer, || table(COLUMNS, rows(&answer)))
        }
        Command::Show { user } => {
            let found = find(session, &KIND, &user).await?;
            let answer = client.get(&["admin", "users", value(&found, "id")?], &[]).await?;
            output.result(&answer, || show(&answer))
        }
        Command::Create(create) => {
            let org_id = match &create.organization {
                Some(given) => Some(value(&find(session, &orgs::KIND, given).await?, "id")?.to_owned()),
                None => None,
            };
            let password = create
                .password_stdin
                .then(|| secret::line_from_stdin("password"))
                .transpose()?;
            let new = NewUser {
                email: create.email,
                name: create.name,
                password,
                org_id,
            };
            let answer = client.post(&["admin", "users"], &new).await?;
            output.result(&answer, || table(COLUMNS, std::slice::from_ref(&answer)))
        }
        Command::Deactivate { user, yes } => {
            let found = find(session, &KIND, &user).await?;
            let email = value(&found, "email")?;
            let what = format!(
                "{} ({email}) will be shut out at once: sessions end, and keys of devices are good for nothing. What they are \
                 in organizations stays.",
                text(&found, "name")
            );
            confirm(&what, &[email], yes)?;
            let answer = client
                .post(
                    &["admin", "users", value(&found, "id")?, "deactivate"],
                    &json!({}),
                )
                .await?;
            output.result(&answer, || format!("{email} is shut out.\n"))
        }
        Command::Activate { user } => {
            let found = find(session, &KIND, &user).await?;
            let answer = client
                .post(&["admin", "users", value(&found, "id")?, "activate"], &json!({}))
                .await?;
            output.result(&answer, || {
                format!("{} may sign in again.\n", text(&answer, "email"))
            })
        }
    }
}

fn show(user: &Value) -> String {
    let value = |key| text(user, key);
    let head = fields(&[
        ("Name", value("name")),
        ("E-mail", value("email")),
        ("Id", value("id")),
        ("Administers", value("isServerAdmin")),
        ("Made", ago(user, "createdAt")),
        ("Signed in", ago(user, "lastLoginAt")),
        ("Shut out", ago(user, "deactivatedAt")),
    ]);
    match user["organizations"].as_array() {
        Some(of) if !of.is_empty() => format!("{head}\n{}", table(MEMBERSHIPS, of)),
        _ => head,
    }
}
