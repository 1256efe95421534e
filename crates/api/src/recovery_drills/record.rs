//! `POST /api/recovery-drills`: a drill that somebody did.

use axum::{Json as Sent, http::StatusCode};
use chrono::{DateTime, TimeDelta, Utc};
use ocore_store::advice as rows;
use serde::Deserialize;
use utoipa::ToSchema;

use super::RecoveryDrill;
use crate::{
    access::{Act, Allowed, Manage, Organization},
    body::Json,
    checks::Checks,
    problem::Answer,
};

/// A drill to be recorded.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RecordDrill {
    /// When it was done; now when left out.
    at: Option<DateTime<Utc>>,
    /// Whether everything was there again.
    succeeded: bool,
    /// What was tried, and what came of it.
    #[serde(default)]
    #[schema(max_length = 2000)]
    note: String,
}

/// Record a recovery drill
#[utoipa::path(
    post, path = "/api/recovery-drills", operation_id = "recordRecoveryDrill", tag = "capacity",
    request_body = RecordDrill, responses((status = 201, body = RecoveryDrill))
)]
pub(super) async fn record(
    allowed: Allowed<Manage<Organization>>,
    Json(body): Json<RecordDrill>,
) -> Answer<(StatusCode, Sent<RecoveryDrill>)> {
    let now = Utc::now();
    let at = body.at.unwrap_or(now);
    let mut checks = Checks::default();
    checks.that(
        at <= now + TimeDelta::minutes(5) && at >= now - TimeDelta::days(3650),
        "at",
        "must be within the last ten years",
    );
    checks.that(
        body.note.chars().count() <= 2000,
        "note",
        "must have at most 2000 characters",
    );
    checks.done()?;
    let mut change = allowed.change().await?;
    let new = rows::NewDrill {
        at: at.min(now),
        succeeded: body.succeeded,
        note: body.note,
    };
    let drill = RecoveryDrill::from(rows::record_drill(&mut change, allowed.organization()?, &new).await?);
    let act = Act::new("recovery_drill.recorded").on("recovery_drill", drill.id, drill.at.to_rfc3339());
    change.commit(act.after(&drill)).await?;
    Ok((StatusCode::CREATED, Sent(drill)))
}
