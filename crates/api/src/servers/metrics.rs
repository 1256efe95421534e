//! `GET /api/servers/{id}/metrics` and `GET /api/servers/{id}/metrics/latest`.

use axum::{Json, extract::Path};
use chrono::{DateTime, Utc};
use ocore_domain::{Code, Problem};
use ocore_store::metrics::{
    Detail, Source,
    charts::{self, ServerPoint},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::find;
use crate::{
    access::{Allowed, Monitoring, View},
    body::Query,
    charts::{Chart, Wanted},
    problem::Answer,
};

/// What was measured last of a server, with everything that is only worth knowing now.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct LatestMetrics {
    /// When it was measured.
    collected_at: DateTime<Utc>,
    /// When oCore heard of it.
    received_at: DateTime<Utc>,
    /// `agent` or `ssh`.
    #[schema(value_type = String)]
    source: Source,
    cpu_usage_percent: f32,
    #[serde(rename = "cpuLoad1m")]
    cpu_load_1m: f32,
    #[serde(rename = "cpuLoad5m")]
    cpu_load_5m: f32,
    #[serde(rename = "cpuLoad15m")]
    cpu_load_15m: f32,
    ram_total_bytes: i64,
    ram_used_bytes: i64,
    ram_available_bytes: i64,
    ram_usage_percent: f64,
    /// Of the file system that holds Docker's data.
    disk_total_bytes: i64,
    disk_used_bytes: i64,
    disk_available_bytes: i64,
    disk_usage_percent: f64,
    /// In the last interval.
    network_rx_bytes: i64,
    network_tx_bytes: i64,
    uptime_seconds: i64,
    /// Cores, disks, networks, containers, processes that use most, PostgreSQL and the instances.
    detail: Detail,
}

/// What was measured of a server over a while
///
/// Points in the order of their times. Where nothing was measured there is no point: a gap is no zero. Points of `24h`
/// and more are made when ten minutes or two hours are over, so the last ones are still to come.
#[utoipa::path(
    get, path = "/api/servers/{id}/metrics", operation_id = "serverMetrics", tag = "monitoring",
    params(("id" = String, Path, description = "Id or name"), Wanted),
    responses((status = 200, body = Chart<ServerPoint>))
)]
pub(super) async fn metrics(
    allowed: Allowed<View<Monitoring>>,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Answer<Json<Chart<ServerPoint>>> {
    let mut conn = allowed.read().await?;
    let server = find(&mut conn, allowed.organization()?, &id).await?.id;
    let mut chart = Chart::of(wanted);
    chart.data = charts::server(&mut conn, server, chart.resolution_seconds, chart.since).await?;
    chart.observed(charts::observed(&mut conn, server).await?);
    Ok(Json(chart))
}

/// What was measured last of a server
///
/// Whoever is limited to some instances is not told of the containers, databases and processes of others.
#[utoipa::path(
    get, path = "/api/servers/{id}/metrics/latest", operation_id = "latestServerMetrics", tag = "monitoring",
    params(("id" = String, Path, description = "Id or name")),
    responses((status = 200, body = LatestMetrics), (status = 404, description = "There is no such server, or nothing was measured yet"))
)]
pub(super) async fn latest(
    allowed: Allowed<View<Monitoring>>,
    Path(id): Path<String>,
) -> Answer<Json<LatestMetrics>> {
    let mut conn = allowed.read().await?;
    let server = find(&mut conn, allowed.organization()?, &id).await?;
    let latest = charts::latest(&mut conn, server.id).await?;
    let latest = latest.ok_or_else(|| {
        Problem::new(
            Code::NotFound,
            format!("Nothing was measured of the server {} yet", server.name),
            "Ask again in two minutes; if it lasts, look whether the server is active.",
        )
    })?;
    let detail = latest.detail;
    let load = |which: usize| detail.load.get(which).copied().unwrap_or_default();
    let disk = detail.filesystems.first().cloned().unwrap_or_default();
    let memory = &detail.memory;
    let ram_used = (memory.total_bytes - memory.available_bytes).max(0);
    let disk_used = (disk.total_bytes - disk.available_bytes).max(0);
    Ok(Json(LatestMetrics {
        collected_at: latest.at,
        received_at: latest.received_at,
        source: latest.source,
        cpu_usage_percent: detail.cpu.usage_percent,
        cpu_load_1m: load(0),
        cpu_load_5m: load(1),
        cpu_load_15m: load(2),
        ram_total_bytes: memory.total_bytes,
        ram_used_bytes: ram_used,
        ram_available_bytes: memory.available_bytes,
        ram_usage_percent: percent(ram_used, memory.total_bytes),
        disk_total_bytes: disk.total_bytes,
        disk_used_bytes: disk_used,
        disk_available_bytes: disk.available_bytes,
        disk_usage_percent: percent(disk_used, disk.total_bytes),
        network_rx_bytes: detail
            .networks
            .iter()
            .fold(0, |sum, of| sum.saturating_add(of.rx_bytes)),
        network_tx_bytes: detail
            .networks
            .iter()
            .fold(0, |sum, of| sum.saturating_add(of.tx_bytes)),
        uptime_seconds: detail.uptime_seconds,
        detail,
    }))
}

#[expect(clippy::cast_precision_loss, reason = "a percentage is not that exact")]
fn percent(part: i64, whole: i64) -> f64 {
    if whole > 0 {
        part as f64 * 100.0 / whole as f64
    } else {
        0.0
    }
}
