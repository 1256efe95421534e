//! `GET /api/servers` and `GET /api/servers/{id}`.

use std::mem::take;

use axum::{Json, extract::Path};
use ocore_domain::{server::ServerStatus, sort::ServerSort};
use ocore_store::servers as rows;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Server, find, view, views};
use crate::{
    access::{Allowed, Servers, View},
    body::Query,
    page::{self, List},
    problem::Answer,
    revision::Tagged,
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
    /// In which order; `name` if not given. A hyphen turns it round.
    #[param(inline)]
    sort: Option<ServerSort>,
    /// A part of name or host.
    search: Option<String>,
    /// Only in this status.
    status: Option<ServerStatus>,
}

/// Servers, by name unless told otherwise
#[utoipa::path(
    get, path = "/api/servers", operation_id = "listServers", tag = "servers", params(Wanted),
    responses((status = 200, body = List<Server>))
)]
pub(super) async fn list(
    allowed: Allowed<View<Servers>>,
    Query(query): Query<Wanted>,
) -> Answer<Json<List<Server>>> {
    let page = page::sorted(query.limit, query.cursor.as_deref(), query.sort)?;
    let mut conn = allowed.read().await?;
    let mut page = rows::list(
        &mut conn,
        allowed.organization()?,
        query.search.as_deref(),
        query.status,
        &page,
    )
    .await?;
    let data = views(&mut conn, take(&mut page.data)).await?;
    Ok(Json(page.holding(data).into()))
}

/// One server, by id or name
#[utoipa::path(
    get, path = "/api/servers/{id}", operation_id = "showServer", tag = "servers", params(("id" = String, Path, description = "Id or name")),
    responses((status = 200, body = Server, headers(("ETag" = String, description = "Its revision: how often people changed it"))))
)]
pub(super) async fn show(allowed: Allowed<View<Servers>>, Path(id): Path<String>) -> Answer<Tagged<Server>> {
    let mut conn = allowed.read().await?;
    let server = find(&mut conn, allowed.organization()?, &id).await?;
    Ok(Tagged {
        revision: server.revision,
        body: view(&mut conn, server).await?,
    })
}
