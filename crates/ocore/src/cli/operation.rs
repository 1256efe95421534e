//! `ocore operation`: what oCore does, step by step.

use clap::Subcommand;
use ocore_domain::{
    operation::{OperationState, StepState},
    sort::OperationSort,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    Session, Wait,
    changed::{changed, ended_as},
    failure::Failure,
    follow::follow,
    output::{Column, ago, fields, table, text},
    progress::Lines,
    resolve::{Page, list, operation_id, rows, subject_id},
    values::one_of,
};

/// The verbs. Where an operation is wanted, the name of an instance or server stands for its newest one.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// List operations, newest first unless told otherwise.
    List {
        /// Only those in this state.
        #[arg(long, value_parser = one_of(OperationState::ALL))]
        state: Option<OperationState>,
        /// Only those of this kind, for example `instance_create`.
        #[arg(long)]
        kind: Option<String>,
        /// Only those on this instance or server, by name or id.
        #[arg(long, value_name = "NAME")]
        of: Option<String>,
        /// In which order; a hyphen turns it round.
        #[arg(long, value_name = "ORDER", allow_hyphen_values = true, value_parser = one_of(OperationSort::ALL))]
        sort: Option<OperationSort>,
        #[command(flatten)]
        page: Page,
    },
    /// Show an operation and its steps.
    Show {
        /// The operation's id, or the name of an instance or server.
        operation: String,
    },
    /// Watch an operation to its end.
    Follow {
        /// The operation's id, or the name of an instance or server.
        operation: String,
    },
    /// Stop an operation and undo what it did.
    Cancel {
        /// The operation's id, or the name of an instance or server.
        operation: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// Start a failed or cancelled operation again.
    Retry {
        /// The operation's id, or the name of an instance or server.
        operation: String,
        #[command(flatten)]
        wait: Wait,
    },
}

/// An operation, as far as it is shown.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) state: OperationState,
    #[serde(default)]
    pub(crate) waiting_for: Option<String>,
    #[serde(default)]
    pub(crate) error: Option<Fault>,
    #[serde(default)]
    pub(crate) steps: Vec<Step>,
}

/// Why an operation failed.
#[derive(Debug, Deserialize)]
pub(crate) struct Fault {
    pub(crate) code: String,
    pub(crate) detail: String,
    pub(crate) mend: String,
}

/// A step, as far as it is shown.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) state: StepState,
    #[serde(default)]
    pub(crate) duration_ms: Option<u64>,
}

const COLUMNS: &[Column] = &[
    ("ID", |row| text(row, "id")),
    ("KIND", |row| text(row, "kind")),
    ("ON", |row| text(row, "subjectName")),
    ("STATE", |row| text(row, "state")),
    ("QUEUED", |row| ago(row, "createdAt")),
    ("ERROR", |row| text(&row["error"], "code")),
];

const STEPS: &[Column] = &[
    ("STEP", |row| text(row, "title")),
    ("STATE", |row| text(row, "state")),
    ("MS", |row| text(row, "durationMs")),
];

pub(crate) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let (client, output) = (&session.client, &session.output);
    match command {
        Command::List {
            state,
            kind,
            of,
            sort,
            page,
        } => {
            let mut query = Vec::new();
            query.extend(state.map(|state| ("state", state.to_string())));
            query.extend(kind.map(|kind| ("kind", kind)));
            query.extend(sort.map(|sort| ("sort", sort.to_string())));
            if let Some(name) = of {
                query.push(("subjectId", subject_id(session, &name).await?));
            }
            let answer = list(session, &["operations"], &query, &page).await?;
            output.result(&answer, || table(COLUMNS, rows(&answer)))
        }
        Command::Show { operation } => {
            let id = operation_id(session, &operation).await?;
            let answer = client.get(&["operations", &id], &[]).await?;
            output.result(&answer, || show(&answer))
        }
        Command::Follow { operation } => {
            let id = operation_id(session, &operation).await?;
            let end = follow(session, &id, Lines::All).await?;
            output.result(&end, String::new)?;
            ended_as(&end, OperationState::Done)
        }
        Command::Cancel { operation, wait } => {
            let id = operation_id(session, &operation).await?;
            let answer = client.post(&["operations", &id, "cancel"], &json!({})).await?;
            if wait.no_wait {
                return output.result(&answer, || format!("Operation {id} will be cancelled.\n"));
            }
            let end = follow(session, &id, Lines::Latest).await?;
            output.result(&end, || {
                format!("Operation {id} ended {}.\n", text(&end, "state"))
            })?;
            ended_as(&end, OperationState::Cancelled)
        }
        Command::Retry { operation, wait } => {
            let id = operation_id(session, &operation).await?;
            let again = client.post(&["operations", &id, "retry"], &json!({})).await?;
            if wait.no_wait {
                return output.result(&again, || {
                    format!("Queued as operation {}.\n", text(&again, "id"))
                });
            }
            changed(session, json!({ "operation": again }), &wait, |_| {
                "Done.\n".to_owned()
            })
            .await
        }
    }
}

pub(crate) fn show(operation: &Value) -> String {
    let error = &operation["error"];
    let head = fields(&[
        ("Operation", text(operation, "id")),
        ("Kind", text(operation, "kind")),
        ("On", text(operation, "subjectName")),
        ("State", text(operation, "state")),
        ("Waiting for", text(operation, "waitingFor")),
        ("Queued", text(operation, "createdAt")),
        ("Started", text(operation, "startedAt")),
        ("Finished", text(operation, "finishedAt")),
        ("Retry of", text(operation, "retryOf")),
        ("Error", text(error, "code")),
        ("Detail", text(error, "detail")),
        ("Mend", text(error, "mend")),
    ]);
    let steps = operation["steps"].as_array().map_or(&[][..], Vec::as_slice);
    if steps.is_empty() {
        head
    } else {
        format!("{head}\n{}", table(STEPS, steps))
    }
}

/// A part of an answer in its type.
pub(crate) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, Failure> {
    T::deserialize(value).map_err(|error| {
        Failure::Failed(format!(
            "the API said something this `ocore` does not understand: {error}"
        ))
    })
}
