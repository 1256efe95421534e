//! `POST /api/operations/{id}/cancel` and `…/retry`.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};

use super::{Operation, find, view_of};
use crate::{Api, auth::Bearer, problem::Answer};

/// Cancel an operation
///
/// What it did is undone; it ends `cancelled`.
#[utoipa::path(
    post, path = "/api/operations/{id}/cancel", operation_id = "cancelOperation", tag = "operations", params(("id" = Uuid, Path)),
    responses((status = 202, body = Operation))
)]
pub(super) async fn cancel(
    State(api): State<Api>,
    bearer: Bearer,
    Path(id): Path<String>,
) -> Answer<(StatusCode, Json<Operation>)> {
    let operation = find(&mut *api.store.connection().await?, &bearer, &id).await?;
    ocore_operations::cancel(&api.store, &operation).await?;
    let operation = view_of(&mut *api.store.connection().await?, operation.id).await?;
    Ok((StatusCode::ACCEPTED, Json(operation)))
}

/// Do an operation once more that did not reach its end
///
/// The answer is a new operation.
#[utoipa::path(
    post, path = "/api/operations/{id}/retry", operation_id = "retryOperation", tag = "operations", params(("id" = Uuid, Path)),
    responses((status = 202, body = Operation))
)]
pub(super) async fn retry(
    State(api): State<Api>,
    bearer: Bearer,
    Path(id): Path<String>,
) -> Answer<(StatusCode, Json<Operation>)> {
    let operation = find(&mut *api.store.connection().await?, &bearer, &id).await?;
    let again = ocore_operations::retry(&api.store, &operation).await?;
    let operation = view_of(&mut *api.store.connection().await?, again).await?;
    Ok((StatusCode::ACCEPTED, Json(operation)))
}
