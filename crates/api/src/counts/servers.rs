//! `GET /api/counts/servers`.

use axum::Json;
use ocore_domain::server::ServerStatus;
use ocore_store::servers as rows;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::{Allowed, Servers, View},
    problem::Answer,
};

/// How many servers there are that the caller may see.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServerCounts {
    total: i64,
    /// Of those, that take nothing new.
    cordoned: i64,
    /// A status that no server is in is left out.
    by_status: Vec<ServersIn>,
}

/// How many servers are in a status.
#[derive(Serialize, ToSchema)]
struct ServersIn {
    status: ServerStatus,
    count: i64,
}

/// How many servers there are, by status
#[utoipa::path(
    get, path = "/api/counts/servers", operation_id = "countServers", tag = "servers",
    responses((status = 200, body = ServerCounts))
)]
pub(super) async fn show(allowed: Allowed<View<Servers>>) -> Answer<Json<ServerCounts>> {
    let mut conn = allowed.read().await?;
    let counts = rows::count(&mut conn, allowed.organization()?).await?;
    Ok(Json(ServerCounts {
        total: counts.iter().map(|of| of.count).sum(),
        cordoned: counts.iter().map(|of| of.cordoned).sum(),
        by_status: counts
            .into_iter()
            .map(|of| ServersIn {
                status: of.status,
                count: of.count,
            })
            .collect(),
    }))
}
