//! `GET /api/monitoring/alerts/count`.

use axum::Json;
use ocore_store::alerts::events as rows;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::{Allowed, Monitoring, View},
    problem::Answer,
};

/// How many alerts did not end.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AlertCount {
    /// All but those that another explains.
    unresolved: i64,
    critical: i64,
    warning: i64,
    info: i64,
    /// Of the unresolved, those that somebody has seen.
    acknowledged: i64,
    /// Those that another explains: a server that is away silences its instances. Not among the unresolved.
    suppressed: i64,
}

/// How many alerts did not end
#[utoipa::path(
    get, path = "/api/monitoring/alerts/count", operation_id = "countAlerts", tag = "alerts",
    responses((status = 200, body = AlertCount))
)]
pub(super) async fn count(allowed: Allowed<View<Monitoring>>) -> Answer<Json<AlertCount>> {
    let count = rows::count(&mut *allowed.read().await?, allowed.organization()?).await?;
    Ok(Json(AlertCount {
        unresolved: count.critical + count.warning + count.info,
        critical: count.critical,
        warning: count.warning,
        info: count.info,
        acknowledged: count.acknowledged,
        suppressed: count.suppressed,
    }))
}
