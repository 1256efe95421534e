//! `ocore profile`: the installations that one has signed in to.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    connection::given,
    failure::Failure,
    output::{Column, Output, fields, table, text},
    profiles::{Profile, Profiles, Store},
    resolve::rows,
};

/// The verbs; none of them asks the API, and none shows a key.
#[derive(Args)]
pub(crate) struct Local {
    /// Print exactly one JSON document on standard output.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the profiles by name.
    List,
    /// Use a profile from now on, where no other is named.
    Use {
        /// Its name.
        name: String,
    },
    /// Show a profile, without its key.
    Show {
        /// Its name; otherwise the one in use.
        #[arg(env = "OCORE_PROFILE")]
        name: Option<String>,
    },
    /// Forget a profile and its key. The key stays good until it ends or is revoked.
    #[command(alias = "delete")]
    Remove {
        /// Its name.
        name: String,
    },
}

const COLUMNS: &[Column] = &[
    ("NAME", |row| text(row, "name")),
    ("CURRENT", |row| text(row, "isCurrent")),
    ("URL", |row| text(row, "url")),
    ("ORGANIZATION", |row| text(row, "organization")),
    ("KEY", |row| text(row, "hasKey")),
];

pub(crate) fn run(output: &Output, local: Local) -> Result<(), Failure> {
    let store = Store::locate()?;
    match local.command {
        Command::List => {
            let profiles = store.read()?;
            let rows_of = profiles.profiles.iter();
            let data: Vec<Value> = rows_of
                .map(|(name, profile)| row(&profiles, name, profile))
                .collect();
            let document = json!({ "data": data });
            output.result(&document, || table(COLUMNS, rows(&document)))
        }
        Command::Use { name } => {
            let document = store.change(|profiles| {
                profiles.get(&name)?;
                profiles.current = Some(name.clone());
                Ok(row(profiles, &name, profiles.get(&name)?))
            })?;
            output.result(&document, || {
                format!(
                    "The profile `{name}` is the current one now: {}\n",
                    text(&document, "url")
                )
            })
        }
        Command::Show { name } => {
            let profiles = store.read()?;
            let Some((name, profile)) = profiles.chosen(given(name.as_deref()))? else {
                return Err(Failure::Usage(
                    "no profile is in use: `ocore login` makes one".to_owned(),
                ));
            };
            let mut document = row(&profiles, &name, &profile);
            document["file"] = store.file().display().to_string().into();
            output.result(&document, || show(&document))
        }
        Command::Remove { name } => {
            let document = store.change(|profiles| {
                let document = row(profiles, &name, profiles.get(&name)?);
                profiles.profiles.remove(&name);
                profiles.current.take_if(|current| *current == name);
                Ok(document)
            })?;
            output.result(&document, || format!("The profile `{name}` is forgotten.\n"))
        }
    }
}

/// A profile as it may be shown.
fn row(profiles: &Profiles, name: &str, profile: &Profile) -> Value {
    json!({"name": name, "isCurrent": profiles.current.as_deref() == Some(name), "url": profile.url,
        "organization": profile.organization, "hasKey": profile.key.is_some()})
}

fn show(profile: &Value) -> String {
    let value = |key| text(profile, key);
    fields(&[
        ("Name", value("name")),
        ("Current", value("isCurrent")),
        ("URL", value("url")),
        ("Organization", value("organization")),
        ("Key", value("hasKey")),
        ("File", value("file")),
    ])
}
