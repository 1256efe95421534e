//! `GET /api/servers/{id}/uptime` and `GET /api/instances/{id}/uptime`.

use axum::{Json, extract::Path};
use chrono::{DateTime, TimeDelta, Utc};
use ocore_store::{PgConnection, availability as rows};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    access::{Allowed, Instances, Routes, Servers, View, guarded},
    instances,
    problem::Answer,
    servers,
};

/// Outages that are listed.
const OUTAGES: i64 = 50;

pub(crate) fn routes() -> Routes {
    Routes::default()
        .with(guarded!(of_server))
        .with(guarded!(of_instance))
}

/// How long something was up.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Uptime {
    periods: Vec<Period>,
    /// The last outages of 30 days, newest first; at most 50.
    outages: Vec<Outage>,
}

/// A time up to now.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(
    clippy::struct_field_names,
    reason = "what metrics are asked for is called so too"
)]
struct Period {
    /// `24h`, `7d` or `30d`.
    period: &'static str,
    /// Percent of the time that is known; null when none is.
    uptime_percent: Option<f64>,
    up_seconds: i64,
    down_seconds: i64,
    /// Nobody could look: oCore was not running, or it was not meant to be up, or was not there yet. In no percentage.
    unknown_seconds: i64,
    outage_count: i64,
}

/// A time in which it was down.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Outage {
    from: DateTime<Utc>,
    /// Null: it goes on.
    to: Option<DateTime<Utc>>,
    seconds: i64,
}

/// How long a server was up
#[utoipa::path(
    get, path = "/api/servers/{id}/uptime", operation_id = "showServerUptime", tag = "servers",
    params(("id" = String, Path, description = "Id or name")),
    responses((status = 200, body = Uptime))
)]
async fn of_server(allowed: Allowed<View<Servers>>, Path(id): Path<String>) -> Answer<Json<Uptime>> {
    let mut conn = allowed.read().await?;
    let server = servers::find(&mut conn, allowed.organization()?, &id).await?;
    Ok(Json(uptime(&mut conn, server.id.uuid()).await?))
}

/// How long an instance was up
#[utoipa::path(
    get, path = "/api/instances/{id}/uptime", operation_id = "showInstanceUptime", tag = "instances",
    params(("id" = String, Path, description = "Id, slug or name")),
    responses((status = 200, body = Uptime))
)]
async fn of_instance(allowed: Allowed<View<Instances>>, Path(id): Path<String>) -> Answer<Json<Uptime>> {
    let mut conn = allowed.read().await?;
    let instance = instances::find(&mut conn, allowed.organization()?, &id).await?;
    Ok(Json(uptime(&mut conn, instance.id.uuid()).await?))
}

#[expect(clippy::cast_possible_truncation, reason = "whole seconds of a month are few")]
async fn uptime(conn: &mut PgConnection, subject: Uuid) -> Answer<Uptime> {
    let now = Utc::now();
    let mut periods = Vec::new();
    for (period, length) in [
        ("24h", TimeDelta::hours(24)),
        ("7d", TimeDelta::days(7)),
        ("30d", TimeDelta::days(30)),
    ] {
        let spent = rows::spent(conn, subject, length, now).await?;
        let known = spent.up + spent.down;
        let (up, down) = (spent.up.round() as i64, spent.down.round() as i64);
        periods.push(Period {
            period,
            uptime_percent: (known > 0.0).then(|| (100_000.0 * spent.up / known).round() / 1000.0),
            up_seconds: up,
            down_seconds: down,
            unknown_seconds: (length.num_seconds() - up - down).max(0),
            outage_count: spent.outages,
        });
    }
    let outages = rows::outages(conn, subject, now - TimeDelta::days(30), OUTAGES).await?;
    let outages = outages
        .into_iter()
        .map(|outage| Outage {
            from: outage.from_at,
            to: outage.to_at,
            seconds: (outage.to_at.unwrap_or(now) - outage.from_at).num_seconds(),
        })
        .collect();
    Ok(Uptime { periods, outages })
}
