//! `GET /api/api-keys`.

use axum::Json;
use ocore_domain::ApiKeyId;
use ocore_store::api_keys as rows;

use super::ApiKey;
use crate::{
    access::{Allowed, ApiKeys, View},
    body::Query,
    page::{List, Part},
    problem::Answer,
};

/// API keys that are not revoked, newest first
#[utoipa::path(
    get, path = "/api/api-keys", operation_id = "listApiKeys", tag = "api-keys", params(Part),
    responses((status = 200, body = List<ApiKey>))
)]
pub(super) async fn list(
    allowed: Allowed<View<ApiKeys>>,
    Query(part): Query<Part>,
) -> Answer<Json<List<ApiKey>>> {
    let page = part.of::<ApiKeyId>()?;
    let rows = rows::list(&mut *allowed.read().await?, allowed.organization()?, &page).await?;
    Ok(Json(rows.map(ApiKey::from).into()))
}
