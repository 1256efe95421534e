//! `DELETE /api/servers/{id}`: takes a server out that bears no instance, or that is lost.

use axum::extract::{Path, State};
use ocore_operations::server_remove;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Accepted, ServerAccepted, begun, find, view_of};
use crate::{
    Api,
    access::{Act, Allowed, Manage, Servers},
    body::Query,
    confirm,
    problem::Answer,
};

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
    allowed: Allowed<Manage<Servers>>,
    State(api): State<Api>,
    Path(id): Path<String>,
    Query(query): Query<Wanted>,
) -> Answer<Accepted> {
    let mut change = allowed.change().await?;
    let server = find(&mut change, allowed.organization()?, &id).await?;
    confirm::by_name(query.confirm.as_deref(), &[&server.name])?;
    let params = server_remove::Params { force: query.force };
    if query.force {
        // What a lost server bore is forgotten with it: reservations, which are not for requests, too.
        change.leave_tenancy().await?;
    }
    let before = view_of(&mut change, server.id).await?;
    let requested = server_remove::request(&mut change, &server, &params).await;
    let act = Act::new("server.deleted").on("server", server.id, &server.name);
    begun(&api, &allowed, change, server.id, requested, act.before(&before)).await
}
