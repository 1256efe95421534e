//! `ocore api-key`: what programs bear.

use chrono::{TimeDelta, Utc};
use clap::{Args, Subcommand};
use ocore_domain::{access::Permission, sort::ApiKeySort};
use serde_json::json;

use super::{
    Session,
    confirm::confirm,
    failure::Failure,
    limits::{Limits, limits},
    output::{Column, ago, table, text},
    resolve::{Kind, Page, list, rows, value},
    role::words,
    values::{one_of, permission},
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a key for a program and print it, once.
    Create(Create),
    /// List keys, without what they are; newest first unless told otherwise.
    List {
        /// In which order; a hyphen turns it round.
        #[arg(long, value_name = "ORDER", allow_hyphen_values = true, value_parser = one_of(ApiKeySort::ALL))]
        sort: Option<ApiKeySort>,
        #[command(flatten)]
        page: Page,
    },
    /// Make a key good for nothing, at once.
    #[command(alias = "delete")]
    Revoke {
        /// Name, id, or how the key begins.
        key: String,
        /// Confirm by the key's name instead of being asked.
        #[arg(long, alias = "confirm", value_name = "NAME")]
        yes: Option<String>,
    },
}

#[derive(Args)]
pub(crate) struct Create {
    /// What it is for.
    #[arg(long)]
    name: String,
    /// What it permits, with commas. To manage implies to view.
    #[arg(long, required = true, value_delimiter = ',', value_parser = permission())]
    permissions: Vec<Permission>,
    /// For how many days it is good; otherwise until it is revoked.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..))]
    expires_in_days: Option<u16>,
    #[command(flatten)]
    limits: Limits,
}

const KIND: Kind = Kind {
    what: "API key",
    path: "api-keys",
    id: "id",
    names: &["name", "prefix"],
    list: "ocore api-key list",
};

const COLUMNS: &[Column] = &[
    ("NAME", |row| text(row, "name")),
    ("BEGINS", |row| text(row, "prefix")),
    ("PERMITS", |row| words(&row["permissions"])),
    ("LIMITS", limits),
    ("USED", |row| ago(row, "lastUsedAt")),
    ("GOOD UNTIL", |row| text(row, "expiresAt")),
    ("BY", |row| text(&row["createdBy"], "name")),
    ("ID", |row| text(row, "id")),
];

pub(crate) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let (client, output) = (&session.client, &session.output);
    match command {
        Command::Create(create) => {
            let mut body = json!({"name": create.name, "permissions": create.permissions});
            if let Some(days) = create.expires_in_days {
                body["expiresAt"] = json!(Utc::now() + TimeDelta::days(days.into()));
            }
            if let Some(scope) = create.limits.read(session).await? {
                body["scope"] = json!(scope);
            }
            let answer = client.post(&["api-keys"], &body).await?;
            output.result(&answer, || {
                format!(
                    "API key `{}`, shown only now:\n{}\n",
                    text(&answer, "name"),
                    text(&answer, "key")
                )
            })
        }
        Command::List { sort, page } => {
            let query: Vec<_> = sort.map(|sort| ("sort", sort.to_string())).into_iter().collect();
            let answer = list(session, &["api-keys"], &query, &page).await?;
            output.result(&answer, || table(COLUMNS, rows(&answer)))
        }
        Command::Revoke { key, yes } => {
            let key = KIND.find(session, &key).await?;
            let name = value(&key, "name")?;
            let what = format!(
                "API key `{name}` ({}) will be good for nothing; programs that use it are refused from then on.",
                text(&key, "prefix")
            );
            confirm(&what, &[name], yes)?;
            client.delete(&["api-keys", value(&key, "id")?], &[]).await?;
            output.result(&key, || format!("API key `{name}` is revoked.\n"))
        }
    }
}
