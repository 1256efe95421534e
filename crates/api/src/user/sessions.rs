//! `/api/user/sessions`: where somebody is signed in.

use axum::{Json, extract::Path, http::StatusCode};
use chrono::{DateTime, Utc};
use ocore_domain::SessionId;
use ocore_store::sessions as rows;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::who;
use crate::{
    access::{Act, Allowed, SignedIn},
    auth::records,
    body::Query,
    page::{List, Part},
    problem::{Answer, Failure},
};

/// Somebody signed in on a device.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Session {
    id: SessionId,
    created_at: DateTime<Utc>,
    /// To the minute.
    last_used_at: DateTime<Utc>,
    /// When it ends if it is not used.
    expires_at: DateTime<Utc>,
    /// From where it began.
    ip_address: Option<String>,
    user_agent: Option<String>,
    /// How it began: `password`, `totp`, `passkey` or `sso`.
    method: String,
    /// Whether it is the one that asks.
    is_current: bool,
}

/// Where one is signed in, newest first
#[utoipa::path(
    get, path = "/api/user/sessions", operation_id = "listSessions", tag = "user", params(Part),
    responses((status = 200, body = List<Session>))
)]
pub(super) async fn list(
    allowed: Allowed<SignedIn>,
    Query(part): Query<Part>,
) -> Answer<Json<List<Session>>> {
    let (user, current) = who(&allowed)?;
    let page = part.of::<SessionId>()?;
    let rows = rows::list(&mut *allowed.read_outside().await?, user, &page).await?;
    let view = |row: rows::Session| Session {
        id: row.id,
        created_at: row.created_at,
        last_used_at: row.last_used_at,
        expires_at: row.expires_at,
        ip_address: row.address,
        user_agent: row.user_agent,
        method: row.method,
        is_current: row.id == current,
    };
    Ok(Json(rows.map(view).into()))
}

/// End a session
///
/// It may do nothing any more from that moment on.
#[utoipa::path(
    delete, path = "/api/user/sessions/{id}", operation_id = "revokeSession", tag = "user",
    params(("id" = String, Path, description = "Id")), responses((status = 204))
)]
pub(super) async fn revoke(allowed: Allowed<SignedIn>, Path(id): Path<String>) -> Answer<StatusCode> {
    let (user, _) = who(&allowed)?;
    let mut change = allowed.change_outside().await?;
    let is_ended = match id.parse::<SessionId>() {
        Ok(session) => rows::revoke(&mut change, user, session).await?,
        Err(_) => false,
    };
    if !is_ended {
        return Err(Failure::not_found("session", &id));
    }
    let records = records(&mut change, user).await?;
    let act = Act::new("auth.session_revoked").on("session", id, "");
    change.commit_for(&records, act).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End every other session
#[utoipa::path(
    delete, path = "/api/user/sessions", operation_id = "revokeOtherSessions", tag = "user",
    responses((status = 204))
)]
pub(super) async fn revoke_others(allowed: Allowed<SignedIn>) -> Answer<StatusCode> {
    let (user, current) = who(&allowed)?;
    let mut change = allowed.change_outside().await?;
    let ended = rows::revoke_others(&mut change, user, Some(current)).await?;
    let records = records(&mut change, user).await?;
    let act = Act::new("auth.session_revoked").on("user", user, "");
    change
        .commit_for(&records, act.after(&json!({ "sessions": ended })))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
