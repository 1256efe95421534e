//! Whether oCore itself is well. Anybody may ask.

use axum::{Json, http::StatusCode};
use chrono::Utc;
use ocore_store::{operations, views};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::{Allowed, Anyone, Routes, guarded},
    problem::Failure,
};

pub(crate) fn routes() -> Routes {
    Routes::default().with(guarded!(alive)).with(guarded!(ready))
}

#[derive(Serialize, ToSchema)]
struct Alive {
    status: &'static str,
    version: &'static str,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Ready {
    /// `ready` or `unavailable`.
    status: &'static str,
    /// `ok` or `unavailable`.
    database: &'static str,
    /// `ok` or `pending`; null when the database cannot be asked.
    migrations: Option<&'static str>,
    /// For how long the operation that has waited longest could have been taken up.
    queue_age_seconds: Option<i64>,
}

/// Whether the process answers
#[utoipa::path(get, path = "/health", operation_id = "isAlive", tag = "health", security(()), responses((status = 200, body = Alive)))]
async fn alive(_: Allowed<Anyone>) -> Json<Alive> {
    Json(Alive {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// Whether it can do its work
#[utoipa::path(
    get, path = "/health/ready", operation_id = "isReady", tag = "health", security(()),
    responses((status = 200, body = Ready), (status = 503, body = Ready, description = "It cannot"))
)]
async fn ready(allowed: Allowed<Anyone>) -> (StatusCode, Json<Ready>) {
    let looked = async {
        let mut conn = allowed.read_outside().await?;
        let migrated = views::is_migrated(&mut conn).await?;
        Ok::<_, Failure>((migrated, operations::queue_age(&mut conn).await?))
    };
    let ready = match looked.await {
        Ok((migrated, waiting_since)) => Ready {
            status: if migrated { "ready" } else { "unavailable" },
            database: "ok",
            migrations: Some(if migrated { "ok" } else { "pending" }),
            queue_age_seconds: Some(
                waiting_since.map_or(0, |since| (Utc::now() - since).num_seconds().max(0)),
            ),
        },
        Err(error) => {
            tracing::warn!(?error, "not ready");
            Ready {
                status: "unavailable",
                database: "unavailable",
                migrations: None,
                queue_age_seconds: None,
            }
        }
    };
    let status = if ready.status == "ready" {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(ready))
}
