//! `GET /api/servers` and `GET /api/servers/{id}`.

use axum::{
    Json,
    extract::{Path, State},
};
use ocore_domain::server::ServerStatus;
use ocore_store::{Page, servers as rows};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Server, find, view, views};
use crate::{
    Api,
    auth::Bearer,
    body::Query,
    page::{self, List},
    problem::Answer,
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// How many at most, 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// A part of name or host.
    search: Option<String>,
    /// Only in this status.
    status: Option<ServerStatus>,
}

/// Servers by name
#[utoipa::path(
    get, path = "/api/servers", operation_id = "listServers", tag = "servers", params(Wanted),
    responses((status = 200, body = List<Server>))
)]
pub(super) async fn list(
    State(api): State<Api>,
    bearer: Bearer,
    Query(query): Query<Wanted>,
) -> Answer<Json<List<Server>>> {
    let page = page::wanted::<String>(query.limit, query.cursor)?;
    let mut conn = api.store.connection().await?;
    let found = rows::list(
        &mut conn,
        bearer.organization,
        query.search.as_deref(),
        query.status,
        &page,
    )
    .await?;
    let Page {
        data,
        next_cursor,
        has_more,
    } = found;
    let data = views(&mut conn, data).await?;
    Ok(Json(
        Page {
            data,
            next_cursor,
            has_more,
        }
        .into(),
    ))
}

/// One server, by id or name
#[utoipa::path(
    get, path = "/api/servers/{id}", operation_id = "showServer", tag = "servers", params(("id" = String, Path, description = "Id or name")),
    responses((status = 200, body = Server))
)]
pub(super) async fn show(
    State(api): State<Api>,
    bearer: Bearer,
    Path(id): Path<String>,
) -> Answer<Json<Server>> {
    let mut conn = api.store.connection().await?;
    let server = find(&mut conn, &bearer, &id).await?;
    Ok(Json(view(&mut conn, server).await?))
}
