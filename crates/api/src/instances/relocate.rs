//! `POST /api/instances/{id}/move`: to another server, named or the best one.

use axum::{
    Json as Answered,
    extract::{Path, State},
    http::StatusCode,
};
use ocore_domain::placement::Wish;
use ocore_operations::{capacity, instance_move};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Instance, find, view_of};
use crate::{
    Api,
    access::{Act, Allowed, Instances, Manage},
    body::Json,
    checks::Checks,
    objects::object,
    operations::{self, Operation},
    placement::{self, Candidate, Preferences},
    problem::Answer,
    servers::find as find_server,
};

/// Where it is to go.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct MoveInstance {
    /// The id or name of the server; the best other one if not given.
    server_id: Option<String>,
    /// What that should be like.
    #[serde(default, deserialize_with = "object")]
    placement: Preferences,
}

/// An instance, and the operation that moves it.
#[derive(Serialize, ToSchema)]
pub(super) struct InstanceMoving {
    instance: Instance,
    operation: Operation,
    /// Why this server, when it was picked.
    placement: Option<Candidate>,
}

/// Move an instance to another server
///
/// Its files are copied while it runs; then it stops, its database and what changed of its files follow, and it starts there. On
/// a failure before the switch it goes on where it was. How long it did not serve stands in the operation's `result` as
/// `downtimeMs`.
#[utoipa::path(
    post, path = "/api/instances/{id}/move", operation_id = "moveInstance", tag = "instances", request_body = MoveInstance,
    params(("id" = String, Path, description = "Id, slug or name")),
    responses((status = 202, body = InstanceMoving))
)]
pub(super) async fn relocate(
    allowed: Allowed<Manage<Instances>>,
    State(api): State<Api>,
    Path(id): Path<String>,
    Json(body): Json<MoveInstance>,
) -> Answer<(StatusCode, Answered<InstanceMoving>)> {
    let mut checks = Checks::default();
    body.placement.check(&mut checks, "placement.");
    checks.done()?;
    let organization = allowed.organization()?;
    let mut change = allowed.change().await?;
    let instance = find(&mut change, organization, &id).await?;
    let (target, picked) = if let Some(server) = &body.server_id {
        (find_server(&mut change, organization, server).await?, None)
    } else {
        let of_it = capacity::wish_of(&instance);
        let wish = Wish {
            not_on: [instance.server_id].into(),
            ..body.placement.wish(of_it.need, of_it.group, of_it.anti_affinity)
        };
        let (best, why) = placement::best(&mut change, organization, &wish, &instance.name).await?;
        (best, Some(why))
    };
    let before = view_of(&mut change, instance.id).await?;
    let requested = instance_move::request(&mut change, &instance, &target).await;
    let operation = operations::requested(&allowed, instance.id.uuid(), requested).await?;
    let answer = InstanceMoving {
        instance: view_of(&mut change, instance.id).await?,
        operation: operations::view_of(&mut change, operation).await?,
        placement: picked,
    };
    let act = Act::new("instance.moved").on("instance", instance.id, &instance.name);
    operations::begin(&api, change, act.before(&before).after(&answer.instance)).await?;
    Ok((StatusCode::ACCEPTED, Answered(answer)))
}
