//! `ocore channel`: the ways by which people are told of alerts.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ocore_domain::alerts::{ChannelKind, Severity};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Session, alert,
    confirm::confirm,
    failure::Failure,
    output::{Column, table, text},
    resolve::{Kind, Page, list, rows, value},
    role::words,
    secret,
    values::one_of,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List channels, without their secrets.
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Make a channel. Secrets come from a file; `-` is standard input.
    #[command(alias = "create")]
    Add(Add),
    /// Delete a channel.
    #[command(alias = "delete")]
    Remove {
        /// Name or id.
        channel: String,
        /// Confirm by the channel's name instead of being asked.
        #[arg(long, alias = "confirm", value_name = "NAME")]
        yes: Option<String>,
    },
    /// Send a test by a channel, and show how it went.
    Test {
        /// Name or id.
        channel: String,
    },
    /// Show what went by the channels, newest first.
    Deliveries {
        #[command(flatten)]
        page: Page,
        /// Only what was not delivered and is not tried again.
        #[arg(long)]
        failed: bool,
    },
    /// Send something again.
    Replay {
        /// The delivery's id.
        delivery: String,
    },
}

#[derive(Args)]
pub(crate) struct Add {
    /// Its name.
    #[arg(long)]
    name: String,
    /// By which way.
    #[arg(long, value_parser = one_of(ChannelKind::ALL))]
    kind: ChannelKind,
    /// The least that it tells of; everything if not given.
    #[arg(long, value_parser = one_of(Severity::ALL))]
    min_severity: Option<Severity>,
    /// For email: addresses, with commas.
    #[arg(long, value_delimiter = ',')]
    to: Option<Vec<String>>,
    /// For webhook: an address with https.
    #[arg(long)]
    address: Option<String>,
    /// For telegram: the chat.
    #[arg(long)]
    chat_id: Option<String>,
    /// A file whose first line is the secret: a webhook's key (made if not given), Slack's address, a bot's token.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    name: String,
    kind: ChannelKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_severity: Option<Severity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chat_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "secret::expose")]
    secret: Option<SecretString>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "secret::expose")]
    webhook_url: Option<SecretString>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "secret::expose")]
    token: Option<SecretString>,
}

const KIND: Kind = Kind {
    what: "channel",
    path: "notification-channels",
    id: "id",
    names: &["name"],
    list: "ocore channel list",
};

const COLUMNS: &[Column] = &[
    ("NAME", |row| text(row, "name")),
    ("KIND", |row| text(row, "kind")),
    ("TO", to),
    ("FROM SEVERITY", |row| text(row, "minSeverity")),
    ("ENABLED", |row| text(row, "enabled")),
    ("ID", |row| text(row, "id")),
];

const DELIVERIES: &[Column] = &[
    ("AT", |row| text(row, "createdAt")),
    ("CHANNEL", |row| text(row, "channelName")),
    ("TO", |row| text(row, "target")),
    ("STATE", |row| text(row, "state")),
    ("TRIES", |row| {
        row["attempts"].as_array().map_or(0, Vec::len).to_string()
    }),
    ("WHAT", |row| text(row, "title")),
    ("ID", |row| text(row, "id")),
];

fn to(row: &Value) -> String {
    match row["kind"].as_str() {
        Some("email") => words(&row["to"]),
        Some("webhook") => text(row, "url"),
        Some("telegram") => text(row, "chatId"),
        _ => String::new(),
    }
}

pub(crate) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let (client, output) = (&session.client, &session.output);
    match command {
        Command::List { page } => {
            let answer = list(session, &[KIND.path], &[], &page).await?;
            output.result(&answer, || table(COLUMNS, rows(&answer)))
        }
        Command::Add(add) => {
            let given = add
                .secret_file
                .as_deref()
                .map(secret::line_from_file)
                .transpose()?;
            let of = |kind| (add.kind == kind).then(|| given.clone()).flatten();
            let body = Body {
                secret: of(ChannelKind::Webhook),
                webhook_url: of(ChannelKind::Slack),
                token: of(ChannelKind::Telegram),
                name: add.name,
                kind: add.kind,
                min_severity: add.min_severity,
                to: add.to,
                url: add.address,
                chat_id: add.chat_id,
            };
            let answer = client.post(&[KIND.path], &body).await?;
            output.result(&answer, || {
                let made = table(COLUMNS, std::slice::from_ref(&answer["channel"]));
                let key = answer["secret"].as_str().map(|secret| {
                    format!("\nRequests are signed with this key, shown only this once:\n\n  {secret}\n")
                });
                made + &key.unwrap_or_default()
            })
        }
        Command::Remove { channel, yes } => {
            let channel = KIND.find(session, &channel).await?;
            let name = value(&channel, "name")?;
            confirm(&format!("Channel `{name}` will be deleted."), &[name], yes)?;
            client.delete(&[KIND.path, value(&channel, "id")?], &[]).await?;
            output.result(&channel, || format!("Channel `{name}` is deleted.\n"))
        }
        Command::Test { channel } => {
            let id = KIND.find_id(session, &channel).await?;
            let answer = client.post(&[KIND.path, &id, "test"], &json!({})).await?;
            output.result(&answer, || alert::sent(&answer))?;
            alert::failed(&answer)
        }
        Command::Deliveries { page, failed } => {
            let query: Vec<_> = failed
                .then(|| ("state", "failed".to_owned()))
                .into_iter()
                .collect();
            let answer = list(session, &["notification-deliveries"], &query, &page).await?;
            output.result(&answer, || table(DELIVERIES, rows(&answer)))
        }
        Command::Replay { delivery } => {
            let path = ["notification-deliveries", &delivery, "replay"];
            let answer = client.post(&path, &json!({})).await?;
            output.result(&answer, || {
                format!("On its way again: {}\n", text(&answer, "title"))
            })
        }
    }
}
