//! `POST /api/instances/{id}/control`: start, stop, restart.

use axum::extract::{Path, State};
use ocore_operations::{instance_restart, instance_start, instance_stop};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Accepted, InstanceAccepted, accepted, find, view_of};
use crate::{
    Api,
    access::{Act, Allowed, Instances, Manage},
    body::Json,
    operations,
    problem::Answer,
};

/// What is to be done.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ControlInstance {
    action: Action,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ControlAction)]
enum Action {
    Start,
    Stop,
    Restart,
}

impl Action {
    /// As the record names it.
    const fn name(self) -> &'static str {
        match self {
            Self::Start => "instance.started",
            Self::Stop => "instance.stopped",
            Self::Restart => "instance.restarted",
        }
    }
}

/// Start, stop or restart an instance
#[utoipa::path(
    post, path = "/api/instances/{id}/control", operation_id = "controlInstance", tag = "instances", request_body = ControlInstance,
    params(("id" = String, Path, description = "Id, slug or name")),
    responses((status = 202, body = InstanceAccepted))
)]
pub(super) async fn control(
    allowed: Allowed<Manage<Instances>>,
    State(api): State<Api>,
    Path(id): Path<String>,
    Json(body): Json<ControlInstance>,
) -> Answer<Accepted> {
    let mut change = allowed.change().await?;
    let instance = find(&mut change, allowed.organization()?, &id).await?;
    let before = view_of(&mut change, instance.id).await?;
    let requested = match body.action {
        Action::Start => instance_start::request(&mut change, &instance).await,
        Action::Stop => instance_stop::request(&mut change, &instance).await,
        Action::Restart => instance_restart::request(&mut change, &instance).await,
    };
    let operation = operations::requested(&allowed, instance.id.uuid(), requested).await?;
    let answer = accepted(&mut change, instance.id, operation).await?;
    let act = Act::new(body.action.name()).on("instance", instance.id, &instance.name);
    operations::begin(&api, change, act.before(&before).after(&answer.1.instance)).await?;
    Ok(answer)
}
