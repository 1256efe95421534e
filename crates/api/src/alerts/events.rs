//! `GET /api/monitoring/alerts/events` and `GET /api/monitoring/alerts/events/{id}`.

use axum::{Json, extract::Path};
use chrono::{DateTime, Utc};
use ocore_domain::{
    AlertEventId, OrganizationId, ServerId,
    alerts::{Culprit, Ending, Severity, SubjectKind},
};
use ocore_store::{PgConnection, alerts::events as rows};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    access::{Allowed, Monitoring, View},
    body::Query,
    page::{self, List},
    problem::{Answer, Failure},
};

/// An alert: from when something was wrong to when it was right again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AlertEvent {
    id: AlertEventId,
    /// Its rule; null when that was deleted.
    rule_id: Option<Uuid>,
    rule_name: String,
    /// What the rule watches.
    metric: String,
    severity: Severity,
    /// What it is about.
    subject_kind: SubjectKind,
    subject_id: Uuid,
    /// As it was named then.
    subject_name: String,
    /// The server it is about or that the instance was on.
    server_id: ServerId,
    /// In words.
    message: String,
    /// The value when it began.
    value: Option<f64>,
    /// What it went beyond.
    threshold: Option<f64>,
    /// What used most when it began.
    culprits: Vec<Culprit>,
    opened_at: DateTime<Utc>,
    acknowledged_at: Option<DateTime<Utc>>,
    /// Who has seen it.
    acknowledged_by: Option<String>,
    resolved_at: Option<DateTime<Utc>>,
    /// Why it ended.
    resolution: Option<Ending>,
    /// The alert that explains this one; nobody is told of this one then.
    suppressed_by: Option<AlertEventId>,
}

impl From<rows::Event> for AlertEvent {
    fn from(row: rows::Event) -> Self {
        Self {
            id: row.id,
            rule_id: row.rule_id,
            rule_name: row.rule_name,
            metric: row.metric,
            severity: row.severity,
            subject_kind: row.subject_kind,
            subject_id: row.subject_id,
            subject_name: row.subject_name,
            server_id: row.server_id.into(),
            message: row.message,
            value: row.value,
            threshold: row.threshold,
            culprits: row.culprits.0,
            opened_at: row.opened_at,
            acknowledged_at: row.acknowledged_at,
            acknowledged_by: row.acknowledged_name,
            resolved_at: row.resolved_at,
            resolution: row.resolution,
            suppressed_by: row.suppressed_by,
        }
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
    /// Only those that ended, or only those that did not.
    resolved: Option<bool>,
    /// Only of this severity.
    severity: Option<Severity>,
    /// Only of this server or instance.
    subject_id: Option<Uuid>,
    /// Only of this rule.
    rule_id: Option<Uuid>,
    /// Only those that another explains, or only those that none does.
    suppressed: Option<bool>,
}

/// Alerts, newest first
#[utoipa::path(
    get, path = "/api/monitoring/alerts/events", operation_id = "listAlerts", tag = "alerts", params(Wanted),
    responses((status = 200, body = List<AlertEvent>))
)]
pub(super) async fn list(
    allowed: Allowed<View<Monitoring>>,
    Query(query): Query<Wanted>,
) -> Answer<Json<List<AlertEvent>>> {
    let page = page::wanted::<Uuid>(query.limit, query.cursor)?;
    let wanted = rows::Wanted {
        resolved: query.resolved,
        severity: query.severity,
        subject: query.subject_id,
        rule: query.rule_id,
        suppressed: query.suppressed,
    };
    let mut conn = allowed.read().await?;
    let rows = rows::list(&mut conn, allowed.organization()?, &wanted, &page).await?;
    Ok(Json(rows.map(AlertEvent::from).into()))
}

/// One alert
#[utoipa::path(
    get, path = "/api/monitoring/alerts/events/{id}", operation_id = "showAlert", tag = "alerts",
    params(("id" = String, Path, description = "Id")),
    responses((status = 200, body = AlertEvent))
)]
pub(super) async fn show(
    allowed: Allowed<View<Monitoring>>,
    Path(id): Path<String>,
) -> Answer<Json<AlertEvent>> {
    let event = find(&mut *allowed.read().await?, allowed.organization()?, &id).await?;
    Ok(Json(event.into()))
}

/// The alert of this id, if it is the bearer's.
pub(super) async fn find(
    conn: &mut PgConnection,
    organization: OrganizationId,
    id: &str,
) -> Answer<rows::Event> {
    let found = match id.parse() {
        Ok(id) => rows::get(conn, organization, id).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| Failure::not_found("alert", id))
}
