//! `ocore invite-link`: links that let in whoever has them.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    Session,
    failure::Failure,
    limits::{Limits, limits},
    output::{Column, table, text},
    resolve::{Kind, Page, list, rows, value},
    role,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a link that lets in whoever has it.
    Create(Create),
    /// List the links that are not revoked.
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Make a link good for nothing. Who came in by it stays.
    Revoke {
        /// Its id.
        id: String,
    },
}

#[derive(Args)]
pub(crate) struct Create {
    /// The role of those who come, by name or id.
    #[arg(long)]
    role: String,
    /// How often it can be used; 0 is as often as one likes.
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    max_uses: u32,
    /// For how many days it is good; otherwise until it is revoked.
    #[arg(long, value_name = "DAYS")]
    expires_in_days: Option<u32>,
    #[command(flatten)]
    limits: Limits,
}

const KIND: Kind = Kind {
    what: "invite link",
    path: "invite-links",
    id: "id",
    names: &[],
    list: "ocore invite-link list",
};

const COLUMNS: &[Column] = &[
    ("ID", |row| text(row, "id")),
    ("ROLE", |row| text(&row["role"], "name")),
    ("LIMITS", limits),
    ("USED", |row| used(row)),
    ("GOOD UNTIL", |row| text(row, "expiresAt")),
    ("LINK", |row| text(row, "url")),
];

pub(crate) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let (client, output) = (&session.client, &session.output);
    match command {
        Command::Create(create) => {
            let role = role::KIND.find_id(session, &create.role).await?;
            let mut body = json!({"roleId": role, "maxUses": create.max_uses});
            if let Some(days) = create.expires_in_days {
                body["expiresInDays"] = days.into();
            }
            if let Some(scope) = create.limits.read(session).await? {
                body["scope"] = json!(scope);
            }
            let answer = client.post(&["invite-links"], &body).await?;
            output.result(&answer, || {
                format!(
                    "Whoever has this link can come in as {}:\n{}\nIts id is {}.\n",
                    text(&answer["role"], "name"),
                    text(&answer, "url"),
                    text(&answer, "id")
                )
            })
        }
        Command::List { page } => {
            let answer = list(session, &["invite-links"], &[], &page).await?;
            output.result(&answer, || table(COLUMNS, rows(&answer)))
        }
        Command::Revoke { id } => {
            let link = KIND.find(session, &id).await?;
            client.delete(&["invite-links", value(&link, "id")?], &[]).await?;
            output.result(&link, || format!("The link {id} is good for nothing now.\n"))
        }
    }
}

fn used(link: &Value) -> String {
    let count = text(link, "useCount");
    match link["maxUses"].as_u64() {
        None | Some(0) => count,
        Some(most) => format!("{count} of {most}"),
    }
}
