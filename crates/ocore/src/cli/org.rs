//! `ocore org`: organizations, to which servers and instances belong.

use clap::{Args, Subcommand};
use ocore_domain::{operation::OperationState, placement::Policy};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Session, Wait,
    changed::ended_as,
    confirm::confirm,
    failure::Failure,
    follow::{OURS, Where, follow_in},
    member,
    output::{Column, ago, fields, table, text},
    person::for_people,
    progress::Lines,
    resolve::{Page, all, list, rows, value},
    values::one_of,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make an organization, of which one is the owner. It takes a person's token.
    Create {
        /// Its name.
        #[arg(long)]
        name: String,
        /// Its short name for addresses and --org; without one it is made from the name.
        #[arg(long)]
        slug: Option<String>,
    },
    /// List one's own organizations. It takes a person's token.
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Show the organization.
    Show,
    /// Change the organization's name, slug or logo.
    Update(Update),
    /// Hand the organization over to another member. Only its owner can, with a token of their own.
    Transfer {
        /// The member, by e-mail address, name or id.
        #[arg(long, value_name = "MEMBER")]
        to: String,
        /// Confirm by the organization's name instead of being asked.
        #[arg(long, alias = "confirm", value_name = "NAME")]
        yes: Option<String>,
    },
    /// Delete the organization. Only its owner can, with a token of their own.
    Delete {
        #[command(flatten)]
        delete: Deletion,
    },
    /// How the organization works; without a verb, shows it.
    Settings {
        #[command(subcommand)]
        command: Option<Settings>,
    },
}

/// How an organization is deleted, and with what.
#[derive(Args)]
pub(crate) struct Deletion {
    /// Delete its instances and remove its servers too; otherwise it must have none.
    #[arg(long)]
    cascade: bool,
    /// Make no final dumps on the way; otherwise each instance leaves one, which goes with its server.
    #[arg(long, requires = "cascade")]
    no_dump: bool,
    /// Confirm by the organization's name instead of being asked.
    #[arg(long, alias = "confirm", value_name = "NAME")]
    yes: Option<String>,
    #[command(flatten)]
    wait: Wait,
}

#[derive(Args, Serialize)]
#[serde(rename_all = "camelCase")]
#[group(required = true, multiple = true)]
pub(crate) struct Update {
    /// A new name.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// A new slug. Whoever names it by `--org` or `OCORE_ORG` must follow.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    slug: Option<String>,
    /// Where its logo is, by https; empty for none.
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "empty_is_none")]
    logo_url: Option<String>,
}

#[derive(Subcommand)]
pub(crate) enum Settings {
    /// Show the settings.
    Show,
    /// Change settings; what is not given stays.
    Set(Set),
}

#[derive(Args, Serialize)]
#[serde(rename_all = "camelCase")]
#[group(required = true, multiple = true)]
pub(crate) struct Set {
    /// For how many days the record of who did what is kept.
    #[arg(long, value_name = "DAYS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    audit_retention_days: Option<u32>,
    /// How many instances are worked on at once when something is done to many.
    #[arg(long, value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    bulk_batch_size: Option<u32>,
    /// Which of the servers that can take an instance is preferred: the emptiest or the fullest.
    #[arg(long, value_parser = one_of(Policy::ALL))]
    #[serde(skip_serializing_if = "Option::is_none")]
    placement_policy: Option<Policy>,
    /// Whether members must sign in by passkey. API keys are not concerned.
    #[arg(long, value_name = "YES", action = clap::ArgAction::Set)]
    #[serde(skip_serializing_if = "Option::is_none")]
    require_passkey: Option<bool>,
}

const COLUMNS: &[Column] = &[
    ("NAME", |row| text(row, "name")),
    ("SLUG", |row| text(row, "slug")),
    ("ROLE", |row| text(row, "role")),
    ("OWNER", |row| text(row, "isOwner")),
    ("JOINED", |row| ago(row, "joinedAt")),
];

pub(crate) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let (client, output) = (&session.client, &session.output);
    match command {
        Command::Create { name, slug } => {
            let mut body = json!({ "name": name });
            if let Some(slug) = slug {
                body["slug"] = slug.into();
            }
            let answer = for_people(session, client.post(&["user", "orgs"], &body).await)?;
            output.result(&answer, || {
                format!(
                    "Organization `{}` is made. Use it with --org {}.\n",
                    text(&answer, "name"),
                    text(&answer, "slug")
                )
            })
        }
        Command::List { page } => {
            let answer = for_people(session, list(session, &["user", "orgs"], &[], &page).await)?;
            output.result(&answer, || table(COLUMNS, rows(&answer)))
        }
        Command::Show => {
            let answer = client.get(&["org"], &[]).await?;
            output.result(&answer, || show(&answer))
        }
        Command::Update(update) => {
            let before = client.get_tagged(&["org"], &[]).await?;
            let answer = client.put_if(&["org"], &update, before.tag.as_deref()).await;
            let answer = answer.map_err(|failure| failure.changed_meanwhile("ocore org show"))?;
            output.result(&answer, || show(&answer))
        }
        Command::Transfer { to, yes } => transfer(session, &to, yes).await,
        Command::Delete { delete } => delete_ours(session, delete).await,
        Command::Settings { command } => settings(session, command.unwrap_or(Settings::Show)).await,
    }
}

