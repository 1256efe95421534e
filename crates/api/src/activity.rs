//! `GET /api/activity`: what happened to servers and instances without anybody's asking.

use axum::Json;
use chrono::{DateTime, Utc};
use ocore_store::activity;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    access::{Allowed, Monitoring, Routes, View, guarded},
    body::Query,
    page::{self, List},
    problem::Answer,
};

pub(crate) fn routes() -> Routes {
    Routes::default().with(guarded!(list))
}

/// One thing that happened.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Activity {
    /// Later ones are greater.
    id: i64,
    at: DateTime<Utc>,
    /// `server` or `instance`.
    subject_kind: String,
    subject_id: Uuid,
    /// For example `server.rebooted`.
    kind: String,
    /// The same in words.
    message: String,
}

impl From<activity::Activity> for Activity {
    fn from(row: activity::Activity) -> Self {
        Self {
            id: row.id,
            at: row.at,
            subject_kind: row.subject_kind,
            subject_id: row.subject_id,
            kind: row.kind,
            message: row.message,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// How many at most, 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// To this server or instance only.
    subject_id: Option<Uuid>,
}

/// What happened, newest first
#[utoipa::path(
    get, path = "/api/activity", operation_id = "listActivity", tag = "activity", params(Wanted),
    responses((status = 200, body = List<Activity>))
)]
async fn list(
    allowed: Allowed<View<Monitoring>>,
    Query(query): Query<Wanted>,
) -> Answer<Json<List<Activity>>> {
    let page = page::wanted::<i64>(query.limit, query.cursor)?;
    let mut conn = allowed.read().await?;
    let rows = activity::list(&mut conn, allowed.organization()?, query.subject_id, &page).await?;
    Ok(Json(rows.map(Activity::from).into()))
}
