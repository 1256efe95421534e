//! `GET /api/final-dumps`: what is kept of deleted instances, until it expires.

use axum::Json;
use chrono::{DateTime, Utc};
use ocore_domain::{InstanceId, ServerId};
use ocore_store::dumps;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    access::{Allowed, Backups, Routes, View, guarded},
    body::Query,
    page::{List, Part},
    problem::Answer,
};

pub(crate) fn routes() -> Routes {
    Routes::default().with(guarded!(list))
}

/// What is kept of a deleted instance.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct FinalDump {
    id: Uuid,
    instance_id: InstanceId,
    instance_name: String,
    server_id: ServerId,
    /// Of the database (`pg_dump --format=custom`), in the server's PostgreSQL container.
    database_path: String,
    /// Of the filestore (`tar.gz`), beside it.
    filestore_path: String,
    /// Of both together.
    size_bytes: i64,
    created_at: DateTime<Utc>,
    /// When it is removed.
    expires_at: DateTime<Utc>,
}

impl From<dumps::FinalDump> for FinalDump {
    fn from(row: dumps::FinalDump) -> Self {
        Self {
            id: row.id,
            instance_id: row.instance_id,
            instance_name: row.instance_name,
            server_id: row.server_id,
            database_path: row.database_path,
            filestore_path: row.filestore_path,
            size_bytes: row.size_bytes,
            created_at: row.created_at,
            expires_at: row.expires_at,
        }
    }
}

/// What is kept of deleted instances, newest first
#[utoipa::path(
    get, path = "/api/final-dumps", operation_id = "listFinalDumps", tag = "instances", params(Part),
    responses((status = 200, body = List<FinalDump>))
)]
async fn list(allowed: Allowed<View<Backups>>, Query(part): Query<Part>) -> Answer<Json<List<FinalDump>>> {
    let page = part.of::<Uuid>()?;
    let rows = dumps::list(&mut *allowed.read().await?, allowed.organization()?, &page).await?;
    Ok(Json(rows.map(FinalDump::from).into()))
}
