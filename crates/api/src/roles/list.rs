//! `GET /api/roles`.

use axum::Json;
use ocore_store::roles as rows;

use super::Role;
use crate::{
    access::{Allowed, Roles, View},
    body::Query,
    page::{List, Part},
    problem::Answer,
};

/// Roles by name
#[utoipa::path(
    get, path = "/api/roles", operation_id = "listRoles", tag = "roles", params(Part),
    responses((status = 200, body = List<Role>))
)]
pub(super) async fn list(
    allowed: Allowed<View<Roles>>,
    Query(part): Query<Part>,
) -> Answer<Json<List<Role>>> {
    let page = part.of::<String>()?;
    let rows = rows::list(&mut *allowed.read().await?, allowed.organization()?, &page).await?;
    Ok(Json(rows.map(Role::from).into()))
}
