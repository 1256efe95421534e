//! `ocore audit`: the record of who did what, and whether it is as it was written.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand, ValueEnum};
use ocore_domain::{
    audit::{ChainCheck, Link, Place},
    sort::AuditLogSort,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Session,
    download::{cannot, download},
    failure::Failure,
    output::{Column, Output, table, text},
    resolve::{Page, list, rows},
    values::one_of,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List what was done, newest first unless told otherwise.
    List(Box<List>),
    /// Write the whole record to a file. The export is recorded too.
    Export {
        /// `json` is an object a line, and can be checked with `ocore audit verify --file`.
        #[arg(long, value_enum)]
        format: Format,
        /// The file; `-` is standard output.
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
        /// Only what comes after the entry of this number.
        #[arg(long, value_name = "NUMBER")]
        after: Option<u64>,
    },
    /// Check that nothing in the record was changed, moved or taken away. Exit code 4 tells that something was.
    Verify(Verify),
}

#[derive(Args)]
pub(crate) struct List {
    /// Only what was done to this kind of thing, for example `server`.
    #[arg(long, value_name = "KIND")]
    resource_type: Option<String>,
    /// Only what was done to the thing with this id.
    #[arg(long, value_name = "ID")]
    resource_id: Option<String>,
    /// Only this action, for example `server.created`; `server.` is all that begin so.
    #[arg(long)]
    action: Option<String>,
    /// Only what the person with this id did.
    #[arg(long, value_name = "ID")]
    user_id: Option<String>,
    /// Not before this moment or day (UTC).
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this moment, or up to the end of this day (UTC).
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only where the thing's name, the name of who did it, or the action holds this.
    #[arg(long)]
    search: Option<String>,
    /// In which order; a hyphen turns it round.
    #[arg(long, value_name = "ORDER", allow_hyphen_values = true, value_parser = one_of(AuditLogSort::ALL))]
    sort: Option<AuditLogSort>,
    #[command(flatten)]
    page: Page,
}

impl List {
    /// Lists a record.
    pub(crate) async fn run(self, session: &Session, path: &[&str]) -> Result<(), Failure> {
        let query: Vec<(&str, String)> = [
            ("resource_type", self.resource_type),
            ("resource_id", self.resource_id),
            ("action", self.action),
            ("user_id", self.user_id),
            ("start_date", self.since),
            ("end_date", self.until),
            ("search", self.search),
            ("sort", self.sort.map(|sort| sort.to_string())),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
        let answer = list(session, path, &query, &self.page).await?;
        session.output.result(&answer, || table(COLUMNS, rows(&answer)))
    }
}

#[derive(Args)]
pub(crate) struct Verify {
    /// Check a file that `ocore audit export --format json` wrote, without asking the API.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// An entry known from an earlier check, as that printed it. In a file it has to be; of the API's record, only what
    /// comes after it is checked.
    #[arg(long, value_name = "NUMBER:HASH", value_parser = |text: &str| text.parse::<Place>())]
    known: Option<Place>,
}

impl Command {
    /// The file to be checked, if that is all that is wanted: it takes no API.
    pub(crate) const fn file(&self) -> Option<(&PathBuf, Option<&Place>)> {
        match self {
            Self::Verify(Verify {
                file: Some(file),
                known,
            }) => Some((file, known.as_ref())),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    Csv,
    Json,
}

impl Format {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }
}

const COLUMNS: &[Column] = &[
    ("NUMBER", |row| text(row, "id")),
    ("WHEN", |row| when(row)),
    ("WHO", |row| text(row, "userName")),
    ("ACTION", |row| text(row, "action")),
    ("ON", |row| text(row, "resourceName")),
    ("FROM", |row| text(row, "ipAddress")),
];

/// The moment itself: of a record, "two days ago" is too little.
fn when(row: &Value) -> String {
    let told = text(row, "createdAt");
    told.split_once('.')
        .map_or_else(|| told.clone(), |(seconds, _)| format!("{seconds}Z"))
}

pub(crate) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::List(wanted) => wanted.run(session, &["audit-logs"]).await,
        Command::Export {
            format,
            output,
            after,
        } => export(session, format, &output, after).await,
        Command::Verify(Verify { known, .. }) => verify(session, &["audit-logs", "verify"], known).await,
    }
}

async fn export(session: &Session, format: Format, to: &Path, after: Option<u64>) -> Result<(), Failure> {
    let mut query = vec![("format", format.as_str().to_owned())];
    query.extend(after.map(|after| ("after", after.to_string())));
    let Some(bytes) = download(session, &["audit-logs", "export"], &query, to).await? else {
        return Ok(());
    };
    let document = json!({"file": to, "format": format.as_str(), "bytes": bytes});
    session
        .output
        .result(&document, || format!("The record is in {}.\n", to.display()))
}