async fn transfer(session: &Session, to: &str, yes: Option<String>) -> Result<(), Failure> {
    let organization = session.client.get(&["org"], &[]).await?;
    let heir = member::KIND.find(session, to).await?;
    let (name, slug) = (value(&organization, "name")?, value(&organization, "slug")?);
    let what = format!(
        "Organization `{name}` will be handed over to {} ({}). Only they can give it back; who owns it now stays an Admin.",
        text(&heir, "name"),
        text(&heir, "email")
    );
    confirm(&what, &[name, slug], yes)?;
    let body = json!({"userId": value(&heir, "userId")?});
    let answer = for_people(session, session.client.post(&["org", "transfer"], &body).await)?;
    session
        .output
        .result(&answer, || table(member::COLUMNS, rows(&answer)))
}

async fn delete_ours(session: &Session, delete: Deletion) -> Result<(), Failure> {
    let organization = session.client.get(&["org"], &[]).await?;
    let query = delete.confirmed(&organization)?;
    let answer = session.client.delete(&["org"], &query).await;
    let answer = for_people(session, answer.map_err(advised))?;
    let is_gone = async || {
        let mine = all(session, &["user", "orgs"]).await?;
        Ok(mine.iter().all(|one| one["id"] != organization["id"]))
    };
    deleted(session, answer, &organization, &delete.wait, OURS, is_gone).await
}

/// Tells what the API refused with what to do by this program.
pub(crate) fn advised(failure: Failure) -> Failure {
    if failure.code() == Some("resource.in_use") {
        return failure.advised(409, || {
            "Delete the instances, then remove the servers; or use --cascade, which does both.".to_owned()
        });
    }
    failure
}

impl Deletion {
    /// What is asked of the API, after it was confirmed.
    pub(crate) fn confirmed(&self, organization: &Value) -> Result<Vec<(&'static str, String)>, Failure> {
        let (name, slug) = (value(organization, "name")?, value(organization, "slug")?);
        let what = if self.cascade {
            format!(
                "Organization `{name}` will be deleted WITH ALL ITS INSTANCES, their databases and files, ALL FINAL DUMPS and \
                 all that oCore made on its servers. Its members, roles and API keys go too."
            )
        } else {
            format!(
                "Organization `{name}` will be deleted, with its members, roles, invitations and API keys."
            )
        };
        let mut query = vec![("confirm", confirm(&what, &[name, slug], self.yes.clone())?)];
        if self.cascade {
            query.push(("cascade", true.to_string()));
        }
        if self.no_dump {
            query.push(("keepDump", false.to_string()));
        }
        Ok(query)
    }

    pub(crate) const fn wait(&self) -> &Wait {
        &self.wait
    }
}

/// Takes the answer to a deletion, waits for its operation if there is one, and tells how it ended. With the organization
/// goes the right to look at its operations, so whoever is refused that asks whether it is there still.
pub(crate) async fn deleted(
    session: &Session,
    mut answer: Value,
    organization: &Value,
    wait: &Wait,
    place: Where,
    is_gone: impl AsyncFnOnce() -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let done = || format!("Organization `{}` is deleted.\n", text(organization, "name"));
    let Some(id) = answer["operation"]["id"].as_str().map(str::to_owned) else {
        return session.output.result(organization, done);
    };
    if wait.no_wait {
        return session.output.result(&answer, || {
            format!(
                "Queued as operation {id}.\n  Watch: {} follow {id}\n",
                place.command
            )
        });
    }
    match follow_in(session, place, &id, Lines::All).await {
        Ok(end) => answer["operation"] = end,
        Err(failure) if failure.is_shut_out() && is_gone().await? => {
            // How it ended is not to be had any more; that it did, its last step shows.
            answer["operation"] = Value::Null;
            return session.output.result(&answer, done);
        }
        Err(failure) => {
            session.output.document_unless_printed(&answer)?;
            return Err(failure);
        }
    }
    let ended = ended_as(&answer["operation"], OperationState::Done);
    session
        .output
        .result(&answer, || if ended.is_ok() { done() } else { String::new() })?;
    ended
}

async fn settings(session: &Session, command: Settings) -> Result<(), Failure> {
    let (client, path) = (&session.client, ["org", "settings"]);
    let before = client.get_tagged(&path, &[]).await?;
    let answer = match command {
        Settings::Show => before.body,
        Settings::Set(set) => client
            .put_if(&path, &set, before.tag.as_deref())
            .await
            .map_err(|failure| failure.changed_meanwhile("ocore org settings"))?,
    };
    let value = |key| text(&answer, key);
    session.output.result(&answer, || {
        fields(&[
            ("Record kept", format!("{} days", value("auditRetentionDays"))),
            ("At once", format!("{} instances", value("bulkBatchSize"))),
            ("Placement", value("placementPolicy")),
            ("Passkeys only", value("requirePasskey")),
        ])
    })
}

fn show(organization: &Value) -> String {
    let value = |key| text(organization, key);
    fields(&[
        ("Name", value("name")),
        ("Slug", value("slug")),
        ("Id", value("id")),
        ("Logo", value("logoUrl")),
        ("Made", ago(organization, "createdAt")),
        ("Changed", ago(organization, "updatedAt")),
        ("Being deleted", value("deletionOperationId")),
    ])
}

#[expect(clippy::ref_option, reason = "serde passes the field as it is")]
fn empty_is_none<S: serde::Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    text.as_ref()
        .filter(|text| !text.is_empty())
        .serialize(serializer)
}
