//! `GET /api/instances/{id}/monitoring/metrics`.

use axum::{Json, extract::Path};
use ocore_store::metrics::charts::{self, InstancePoint};

use super::find;
use crate::{
    access::{Allowed, Monitoring, View},
    body::Query,
    charts::{Chart, Wanted},
    problem::Answer,
};

/// What was measured of an instance over a while
///
/// Points in the order of their times. Where nothing was measured (it was stopped, its server could not be reached) there
/// is no point: a gap is no zero.
#[utoipa::path(
    get, path = "/api/instances/{id}/monitoring/metrics", operation_id = "instanceMetrics", tag = "monitoring",
    params(("id" = String, Path, description = "Id, slug or name"), Wanted),
    responses((status = 200, body = Chart<InstancePoint>))
)]
pub(super) async fn metrics(
    allowed: Allowed<View<Monitoring>>,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Answer<Json<Chart<InstancePoint>>> {
    let mut conn = allowed.read().await?;
    let instance = find(&mut conn, allowed.organization()?, &id).await?;
    let mut chart = Chart::of(wanted);
    chart.data = charts::instance(&mut conn, instance.id, chart.resolution_seconds, chart.since).await?;
    chart.observed(charts::observed(&mut conn, instance.server_id).await?);
    Ok(Json(chart))
}
