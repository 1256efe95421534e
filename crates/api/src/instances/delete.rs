//! `DELETE /api/instances/{id}`: takes everything of an instance away, and keeps a last dump unless told not to.

use axum::extract::{Path, State};
use ocore_operations::instance_delete;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Accepted, InstanceAccepted, accepted, find};
use crate::{Api, auth::Bearer, body::Query, confirm, operations, problem::Answer};

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
    State(api): State<Api>,
    bearer: Bearer,
    Path(id): Path<String>,
    Query(query): Query<Wanted>,
) -> Answer<Accepted> {
    let mut tx = api.store.begin().await?;
    let instance = find(&mut tx, &bearer, &id).await?;
    confirm::by_name(
        query.confirm.as_deref(),
        &[&instance.name, instance.slug.as_str()],
    )?;
    let params = instance_delete::Params {
        keep_dump: query.keep_dump.unwrap_or(true),
    };
    let requested = instance_delete::request(&mut tx, &instance, &params).await;
    let operation = operations::begin(&api, tx, instance.id.uuid(), requested).await?;
    accepted(&api, instance.id, operation).await
}
