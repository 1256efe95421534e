//! `/api/notifications`: what a person is told in oCore itself.

use axum::{Json, extract::Path, http::StatusCode};
use chrono::{DateTime, Utc};
use ocore_domain::{OrganizationId, UserId, alerts::Severity};
use ocore_store::people_told as rows;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    access::{Act, Actor, Allowed, SignedIn},
    body::{Json as Body, Query},
    page::{self, List},
    problem::{Answer, Failure},
};

/// Something told.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Notification {
    id: Uuid,
    organization_id: OrganizationId,
    /// `alerts`.
    category: String,
    severity: Severity,
    title: String,
    body: String,
    /// Where to look.
    url: Option<String>,
    read: bool,
    dismissed: bool,
    created_at: DateTime<Utc>,
}

impl From<rows::Notification> for Notification {
    fn from(row: rows::Notification) -> Self {
        Self {
            id: row.id,
            organization_id: row.organization_id,
            category: row.category,
            severity: row.severity,
            title: row.title,
            body: row.body,
            url: row.url,
            read: row.read_at.is_some(),
            dismissed: row.dismissed_at.is_some(),
            created_at: row.created_at,
        }
    }
}

/// Who asks, and under what name.
pub(super) fn person(allowed: &Allowed<SignedIn>) -> Answer<(UserId, String)> {
    match &allowed.signed()?.actor {
        Actor::User { id, email, .. } => Ok((*id, email.clone())),
        other => Err(Failure::not_found("person", other.name())),
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// How many at most, 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// Only what was not read.
    unread: Option<bool>,
}

/// What you were told, newest first
///
/// Of all organizations that you are in, without what was dismissed.
#[utoipa::path(
    get, path = "/api/notifications", operation_id = "listNotifications", tag = "notifications", params(Wanted),
    responses((status = 200, body = List<Notification>))
)]
pub(super) async fn list(
    allowed: Allowed<SignedIn>,
    Query(query): Query<Wanted>,
) -> Answer<Json<List<Notification>>> {
    let page = page::wanted::<Uuid>(query.limit, query.cursor)?;
    let (user, _) = person(&allowed)?;
    let mut conn = allowed.read_outside().await?;
    let rows = rows::notifications(&mut conn, user, query.unread.unwrap_or(false), &page).await?;
    Ok(Json(rows.map(Notification::from).into()))
}

/// What became of something told.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Mark {
    /// It was read.
    #[serde(default)]
    read: bool,
    /// It is not to be shown any longer.
    #[serde(default)]
    dismissed: bool,
}

/// Say that you read or dismissed something
#[utoipa::path(
    patch, path = "/api/notifications/{id}", operation_id = "markNotification", tag = "notifications",
    request_body = Mark, params(("id" = String, Path, description = "Id")),
    responses((status = 204))
)]
pub(super) async fn mark(
    allowed: Allowed<SignedIn>,
    Path(id): Path<String>,
    Body(body): Body<Mark>,
) -> Answer<StatusCode> {
    let (user, name) = person(&allowed)?;
    let missing = || Failure::not_found("notification", &id);
    let of = id.parse().map_err(|_| missing())?;
    let mut change = allowed.change_outside().await?;
    if rows::mark(&mut change, user, Some(of), body.read, body.dismissed).await? == 0 {
        return Err(missing());
    }
    let act = Act::new("notification.marked").on("user", user, name);
    change.commit(act).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Say that you read everything
#[utoipa::path(
    post, path = "/api/notifications/read-all", operation_id = "readAllNotifications", tag = "notifications",
    responses((status = 204))
)]
pub(super) async fn read_all(allowed: Allowed<SignedIn>) -> Answer<StatusCode> {
    let (user, name) = person(&allowed)?;
    let mut change = allowed.change_outside().await?;
    rows::mark(&mut change, user, None, true, false).await?;
    change
        .commit(Act::new("notification.marked").on("user", user, name))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