/// What the API found in a part of the record.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    entries: u64,
    first_seq: i64,
    last_seq: i64,
    head: String,
    broken: Option<Broken>,
    next: Option<Next>,
}

#[derive(Deserialize)]
struct Broken {
    seq: i64,
    why: String,
}

#[derive(Deserialize)]
struct Next {
    after: i64,
    hash: String,
}

/// Checks what the API keeps, a part at a time.
pub(crate) async fn verify(session: &Session, path: &[&str], known: Option<Place>) -> Result<(), Failure> {
    let mut next = known.map(|place| Next {
        after: place.seq,
        hash: hex::encode(place.hash),
    });
    let mut entries = 0;
    loop {
        let query: Vec<(&str, String)> = next
            .iter()
            .flat_map(|next| [("after", next.after.to_string()), ("hash", next.hash.clone())])
            .collect();
        let answer = session.client.get(path, &query).await?;
        let part = Part::deserialize(&answer)
            .map_err(|error| Failure::Failed(format!("the API's answer cannot be read: {error}")))?;
        entries += part.entries;
        if let Some(more) = part.next {
            if next.is_some_and(|next| next.after >= more.after) {
                return Err(Failure::Failed(
                    "the API does not get on with the check".to_owned(),
                ));
            }
            next = Some(more);
            continue;
        }
        let found = Found {
            entries,
            first: part.first_seq,
            last: part.last_seq,
            head: part.head,
            broken: part.broken.map(|broken| (broken.seq, broken.why)),
        };
        return found.tell(&session.output);
    }
}

/// What a check of the whole found.
struct Found {
    entries: u64,
    first: i64,
    last: i64,
    head: String,
    broken: Option<(i64, String)>,
}

impl Found {
    fn tell(self, output: &Output) -> Result<(), Failure> {
        let Self {
            entries,
            first,
            last,
            head,
            broken,
        } = self;
        let document = json!({
            "valid": broken.is_none(),
            "entries": entries,
            "firstSeq": first,
            "lastSeq": last,
            "head": head,
            "broken": broken.as_ref().map(|(seq, why)| json!({"seq": seq, "why": why})),
        });
        output.result(&document, || match (&broken, last) {
            (Some(_), _) => String::new(),
            (None, 0) => "The record is empty.\n".to_owned(),
            (None, _) => format!(
                "The record is as it was written: {entries} entries checked, it holds {first} to {last}.\n\
                 Keep this elsewhere, to tell later that nothing up to here was changed (--known):\n{last}:{head}\n"
            ),
        })?;
        match broken {
            None => Ok(()),
            Some((seq, why)) => Err(Failure::Ended(format!(
                "THE RECORD IS BROKEN at entry {seq}: {why}\n  {entries} entries before it are sound.\n  \
                 → Somebody changed it in the database. Keep a copy of the database, and compare with earlier exports."
            ))),
        }
    }
}

/// Checks an export, by its own text only.
pub(crate) fn verify_file(output: &Output, file: &Path, known: Option<&Place>) -> Result<(), Failure> {
    let lines = BufReader::new(File::open(file).map_err(|error| cannot("read", file, &error))?).lines();
    let mut check = ChainCheck::of_part();
    let mut first = None;
    let mut is_known = known.is_none();
    for (number, line) in lines.enumerate() {
        let line = line.map_err(|error| cannot("read", file, &error))?;
        let link: Link = serde_json::from_str(&line).map_err(|error| {
            Failure::Failed(format!(
                "{}, line {}: this is not a line of `ocore audit export --format json`: {error}",
                file.display(),
                number + 1
            ))
        })?;
        first.get_or_insert(link.seq);
        check.feed(&link);
        if let Some(place) = known.filter(|place| place.seq == link.seq) {
            is_known = true;
            if link.hash != place.hash && check.broken().is_none() {
                return found(
                    &check,
                    first,
                    Some((
                        link.seq,
                        "it is another entry than the one that is known".to_owned(),
                    )),
                )
                .tell(output);
            }
        }
    }
    let broken = check
        .broken()
        .map(|broken| (broken.seq, broken.fault.to_string()));
    let missing = || known.map(|place| (place.seq, "the entry that is known is not in the file".to_owned()));
    let broken = broken.or_else(|| if is_known { None } else { missing() });
    found(&check, first, broken).tell(output)
}

fn found(check: &ChainCheck, first: Option<i64>, broken: Option<(i64, String)>) -> Found {
    let last = check.last().cloned().unwrap_or_default();
    Found {
        entries: check.entries(),
        first: first.unwrap_or_default(),
        last: last.seq,
        head: hex::encode(last.hash),
        broken,
    }
}
