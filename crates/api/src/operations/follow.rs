//! `GET /api/operations/{id}/logs`: what an operation says, as it says it (server-sent events).

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::find;
use crate::{
    Api,
    access::{Allowed, Operations, View},
    body::Query,
    problem::{Answer, Failure},
    stream,
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LastLine {
    /// The number of the last line that is known; the header `Last-Event-ID` goes before it.
    after: Option<i64>,
}

impl LastLine {
    /// Its number; 0 when none is known.
    pub(crate) fn or_header(&self, headers: &HeaderMap) -> Answer<i64> {
        Ok(last_event(headers)?.or(self.after).unwrap_or(0))
    }
}

/// One event of a stream.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `stream` sends")]
pub(crate) struct StreamEvent {
    event: StreamEventKind,
    /// The number of a line.
    id: Option<String>,
    /// JSON: an `Event` with a `line`, else an `Operation`.
    #[schema(content_media_type = "application/json")]
    data: String,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "it describes what `stream` sends")]
enum StreamEventKind {
    Line,
    Operation,
    End,
}

/// What an operation says
///
/// Events: `line` (id: its number; data: the line), `operation` (the operation, at first and at every change), and
/// `end` (the operation, when nothing more will happen; the stream ends). `Last-Event-ID` goes on where it ended.
#[utoipa::path(
    get, path = "/api/operations/{id}/logs", operation_id = "followOperation", tag = "operations",
    params(("id" = Uuid, Path), ("Last-Event-ID" = Option<i64>, Header), LastLine),
    responses((status = 200, content_type = "text/event-stream", body = StreamEvent))
)]
pub(super) async fn logs(
    allowed: Allowed<View<Operations>>,
    State(api): State<Api>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Query(query): Query<LastLine>,
) -> Answer<Response> {
    let after = query.or_header(&headers)?;
    // Listen first: what happens while the rows are read is not missed.
    let changes = api.notifications.operations();
    let operation = find(&mut *allowed.read().await?, allowed.organization()?, &id).await?;
    Ok(stream::operation(api.closing, allowed.reader()?, operation.id, after, changes).into_response())
}

/// What an operation of a kind says
#[utoipa::path(
    get, path = "/api/operations/{kind}/{id}/logs", operation_id = "followOperationByKind", tag = "operations",
    params(("kind" = String, Path), ("id" = Uuid, Path), ("Last-Event-ID" = Option<i64>, Header), LastLine),
    responses((status = 200, content_type = "text/event-stream", body = StreamEvent))
)]
pub(super) async fn logs_by_kind(
    allowed: Allowed<View<Operations>>,
    State(api): State<Api>,
    Path((kind, id)): Path<(String, String)>,
    headers: HeaderMap,
    query: Query<LastLine>,
) -> Answer<Response> {
    let operation = find(&mut *allowed.read().await?, allowed.organization()?, &id).await?;
    if operation.kind != kind {
        return Err(Failure::not_found("operation", &id));
    }
    logs(allowed, State(api), Path(id), headers, query).await
}

fn last_event(headers: &HeaderMap) -> Answer<Option<i64>> {
    let Some(value) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let number = value.to_str().ok().and_then(|text| text.parse().ok());
    number
        .map(Some)
        .ok_or_else(|| Failure::field("Last-Event-ID", "must be the number of a line"))
}
