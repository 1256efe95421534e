//! `GET /api/api-keys`.

use axum::Json;
use ocore_domain::sort::ApiKeySort;
use ocore_store::api_keys as rows;
use serde::Deserialize;
use utoipa::IntoParams;

use super::ApiKey;
use crate::{
    access::{Allowed, ApiKeys, View},
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
    /// In which order; `-createdAt` if not given. A hyphen turns it round.
    #[param(inline)]
    sort: Option<ApiKeySort>,
}

/// API keys that are not revoked, newest first unless told otherwise
#[utoipa::path(
    get, path = "/api/api-keys", operation_id = "listApiKeys", tag = "api-keys", params(Wanted),
    responses((status = 200, body = List<ApiKey>))
)]
pub(super) async fn list(
    allowed: Allowed<View<ApiKeys>>,
    Query(query): Query<Wanted>,
) -> Answer<Json<List<ApiKey>>> {
    let page = page::sorted(query.limit, query.cursor.as_deref(), query.sort)?;
    let rows = rows::list(&mut *allowed.read().await?, allowed.organization()?, &page).await?;
    Ok(Json(rows.map(ApiKey::from).into()))
}
