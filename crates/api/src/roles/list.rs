//! `GET /api/roles`.

use axum::Json;
use ocore_store::roles as rows;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Role;
use crate::{
    access::{Allowed, Roles, View},
    body::Query,
    page::{self, List},
    problem::Answer,
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// How many at most, 1 to 200.
    limit: Option<i64>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// Roles by name
#[utoipa::path(
    get, path = "/api/roles", operation_id = "listRoles", tag = "roles", params(Wanted),
    responses((status = 200, body = List<Role>))
)]
pub(super) async fn list(
    allowed: Allowed<View<Roles>>,
    Query(query): Query<Wanted>,
) -> Answer<Json<List<Role>>> {
    let page = page::wanted::<String>(query.limit, query.cursor)?;
    let rows = rows::list(&mut *allowed.read().await?, allowed.organization()?, &page).await?;
    Ok(Json(rows.map(Role::from).into()))
}
