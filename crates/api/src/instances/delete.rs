//! `DELETE /api/instances/{id}`: takes everything of an instance away, and keeps a last dump unless told not to.

use axum::extract::{Path, State};
use ocore_operations::instance_delete;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Accepted, InstanceAccepted, accepted, find, view_of};
use crate::{
    Api,
    access::{Act, Allowed, Instances, Manage},
    body::Query,
    confirm, operations,
    problem::Answer,
};

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// The instance's name or slug, to show that it is meant.
    #[param(required)]
    confirm: Option<String>,
    /// Whether a last dump is kept for 7 days; it is unless this is false.
    keep_dump: Option<bool>,
}

/// Delete an instance
#[utoipa::path(
    delete, path = "/api/instances/{id}", operation_id = "deleteInstance", tag = "instances",
    params(("id" = String, Path, description = "Id, slug or name"), Wanted),
    responses((status = 202, body = InstanceAccepted))
)]
pub(super) async fn delete(
    allowed: Allowed<Manage<Instances>>,
    State(api): State<Api>,
    Path(id): Path<String>,
    Query(query): Query<Wanted>,
) -> Answer<Accepted> {
    let mut change = allowed.change().await?;
    let instance = find(&mut change, allowed.organization()?, &id).await?;
    confirm::by_name(
        query.confirm.as_deref(),
        &[&instance.name, instance.slug.as_str()],
    )?;
    let params = instance_delete::Params {
        keep_dump: query.keep_dump.unwrap_or(true),
    };
    let before = view_of(&mut change, instance.id).await?;
    let requested = instance_delete::request(&mut change, &instance, &params).await;
    let operation = operations::requested(&allowed, instance.id.uuid(), requested).await?;
    let answer = accepted(&mut change, instance.id, operation).await?;
    let act = Act::new("instance.deleted").on("instance", instance.id, &instance.name);
    operations::begin(&api, change, act.before(&before)).await?;
    Ok(answer)
}
