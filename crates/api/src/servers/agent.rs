//! `/api/servers/{id}/agent`: the agent of a server, its installation, its token and its end.

use axum::{
    Json,
    extract::{Path, State},
};
use chrono::{DateTime, Utc};
use ocore_operations::{AGENT_VERSION, agent_install, agent_remove, agent_rotate};
use ocore_store::agents::{self as rows, Agent};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Accepted, ServerAccepted, begun, find};
use crate::{
    Api,
    access::{Act, Allowed, Manage, Servers, View},
    body::Query,
    problem::Answer,
};

/// A server's agent.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServerAgent {
    /// Whether there is one, or was when it was heard last.
    installed: bool,
    /// Whether it was heard within the last 65 seconds.
    alive: bool,
    version: Option<String>,
    /// The version that this oCore installs.
    available_version: &'static str,
    installed_at: Option<DateTime<Utc>>,
    token_rotated_at: Option<DateTime<Utc>>,
    /// When it brought something last.
    last_seen_at: Option<DateTime<Utc>>,
    /// When its newest sample was taken, by the server's clock.
    last_sample_at: Option<DateTime<Utc>>,
    /// Samples it had to drop because it was cut off for longer than it can remember.
    lost_samples: i64,
}

impl From<Option<Agent>> for ServerAgent {
    fn from(agent: Option<Agent>) -> Self {
        let of = agent.as_ref();
        Self {
            installed: of.is_some(),
            alive: of.is_some_and(|agent| agent.is_alive(Utc::now())),
            available_version: AGENT_VERSION,
            installed_at: of.map(|agent| agent.installed_at),
            token_rotated_at: of.map(|agent| agent.token_rotated_at),
            last_seen_at: of.and_then(|agent| agent.last_seen_at),
            last_sample_at: of.and_then(|agent| agent.last_sample_at),
            lost_samples: of.map_or(0, |agent| agent.lost_samples),
            version: agent.and_then(|agent| agent.version),
        }
    }
}

/// Show a server's agent
#[utoipa::path(
    get, path = "/api/servers/{id}/agent", operation_id = "getServerAgent", tag = "servers",
    params(("id" = String, Path, description = "Id or name")),
    responses((status = 200, body = ServerAgent))
)]
pub(super) async fn show(
    allowed: Allowed<View<Servers>>,
    Path(id): Path<String>,
) -> Answer<Json<ServerAgent>> {
    let mut tx = allowed.read().await?;
    let server = find(&mut tx, allowed.organization()?, &id).await?;
    Ok(Json(rows::get(&mut tx, server.id).await?.into()))
}

/// Install a server's agent, or upgrade it
///
/// It is put there over SSH as a service without rights of its own, with a new token, and counts as installed when its
/// first sample has arrived.
#[utoipa::path(
    post, path = "/api/servers/{id}/agent", operation_id = "installServerAgent", tag = "servers",
    params(("id" = String, Path, description = "Id or name")),
    responses((status = 202, body = ServerAccepted))
)]
pub(super) async fn install(
    allowed: Allowed<Manage<Servers>>,
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Answer<Accepted> {
    let mut change = allowed.change().await?;
    let server = find(&mut change, allowed.organization()?, &id).await?;
    let requested = agent_install::request(&mut change, &server).await;
    let act = Act::new("server.agent_installed").on("server", server.id, &server.name);
    begun(&api, &allowed, change, server.id, requested, act).await
}

/// Give a server's agent a new token
///
/// The one it has stays good until it uses the new one.
#[utoipa::path(
    post, path = "/api/servers/{id}/agent/rotate", operation_id = "rotateServerAgentToken", tag = "servers",
    params(("id" = String, Path, description = "Id or name")),
    responses((status = 202, body = ServerAccepted))
)]
pub(super) async fn rotate(
    allowed: Allowed<Manage<Servers>>,
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Answer<Accepted> {
    let mut change = allowed.change().await?;
    let server = find(&mut change, allowed.organization()?, &id).await?;
    let requested = agent_rotate::request(&mut change, &server).await;
    let act = Act::new("server.agent_token_rotated").on("server", server.id, &server.name);
    begun(&api, &allowed, change, server.id, requested, act).await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Forget it though the server cannot be reached: what is there stays there, and its token opens nothing.
    #[serde(default)]
    force: bool,
}

/// Remove a server's agent
///
/// The server is looked at over SSH again.
#[utoipa::path(
    delete, path = "/api/servers/{id}/agent", operation_id = "removeServerAgent", tag = "servers",
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
    let params = agent_remove::Params { force: query.force };
    let requested = agent_remove::request(&mut change, &server, &params).await;
    let act = Act::new("server.agent_removed").on("server", server.id, &server.name);
    begun(&api, &allowed, change, server.id, requested, act).await
}
