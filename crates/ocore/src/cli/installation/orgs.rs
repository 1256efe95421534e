//! `ocore installation org`: organizations, whosever they are.

use clap::Subcommand;
use ocore_domain::sort::OrganizationSort;
use serde_json::{Value, json};

use super::{find, operations, users};
use crate::cli::{
    Session,
    confirm::confirm,
    failure::Failure,
    org::{self, Deletion, deleted},
    output::{Column, ago, fields, table, text},
    resolve::{Kind, Page, list, rows, value},
    values::one_of,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List organizations, by slug unless told otherwise.
    List {
        /// Only those whose name or slug holds this.
        #[arg(long)]
        search: Option<String>,
        /// In which order; a hyphen turns it round.
        #[arg(long, value_name = "ORDER", allow_hyphen_values = true, value_parser = one_of(OrganizationSort::ALL))]
        sort: Option<OrganizationSort>,
        #[command(flatten)]
        page: Page,
    },
    /// Show an organization.
    Show {
        /// Slug, name or id.
        organization: String,
    },
    /// Make an organization for somebody.
    Create {
        /// Its name.
        #[arg(long)]
        name: String,
        /// Its short name; without one it is made from the name.
        #[arg(long)]
        slug: Option<String>,
        /// Whose it is to be, by e-mail address, name or id of the account.
        #[arg(long, value_name = "USER")]
        owner: String,
    },
    /// Let nobody in any more, neither people nor programs. Instances go on serving.
    Deactivate {
        /// Slug, name or id.
        organization: String,
        /// Confirm by the organization's name instead of being asked.
        #[arg(long, alias = "confirm", value_name = "NAME")]
        yes: Option<String>,
    },
    /// Let people and programs in again.
    Activate {
        /// Slug, name or id.
        organization: String,
    },
    /// Delete an organization.
    Delete {
        /// Slug, name or id.
        organization: String,
        #[command(flatten)]
        delete: Deletion,
    },
}

/// Organizations, as they are named.
pub(super) const KIND: Kind = Kind {
    what: "organization",
    path: "orgs",
    id: "id",
    names: &["slug", "name"],
    list: "ocore installation org list",
};

const COLUMNS: &[Column] = &[
    ("SLUG", |row| text(row, "slug")),
    ("NAME", |row| text(row, "name")),
    ("OWNER", |row| text(&row["owner"], "email")),
    ("MEMBERS", |row| text(row, "memberCount")),
    ("SERVERS", |row| text(row, "serverCount")),
    ("INSTANCES", |row| text(row, "instanceCount")),
    ("MADE", |row| ago(row, "createdAt")),
    ("SHUT", |row| ago(row, "deactivatedAt")),
    ("ID", |row| text(row, "id")),
];

pub(super) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let (client, output) = (&session.client, &session.output);
    match command {
        Command::List { search, sort, page } => {
            let mut query = Vec::new();
            query.extend(search.map(|search| ("search", search)));
            query.extend(sort.map(|sort| ("sort", sort.to_string())));
            let answer = list(session, &["admin", "orgs"], &query, &page).await?;
            output.result(&answer, || table(COLUMNS, rows(&answer)))
        }
        Command::Show { organization } => {
            let found = find(session, &KIND, &organization).await?;
            output.result(&found, || show(&found))
        }
        Command::Create { name, slug, owner } => {
            let owner = find(session, &users::KIND, &owner).await?;
            let mut body = json!({"name": name, "ownerUserId": value(&owner, "id")?});
            if let Some(slug) = slug {
                body["slug"] = slug.into();
            }
            let answer = client.post(&["admin", "orgs"], &body).await?;
            output.result(&answer, || show(&answer))
        }
        Command::Deactivate { organization, yes } => {
            let found = find(session, &KIND, &organization).await?;
            let (name, slug) = (value(&found, "name")?, value(&found, "slug")?);
            let what = format!(
                "Nobody will be let in to `{name}` any more, neither its {} members nor programs. Its instances go on serving.",
                text(&found, "memberCount")
            );
            confirm(&what, &[name, slug], yes)?;
            let answer = client
                .post(&["admin", "orgs", value(&found, "id")?, "deactivate"], &json!({}))
                .await?;
            output.result(&answer, || format!("Organization `{name}` is shut.\n"))
        }
        Command::Activate { organization } => {
            let found = find(session, &KIND, &organization).await?;
            let answer = client
                .post(&["admin", "orgs", value(&found, "id")?, "activate"], &json!({}))
                .await?;
            output.result(&answer, || {
                format!("Organization `{}` is open.\n", text(&answer, "name"))
            })
        }
        Command::Delete { organization, delete } => {
            let found = find(session, &KIND, &organization).await?;
            let path = ["admin", "orgs", value(&found, "id")?];
            let query = delete.confirmed(&found)?;
            let answer = client.delete(&path, &query).await.map_err(org::advised)?;
            let is_gone = async || match client.get(&path, &[]).await {
                Err(failure) if failure.is_not_found() => Ok(true),
                there => there.map(|_| false),
            };
            deleted(session, answer, &found, delete.wait(), operations::ANY, is_gone).await
        }
    }
}

fn show(organization: &Value) -> String {
    let value = |key| text(organization, key);
    fields(&[
        ("Name", value("name")),
        ("Slug", value("slug")),
        ("Id", value("id")),
        ("Owner", text(&organization["owner"], "email")),
        ("Members", value("memberCount")),
        ("Servers", value("serverCount")),
        ("Instances", value("instanceCount")),
        ("Made", ago(organization, "createdAt")),
        ("Changed", ago(organization, "updatedAt")),
        ("Shut", ago(organization, "deactivatedAt")),
    ])
}
