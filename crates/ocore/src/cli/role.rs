//! `ocore role` and `ocore permission`: what members may do.

use clap::{Args, Subcommand};
use ocore_domain::access::Permission;
use serde::Serialize;
use serde_json::Value;

use super::{
    Session,
    confirm::confirm,
    failure::Failure,
    output::{Column, fields, table, text},
    resolve::{Kind, Page, list, rows, tag, value},
    values::permission,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List roles.
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Show a role and what it permits.
    Show {
        /// Name or id.
        role: String,
    },
    /// Make a role.
    Create(Create),
    /// Change a role; what is not given stays. Its members feel it at once.
    Update(Update),
    /// Delete a role that nobody has.
    #[command(alias = "remove")]
    Delete {
        /// Name or id.
        role: String,
        /// Confirm by the role's name instead of being asked.
        #[arg(long, alias = "confirm", value_name = "NAME")]
        yes: Option<String>,
    },
}

#[derive(Subcommand)]
pub(crate) enum PermissionCommand {
    /// List all permissions there are.
    List,
}

#[derive(Args, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Create {
    /// Its name.
    #[arg(long)]
    name: String,
    /// A word about it.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// What it permits, with commas. To manage implies to view.
    #[arg(
        long = "permissions",
        value_name = "PERMISSIONS",
        required = true,
        value_delimiter = ',',
        value_parser = permission()
    )]
    permission_ids: Vec<Permission>,
}

#[derive(Args)]
pub(crate) struct Update {
    /// Name or id.
    role: String,
    #[command(flatten)]
    changes: Changes,
}

#[derive(Args, Serialize)]
#[serde(rename_all = "camelCase")]
#[group(required = true, multiple = true)]
struct Changes {
    /// A new name.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// A word about it.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// All that it is to permit, with commas.
    #[arg(long = "permissions", value_name = "PERMISSIONS", value_delimiter = ',', value_parser = permission())]
    #[serde(skip_serializing_if = "Option::is_none")]
    permission_ids: Option<Vec<Permission>>,
}

/// Roles, as they are named.
pub(crate) const KIND: Kind = Kind {
    what: "role",
    path: "roles",
    id: "id",
    names: &["name"],
    list: "ocore role list",
};

const COLUMNS: &[Column] = &[
    ("NAME", |row| text(row, "name")),
    ("DESCRIPTION", |row| text(row, "description")),
    ("SYSTEM", |row| text(row, "isSystem")),
    ("MEMBERS", |row| text(row, "memberCount")),
    ("ID", |row| text(row, "id")),
];

const PERMISSIONS: &[Column] = &[
    ("PERMISSION", |row| text(row, "id")),
    ("ACTION", |row| text(row, "action")),
    ("ON", |row| text(row, "resource")),
];

pub(crate) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let (client, output) = (&session.client, &session.output);
    match command {
        Command::List { page } => {
            let answer = list(session, &["roles"], &[], &page).await?;
            output.result(&answer, || table(COLUMNS, rows(&answer)))
        }
        Command::Show { role } => {
            let answer = KIND.find(session, &role).await?;
            output.result(&answer, || show(&answer))
        }
        Command::Create(create) => {
            let answer = client.post(&["roles"], &create).await?;
            output.result(&answer, || show(&answer))
        }
        Command::Update(update) => {
            let role = KIND.find(session, &update.role).await?;
            let path = ["roles", value(&role, "id")?];
            let answer = client.put_if(&path, &update.changes, tag(&role).as_deref()).await;
            let answer = answer.map_err(|failure| {
                failure.changed_meanwhile(&format!("ocore role show {}", text(&role, "id")))
            })?;
            output.result(&answer, || show(&answer))
        }
        Command::Delete { role, yes } => {
            let role = KIND.find(session, &role).await?;
            let name = value(&role, "name")?;
            confirm(&format!("Role `{name}` will be deleted."), &[name], yes)?;
            client.delete(&["roles", value(&role, "id")?], &[]).await?;
            output.result(&role, || format!("Role `{name}` is deleted.\n"))
        }
    }
}

pub(crate) async fn permissions(session: &Session, command: PermissionCommand) -> Result<(), Failure> {
    let PermissionCommand::List = command;
    let answer = session.client.get(&["permissions"], &[]).await?;
    session
        .output
        .result(&answer, || table(PERMISSIONS, rows(&answer)))
}

/// The words of a list in an answer.
pub(crate) fn words(list: &Value) -> String {
    let words: Vec<&str> = list
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    words.join(", ")
}

fn show(role: &Value) -> String {
    let value = |key| text(role, key);
    fields(&[
        ("Name", value("name")),
        ("Id", value("id")),
        ("Description", value("description")),
        ("System", value("isSystem")),
        ("Members", value("memberCount")),
        ("Permits", words(&role["permissions"])),
    ])
}
