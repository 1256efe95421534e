//! `GET /api/audit-logs/export`: the whole record, as a stream.

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderName, header},
};
use futures::stream;
use ocore_domain::OrganizationId;
use ocore_store::audit::{self, Entry, Link};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use utoipa::{IntoParams, ToSchema};

use crate::{
    Api,
    access::{Act, Allowed, AuditLogs, Reader, View},
    body::Query,
    checks::Checks,
    in_parts::{EndedEarly, unless_stopping},
    problem::Answer,
};

/// Entries that are read at once.
const BATCH: i64 = 200;

/// In which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    /// For tables.
    Csv,
    /// For programs, and to be checked: a JSON object a line, with `seq`, `previous`, `hash` and `entry`, which is the very
    /// text that was hashed.
    Json,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// `csv` or `json`, which is a JSON object a line.
    #[param(inline)]
    format: Format,
    /// Only what comes after the entry of this number: to go on where an earlier export ended.
    after: Option<i64>,
}

/// What is recorded of an export.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Exported {
    format: Format,
    after: Option<i64>,
}

/// The whole record, oldest first
///
/// The export is recorded too, and ends with the entry of that.
#[utoipa::path(
    get, path = "/api/audit-logs/export", operation_id = "exportAuditLogs", tag = "audit", params(Wanted),
    responses((status = 200, content((String = "application/x-ndjson"), (String = "text/csv"))))
)]
pub(super) async fn export(
    allowed: Allowed<View<AuditLogs>>,
    State(api): State<Api>,
    Query(wanted): Query<Wanted>,
) -> Answer<([(HeaderName, &'static str); 2], Body)> {
    let Wanted { format, after } = wanted;
    let mut checks = Checks::default();
    checks.that(
        after.is_none_or(|after| after >= 0),
        "after",
        "must be the number of an entry",
    );
    checks.done()?;
    let organization = allowed.organization()?;
    let exported = Act::new("audit_logs.exported").after(&Exported { format, after });
    allowed.change().await?.commit(exported).await?;
    // What is written from now on is not waited for: an export has an end.
    let end = audit::chain(&mut *allowed.read().await?, Some(organization)).await?;
    let export = Export {
        reader: allowed.reader()?,
        closing: api.closing,
        organization,
        format,
        after: after.unwrap_or(0),
        end: end.head.seq,
        has_begun: false,
    };
    let (kind, disposition) = match format {
        Format::Csv => (
            "text/csv; charset=utf-8",
            "attachment; filename=\"audit-logs.csv\"",
        ),
        Format::Json => (
            "application/x-ndjson",
            "attachment; filename=\"audit-logs.jsonl\"",
        ),
    };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((
        headers,
        Body::from_stream(stream::try_unfold(export, Export::next)),
    ))
}

/// An export on its way. A part is read when the one before it was taken: who reads slowly holds no transaction.
struct Export {
    reader: Reader,
    closing: CancellationToken,
    organization: OrganizationId,
    format: Format,
    /// The last entry that was sent.
    after: i64,
    /// The last entry that will be.
    end: i64,
    has_begun: bool,
}

impl Export {
    /// The next part. An error ends the answer before its time, so that nobody takes it for whole.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, EndedEarly> {
        let links = self
            .read()
            .await
            .map_err(EndedEarly::since("an export of the record"))?;
        let Some(last) = links.last() else {
            return Ok(None);
        };
        self.after = last.seq;
        let part = match self.format {
            Format::Csv => csv(&links, !self.has_begun),
            Format::Json => lines(&links),
        };
        self.has_begun = true;
        let part = part.map_err(|error| {
            tracing::error!(%error, "an entry of the record cannot be written");
            EndedEarly
        })?;
        Ok(Some((part.into(), self)))
    }

    async fn read(&self) -> Answer<Vec<Link>> {
        unless_stopping(&self.closing)?;
        let mut tx = self.reader.read().await?;
        let mut links = audit::links(&mut tx, Some(self.organization), self.after, BATCH).await?;
        links.retain(|link| link.seq <= self.end);
        Ok(links)
    }
}

fn lines(links: &[Link]) -> Result<Vec<u8>, String> {
    let mut part = Vec::new();
    for link in links {
        serde_json::to_writer(&mut part, link).map_err(|error| error.to_string())?;
        part.push(b'\n');
    }
    Ok(part)
}

const COLUMNS: [&str; 17] = [
    "id",
    "createdAt",
    "action",
    "actorType",
    "userId",
    "apiKeyId",
    "userName",
    "resourceType",
    "resourceId",
    "resourceName",
    "ipAddress",
    "userAgent",
    "requestId",
    "beforeState",
    "afterState",
    "previousHash",
    "hash",
];

fn csv(links: &[Link], with_columns: bool) -> Result<Vec<u8>, String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut write =
        |row: [String; COLUMNS.len()]| writer.write_record(row).map_err(|error| error.to_string());
    if with_columns {
        write(COLUMNS.map(str::to_owned))?;
    }
    for link in links {
        write(row(link))?;
    }
    writer.into_inner().map_err(|error| error.to_string())
}

fn row(link: &Link) -> [String; COLUMNS.len()] {
    let entry = Entry::read(&link.entry);
    let text = |text: Option<String>| text.unwrap_or_default();
    let state = |state: Option<serde_json::Value>| state.map(|state| state.to_string()).unwrap_or_default();
    let at = entry.at().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    [
        link.seq.to_string(),
        at,
        entry.action,
        entry.actor_type,
        text(entry.user_id),
        text(entry.api_key_id),
        entry.user_name,
        text(entry.resource_type),
        text(entry.resource_id),
        text(entry.resource_name),
        text(entry.ip_address),
        text(entry.user_agent),
        text(entry.request_id),
        state(entry.before_state),
        state(entry.after_state),
        hex::encode(&link.previous),
        hex::encode(&link.hash),
    ]
    .map(harmless)
}

/// A cell that no spreadsheet takes for a formula: a name is whatever somebody chose.
fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        format!("'{cell}")
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_formula() {
        let entry = Entry {
            action: "server.created".into(),
            user_name: "=HYPERLINK(\"http://x\")".into(),
            resource_name: Some("@SUM(A1), \"x\"\n".into()),
            user_agent: Some("+1".into()),
            ip_address: Some("-1".into()),
            ..Entry::default()
        };
        let link = Link {
            seq: 1,
            previous: Vec::new(),
            hash: vec![0xab],
            entry: serde_json::to_string(&entry).unwrap(),
        };
        let text = String::from_utf8(csv(&[link], true).unwrap()).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let row = reader.records().next().unwrap().unwrap();
        let cell = |name| {
            row.get(COLUMNS.iter().position(|column| *column == name).unwrap())
                .unwrap()
        };
        assert_eq!(cell("userName"), "'=HYPERLINK(\"http://x\")");
        assert_eq!(cell("resourceName"), "'@SUM(A1), \"x\"\n");
        assert_eq!(cell("userAgent"), "'+1");
        assert_eq!(cell("ipAddress"), "'-1");
        assert_eq!((cell("id"), cell("hash"), cell("userId")), ("1", "ab", ""));
    }
}
