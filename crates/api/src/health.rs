//! Whether oCore itself is well. Anybody may ask.

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use ocore_store::{operations, views};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Api,
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
    /// `ready`, `unavailable`, or `stopping` when the process is about to end and requests are to go elsewhere.
    status: &'static str,
    /// What this process does of `api`, `worker` and `leader`.
    roles: Vec<&'static str>,
    /// Whether it leads.
    leads: bool,
    /// `ok` or `unavailable`.
    database: &'static str,
    /// `ok` or `pending`; null when the database cannot be asked.
    migrations: Option<&'static str>,
    /// For how long the operation that has waited longest could have been taken up; what is paused does not count.
    queue_age_seconds: Option<i64>,
    /// How many operations could be taken up and are not, paused ones among them.
    queue_depth: Option<i64>,
    /// How many of these are kept back by a pause.
    queue_paused: Option<i64>,
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
async fn ready(allowed: Allowed<Anyone>, State(api): State<Api>) -> (StatusCode, Json<Ready>) {
    let looked = async {
        let mut conn = allowed.read_outside().await?;
        let migrated = views::is_migrated(&mut conn).await?;
        Ok::<_, Failure>((migrated, operations::queue_depth(&mut conn).await?))
    };
    let mut ready = Ready {
        status: "unavailable",
        roles: api.hands.roles().names().collect(),
        leads: api.hands.leads(),
        database: "unavailable",
        migrations: None,
        queue_age_seconds: None,
        queue_depth: None,
        queue_paused: None,
    };
    match looked.await {
        Ok((migrated, queue)) => {
            ready.database = "ok";
            (ready.status, ready.migrations) = if migrated {
                ("ready", Some("ok"))
            } else {
                ("unavailable", Some("pending"))
            };
            let age = |since: DateTime<Utc>| (Utc::now() - since).num_seconds().max(0);
            ready.queue_age_seconds = Some(queue.oldest.map_or(0, age));
            ready.queue_depth = Some(queue.waiting);
            ready.queue_paused = Some(queue.paused);
        }
        Err(error) => tracing::warn!(?error, "not ready"),
    }
    if ready.status == "ready" && api.hands.is_leaving() {
        ready.status = "stopping";
    }
    let status = if ready.status == "ready" {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(ready))
}
