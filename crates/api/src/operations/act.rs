//! `POST /api/operations/{id}/cancel` and `…/retry`.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};

use ocore_domain::access::{Permission, Resource};
use ocore_store::operations as rows;

use super::{Operation, begin, find, view_of};
use crate::{
    Api,
    access::{Act, Allowed, Manage, Need, Operations},
    problem::Answer,
};

/// Cancel an operation
///
/// What it did is undone; it ends `cancelled`.
#[utoipa::path(
    post, path = "/api/operations/{id}/cancel", operation_id = "cancelOperation", tag = "operations", params(("id" = Uuid, Path)),
    responses((status = 202, body = Operation))
)]
pub(super) async fn cancel(
    allowed: Allowed<Manage<Operations>>,
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Answer<(StatusCode, Json<Operation>)> {
    let mut change = allowed.change().await?;
    let operation = find(&mut change, allowed.organization()?, &id).await?;
    manages_subject(&allowed, &operation)?;
    let before = view_of(&mut change, operation.id).await?;
    // One that waits ends at once, and gives back what it holds.
    change.leave_tenancy().await?;
    ocore_operations::cancel(&mut change, &operation).await?;
    let answer = view_of(&mut change, operation.id).await?;
    let act = Act::new("operation.cancelled").on("operation", operation.id, &operation.kind);
    begin(&api, change, act.before(&before).after(&answer)).await?;
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

/// Do an operation once more that did not reach its end
///
/// The answer is a new operation.
#[utoipa::path(
    post, path = "/api/operations/{id}/retry", operation_id = "retryOperation", tag = "operations", params(("id" = Uuid, Path)),
    responses((status = 202, body = Operation))
)]
pub(super) async fn retry(
    allowed: Allowed<Manage<Operations>>,
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Answer<(StatusCode, Json<Operation>)> {
    let mut change = allowed.change().await?;
    let operation = find(&mut change, allowed.organization()?, &id).await?;
    manages_subject(&allowed, &operation)?;
    if operation.subject_kind.as_deref() == Some("organization") {
        // It is shut for what is new, which no request may do.
        change.leave_tenancy().await?;
    }
    let again = ocore_operations::retry(&mut change, &operation).await?;
    let before = view_of(&mut change, operation.id).await?;
    let answer = view_of(&mut change, again).await?;
    let act = Act::new("operation.retried").on("operation", operation.id, &operation.kind);
    begin(&api, change, act.before(&before).after(&answer)).await?;
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

/// Whoever stops or repeats an operation does to its subject what the operation does.
fn manages_subject<N: Need>(allowed: &Allowed<N>, operation: &rows::Operation) -> Answer<()> {
    match operation.subject_kind.as_deref() {
        Some("organization") => allowed.require_owner(),
        Some("server") => allowed.require(Permission::manage(Resource::Servers)),
        _ => allowed.require(Permission::manage(Resource::Instances)),
    }
}
