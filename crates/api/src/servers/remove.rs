//! `DELETE /api/servers/{id}`: takes a server out that bears no instance, or that is lost.

use axum::extract::{Path, State};
use ocore_operations::server_remove;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Accepted, ServerAccepted, accepted, find};
use crate::{Api, auth::Bearer, body::Query, confirm, operations, problem::Answer};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// The server's name, to show that it is meant.
    #[param(required)]
    confirm: Option<String>,
    /// Forget a server that cannot be reached, with the instances it bears: what oCore made there is left there.
    #[serde(default)]
    force: bool,
}

/// Remove a server
#[utoipa::path(
    delete, path = "/api/servers/{id}", operation_id = "removeServer", tag = "servers",
    params(("id" = String, Path, description = "Id or name"), Wanted),
    responses((status = 202, body = ServerAccepted))
)]
pub(super) async fn remove(
    State(api): State<Api>,
    bearer: Bearer,
    Path(id): Path<String>,
    Query(query): Query<Wanted>,
) -> Answer<Accepted> {
    let mut tx = api.store.begin().await?;
    let server = find(&mut tx, &bearer, &id).await?;
    confirm::by_name(query.confirm.as_deref(), &[&server.name])?;
    let params = server_remove::Params { force: query.force };
    let requested = server_remove::request(&mut tx, &server, &params).await;
    let operation = operations::begin(&api, tx, server.id.uuid(), requested).await?;
    accepted(&api, server.id, operation).await
}
