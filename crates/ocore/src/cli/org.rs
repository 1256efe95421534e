//! `ocore org`: organizations, to which servers and instances belong.

use clap::{Args, Subcommand};
use ocore_domain::placement::Policy;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Session, Wait,
    changed::changed,
    confirm::confirm,
    failure::Failure,
    member,
    output::{Column, ago, fields, table, text},
    person::for_people,
    resolve::{Page, list, rows, value},
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
        /// Delete its instances and remove its servers too; otherwise it must have none.
        #[arg(long)]
        cascade: bool,
        /// Confirm by the organization's name instead of being asked.
        #[arg(long, alias = "confirm", value_name = "NAME")]
        yes: Option<String>,
        #[command(flatten)]
        wait: Wait,
    },
    /// How the organization works; without a verb, shows it.
    Settings {
        #[command(subcommand)]
        command: Option<Settings>,
    },
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
        Command::Delete { cascade, yes, wait } => delete(session, cascade, yes, &wait).await,
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

async fn delete(session: &Session, cascade: bool, yes: Option<String>, wait: &Wait) -> Result<(), Failure> {
    let organization = session.client.get(&["org"], &[]).await?;
    let (name, slug) = (value(&organization, "name")?, value(&organization, "slug")?);
    let what = if cascade {
        format!(
            "Organization `{name}` will be deleted WITH ALL ITS INSTANCES, their databases and files, ALL FINAL DUMPS and \
             all that oCore made on its servers. Its members, roles and API keys go too."
        )
    } else {
        format!("Organization `{name}` will be deleted, with its members, roles, invitations and API keys.")
    };
    let mut query = vec![("confirm", confirm(&what, &[name, slug], yes)?)];
    if cascade {
        query.push(("cascade", true.to_string()));
    }
    let answer = session.client.delete(&["org"], &query).await;
    let answer = answer.map_err(|failure| {
        failure.advised(409, || {
            "Delete the instances, then remove the servers; or use --cascade, which does both.".to_owned()
        })
    });
    let answer = for_people(session, answer)?;
    let done = || format!("Organization `{name}` is deleted.\n");
    if answer["operation"].is_null() {
        return session.output.result(&organization, done);
    }
    changed(session, answer, wait, |_| done()).await
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
    ])
}

#[expect(clippy::ref_option, reason = "serde passes the field as it is")]
fn empty_is_none<S: serde::Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    text.as_ref()
        .filter(|text| !text.is_empty())
        .serialize(serializer)
}
