//! `/api/admin/operations/{id}`: an operation, whosever it is. The one that deletes an organization outlives it.

use axum::{
    Json,
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use ocore_domain::OperationId;

use crate::{
    Api,
    access::{Allowed, ServerAdmin},
    body::Query,
    operations::{LastLine, Operation, StreamEvent, view_of},
    problem::{Answer, Failure},
    stream,
};

fn id(named: &str) -> Answer<OperationId> {
    named.parse().map_err(|_| Failure::not_found("operation", named))
}

/// One operation of any organization
#[utoipa::path(
    get, path = "/api/admin/operations/{id}", operation_id = "showAnyOperation", tag = "administration",
    params(("id" = Uuid, Path)), responses((status = 200, body = Operation))
)]
pub(super) async fn show(
    allowed: Allowed<ServerAdmin>,
    Path(named): Path<String>,
) -> Answer<Json<Operation>> {
    let mut conn = allowed.read_outside().await?;
    Ok(Json(view_of(&mut conn, id(&named)?).await?))
}

/// What an operation of any organization says
///
/// As GET /api/operations/{id}/logs.
#[utoipa::path(
    get, path = "/api/admin/operations/{id}/logs", operation_id = "followAnyOperation", tag = "administration",
    params(("id" = Uuid, Path), ("Last-Event-ID" = Option<i64>, Header), LastLine),
    responses((status = 200, content_type = "text/event-stream", body = StreamEvent))
)]
pub(super) async fn logs(
    allowed: Allowed<ServerAdmin>,
    State(api): State<Api>,
    Path(named): Path<String>,
    headers: HeaderMap,
    Query(query): Query<LastLine>,
) -> Answer<Response> {
    let (id, after) = (id(&named)?, query.or_header(&headers)?);
    // Listen first: what happens while the rows are read is not missed.
    let changes = api.notifications.operations();
    view_of(&mut *allowed.read_outside().await?, id).await?;
    Ok(stream::operation(api.closing, allowed.reader_outside(), id, after, changes).into_response())
}
