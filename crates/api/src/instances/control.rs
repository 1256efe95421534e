//! `POST /api/instances/{id}/control`: start, stop, restart.

use axum::extract::{Path, State};
use ocore_operations::{instance_restart, instance_start, instance_stop};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Accepted, InstanceAccepted, accepted, find};
use crate::{Api, auth::Bearer, body::Json, operations, problem::Answer};

/// What is to be done.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ControlInstance {
    action: Action,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Action {
    Start,
    Stop,
    Restart,
}

/// Start, stop or restart an instance
#[utoipa::path(
    post, path = "/api/instances/{id}/control", operation_id = "controlInstance", tag = "instances", request_body = ControlInstance,
    params(("id" = String, Path, description = "Id, slug or name")),
    responses((status = 202, body = InstanceAccepted))
)]
pub(super) async fn control(
    State(api): State<Api>,
    bearer: Bearer,
    Path(id): Path<String>,
    Json(body): Json<ControlInstance>,
) -> Answer<Accepted> {
    let mut tx = api.store.begin().await?;
    let instance = find(&mut tx, &bearer, &id).await?;
    let requested = match body.action {
        Action::Start => instance_start::request(&mut tx, &instance).await,
        Action::Stop => instance_stop::request(&mut tx, &instance).await,
        Action::Restart => instance_restart::request(&mut tx, &instance).await,
    };
    let operation = operations::begin(&api, tx, instance.id.uuid(), requested).await?;
    accepted(&api, instance.id, operation).await
}
