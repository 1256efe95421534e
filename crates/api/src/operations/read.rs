//! `GET /api/operations`, `GET /api/operations/{id}` and its steps.

use std::mem::take;

use axum::{Json, extract::Path};
use ocore_domain::{operation::OperationState, sort::OperationSort};
use ocore_store::operations::{self as rows, Filter};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::{Operation, Step, find, view, views};
use crate::{
    access::{Allowed, Operations, View},
    body::Query,
    page::{self, List},
    problem::{Answer, Failure},
};

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// How many at most, 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// In which order; `-createdAt` if not given. A hyphen turns it round.
    #[param(inline)]
    sort: Option<OperationSort>,
    /// Only in this state.
    state: Option<OperationState>,
    /// Only of this kind.
    kind: Option<String>,
    /// Only on this server or instance.
    subject_id: Option<Uuid>,
}

/// Operations, newest first unless told otherwise
#[utoipa::path(
    get, path = "/api/operations", operation_id = "listOperations", tag = "operations", params(Wanted),
    responses((status = 200, body = List<Operation>))
)]
pub(super) async fn list(
    allowed: Allowed<View<Operations>>,
    Query(query): Query<Wanted>,
) -> Answer<Json<List<Operation>>> {
    let page = page::sorted(query.limit, query.cursor.as_deref(), query.sort)?;
    let filter = Filter {
        state: query.state,
        kind: query.kind,
        subject: query.subject_id,
    };
    let mut conn = allowed.read().await?;
    let mut page = rows::list(&mut conn, allowed.organization()?, &filter, &page).await?;
    let data = views(&mut conn, take(&mut page.data)).await?;
    Ok(Json(page.holding(data).into()))
}

/// One operation
#[utoipa::path(
    get, path = "/api/operations/{id}", operation_id = "showOperation", tag = "operations", params(("id" = Uuid, Path)),
    responses((status = 200, body = Operation))
)]
pub(super) async fn show(
    allowed: Allowed<View<Operations>>,
    Path(id): Path<String>,
) -> Answer<Json<Operation>> {
    let mut conn = allowed.read().await?;
    let operation = find(&mut conn, allowed.organization()?, &id).await?;
    Ok(Json(view(&mut conn, operation).await?))
}

/// The steps of an operation
#[utoipa::path(
    get, path = "/api/operations/{id}/steps", operation_id = "operationSteps", tag = "operations", params(("id" = Uuid, Path)),
    responses((status = 200, body = List<Step>))
)]
pub(super) async fn steps(
    allowed: Allowed<View<Operations>>,
    Path(id): Path<String>,
) -> Answer<Json<List<Step>>> {
    let mut conn = allowed.read().await?;
    let operation = find(&mut conn, allowed.organization()?, &id).await?;
    Ok(Json(List::whole(view(&mut conn, operation).await?.steps)))
}

/// The steps of an operation of a kind
#[utoipa::path(
    get, path = "/api/operations/{kind}/{id}/steps", operation_id = "operationStepsByKind", tag = "operations",
    params(("kind" = String, Path), ("id" = Uuid, Path)),
    responses((status = 200, body = List<Step>))
)]
pub(super) async fn steps_by_kind(
    allowed: Allowed<View<Operations>>,
    Path((kind, id)): Path<(String, String)>,
) -> Answer<Json<List<Step>>> {
    let mut conn = allowed.read().await?;
    let operation = find(&mut conn, allowed.organization()?, &id).await?;
    if operation.kind != kind {
        return Err(Failure::not_found("operation", &id));
    }
    Ok(Json(List::whole(view(&mut conn, operation).await?.steps)))
}
