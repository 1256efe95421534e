//! `ocore installation api-key`: every key to the API.

use clap::Subcommand;
use ocore_domain::sort::ApiKeySort;

use crate::cli::{
    Session,
    confirm::confirm,
    failure::Failure,
    limits::limits,
    output::{Column, ago, table, text},
    resolve::{Kind, Page, list, list_all, rows, value},
    role::words,
    values::one_of,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List keys that are not revoked, newest first unless told otherwise.
    List {
        /// Only those whose name, beginning or organization holds this.
        #[arg(long)]
        search: Option<String>,
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

const KIND: Kind = Kind {
    what: "API key",
    path: "api-keys",
    id: "id",
    names: &["name", "prefix"],
    list: "ocore installation api-key list",
};

const COLUMNS: &[Column] = &[
    ("ORGANIZATION", |row| text(&row["organization"], "slug")),
    ("NAME", |row| text(row, "name")),
    ("BEGINS", |row| text(row, "prefix")),
    ("PERMITS", |row| words(&row["permissions"])),
    ("LIMITS", limits),
    ("ADMINISTERS", |row| text(row, "isServerAdmin")),
    ("USED", |row| ago(row, "lastUsedAt")),
    ("GOOD UNTIL", |row| text(row, "expiresAt")),
    ("ID", |row| text(row, "id")),
];

pub(super) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let (client, output) = (&session.client, &session.output);
    let path = ["admin", KIND.path];
    match command {
        Command::List { search, sort, page } => {
            let mut query = Vec::new();
            query.extend(search.map(|search| ("search", search)));
            query.extend(sort.map(|sort| ("sort", sort.to_string())));
            let answer = list(session, &path, &query, &page).await?;
            output.result(&answer, || table(COLUMNS, rows(&answer)))
        }
        Command::Revoke { key, yes } => {
            let key = KIND.pick(list_all(session, &path, &[]).await?, &key)?;
            let name = value(&key, "name")?;
            let what = format!(
                "API key `{name}` ({}) of `{}` will be good for nothing; programs that use it are refused from then on.",
                text(&key, "prefix"),
                text(&key["organization"], "name")
            );
            confirm(&what, &[name], yes)?;
            client
                .delete(&[&path[..], &[value(&key, "id")?]].concat(), &[])
                .await?;
            output.result(&key, || format!("API key `{name}` is revoked.\n"))
        }
    }
}
