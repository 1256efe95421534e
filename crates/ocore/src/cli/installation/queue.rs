//! `ocore installation queue`: how much waits and is at work, and what is paused.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{find, orgs};
use crate::cli::{
    Session,
    failure::Failure,
    output::{Column, ago, fields, table, text},
    resolve::value,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show how much waits and is at work, by kind and organization, what is paused, and the processes at work.
    Show,
    /// Take nothing up for now: at all, or of a kind, on a server, or of an organization. What is at work goes on.
    Pause {
        #[command(flatten)]
        what: What,
        /// Why, for everybody whose operations wait.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Go on with what is paused: all of it, or what was paused of a kind, on a server, or of an organization.
    Resume {
        #[command(flatten)]
        what: What,
    },
}

/// What is meant; the whole queue, unless something narrower is.
#[derive(Args)]
#[group(multiple = false)]
pub(crate) struct What {
    /// Operations of this kind, such as `instance_create`.
    #[arg(long)]
    kind: Option<String>,
    /// Operations on the server with this id.
    #[arg(long, value_name = "ID")]
    server: Option<String>,
    /// Operations of this organization: slug, name or id.
    #[arg(long, value_name = "ORGANIZATION")]
    of: Option<String>,
}

impl What {
    /// As the API is told.
    async fn body(self, session: &Session) -> Result<Value, Failure> {
        Ok(if let Some(kind) = self.kind {
            json!({"scope": "kind", "target": kind})
        } else if let Some(id) = self.server {
            json!({"scope": "server", "target": id})
        } else if let Some(organization) = self.of {
            let found = find(session, &orgs::KIND, &organization).await?;
            json!({"scope": "organization", "target": value(&found, "id")?})
        } else {
            json!({"scope": "all"})
        })
    }
}

const KINDS: &[Column] = &[
    ("KIND", |row| text(row, "kind")),
    ("WAITING", |row| text(row, "waiting")),
    ("RUNNING", |row| text(row, "running")),
    ("OLDEST", oldest),
];

const ORGANIZATIONS: &[Column] = &[
    ("ORGANIZATION", |row| text(row, "slug")),
    ("WAITING", |row| text(row, "waiting")),
    ("RUNNING", |row| text(row, "running")),
    ("OLDEST", oldest),
];

const PAUSES: &[Column] = &[
    ("PAUSED", |row| text(row, "scope")),
    ("WHICH", |row| match row["name"].as_str() {
        Some(_) => text(row, "name"),
        None => text(row, "target"),
    }),
    ("SINCE", |row| ago(row, "pausedAt")),
    ("BY", |row| text(row, "pausedBy")),
    ("REASON", |row| text(row, "reason")),
    ("ID", |row| text(row, "target")),
];

const WORKERS: &[Column] = &[
    ("HOST", |row| text(row, "host")),
    ("PID", |row| text(row, "pid")),
    ("RUNNING", |row| text(row, "running")),
    ("STARTED", |row| ago(row, "startedAt")),
    ("SEEN", |row| ago(row, "seenAt")),
];

fn oldest(row: &Value) -> String {
    row["oldestSeconds"]
        .as_i64()
        .map_or_else(String::new, |seconds| format!("{seconds} s"))
}

fn show(queue: &Value) -> String {
    let mut shown = fields(&[
        ("Waiting", text(queue, "waiting")),
        ("Kept back", text(queue, "paused")),
        ("Running", text(queue, "running")),
        ("Oldest", oldest(queue)),
    ]);
    for (name, columns) in [
        ("pauses", PAUSES),
        ("kinds", KINDS),
        ("organizations", ORGANIZATIONS),
        ("workers", WORKERS),
    ] {
        let rows = queue[name].as_array().map(Vec::as_slice).unwrap_or_default();
        if !rows.is_empty() {
            shown.push('\n');
            shown.push_str(&table(columns, rows));
        }
    }
    shown
}

pub(super) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let (client, output) = (&session.client, &session.output);
    let queue = match command {
        Command::Show => client.get(&["admin", "queue"], &[]).await?,
        Command::Pause { what, reason } => {
            let mut body = what.body(session).await?;
            body["reason"] = reason.into();
            client.post(&["admin", "queue", "pause"], &body).await?
        }
        Command::Resume { what } => {
            let body = what.body(session).await?;
            client.post(&["admin", "queue", "resume"], &body).await?
        }
    };
    output.result(&queue, || show(&queue))
}
