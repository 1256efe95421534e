//! `/api/monitoring/alerts/rules`: by which rules is alerted.

use axum::{Json, extract::Path, http::StatusCode};
use chrono::{DateTime, Utc};
use ocore_domain::{
    AlertRuleId, Code, InstanceId, OrganizationId, Problem, ServerId,
    access::Scope,
    alerts::{Aggregate, Metric, Operator, Severity, SubjectKind, Terms},
};
use ocore_store::{PgConnection, alerts::rules as rows, scopes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::must_be_whole;
use crate::{
    access::{Act, Allowed, Manage, Monitoring, View},
    body::{Json as Body, Query, given},
    checks::Checks,
    page::{List, Part},
    problem::{Answer, Failure},
    revision::{IfMatch, Tagged},
};

/// The most servers or instances that one rule can name.
const NAMED_MAX: usize = 500;

/// A rule.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AlertRule {
    id: AlertRuleId,
    /// Which of oCore's own rules it is; null for one's own.
    preset: Option<String>,
    name: String,
    #[schema(value_type = Metric)]
    metric: String,
    operator: Operator,
    /// It fires beyond this.
    threshold: f64,
    /// It clears when the value is back here.
    clear_threshold: f64,
    /// Minutes that are averaged, or for which a state must last.
    minutes: i32,
    severity: Severity,
    /// Only these servers and what is on them; null: all.
    server_ids: Option<Vec<Uuid>>,
    /// Only these instances; null: all.
    instance_ids: Option<Vec<Uuid>>,
    enabled: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// How often it was changed; `If-Match: "…"` of a change takes it.
    revision: i64,
}

impl From<rows::Rule> for AlertRule {
    fn from(row: rows::Rule) -> Self {
        Self {
            id: row.id,
            preset: row.preset,
            name: row.name,
            metric: row.metric,
            operator: row.operator,
            threshold: row.threshold,
            clear_threshold: row.clear_threshold,
            minutes: row.minutes,
            severity: row.severity,
            server_ids: row.server_ids,
            instance_ids: row.instance_ids,
            enabled: row.enabled,
            created_at: row.created_at,
            updated_at: row.updated_at,
            revision: row.revision,
        }
    }
}

impl AlertRule {
    fn tagged(self) -> Tagged<Self> {
        Tagged {
            revision: self.revision,
            body: self,
        }
    }
}

/// A rule to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateAlertRule {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    metric: Metric,
    /// `gt` if not given; not for a state.
    operator: Option<Operator>,
    /// It fires beyond this. Not for a state.
    threshold: Option<f64>,
    /// It clears when the value is back here: the threshold if not given.
    clear_threshold: Option<f64>,
    /// Minutes that are averaged, or for which a state must last: 5 and 0 if not given.
    #[schema(maximum = 60)]
    minutes: Option<u32>,
    /// `warning` if not given.
    severity: Option<Severity>,
    /// Only these servers and what is on them.
    server_ids: Option<Vec<Uuid>>,
    /// Only these instances.
    instance_ids: Option<Vec<Uuid>>,
    /// `true` if not given.
    enabled: Option<bool>,
}

/// What is to change of a rule; what is not given stays.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::option_option, reason = "not given, null, or a value: three cases")]
pub(super) struct UpdateAlertRule {
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    operator: Option<Operator>,
    threshold: Option<f64>,
    clear_threshold: Option<f64>,
    #[schema(maximum = 60)]
    minutes: Option<u32>,
    severity: Option<Severity>,
    /// null: all again.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<Uuid>>)]
    server_ids: Option<Option<Vec<Uuid>>>,
    /// null: all again.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<Uuid>>)]
    instance_ids: Option<Option<Vec<Uuid>>>,
    enabled: Option<bool>,
}

/// Rules by name
///
/// Those of oCore's own that are missing are made.
#[utoipa::path(
    get, path = "/api/monitoring/alerts/rules", operation_id = "listAlertRules", tag = "alerts", params(Part),
    responses((status = 200, body = List<AlertRule>))
)]
pub(super) async fn list(
    allowed: Allowed<View<Monitoring>>,
    Query(part): Query<Part>,
) -> Answer<Json<List<AlertRule>>> {
    let page = part.of::<String>()?;
    let organization = allowed.organization()?;
    // A limited grant makes none; whoever evaluates the rules does it soon.
    if must_be_whole(&allowed).is_ok() {
        let mut change = allowed.change().await?;
        let made = rows::ensure_presets(&mut change, Some(organization)).await?;
        if made > 0 {
            let act = Act::new("alert_rule.presets_created");
            change
                .commit(act.on("organization", organization, format!("{made} rules")))
                .await?;
        }
    }
    let rows = rows::list(&mut *allowed.read().await?, organization, &page).await?;
    Ok(Json(rows.map(AlertRule::from).into()))
}

/// One rule
#[utoipa::path(
    get, path = "/api/monitoring/alerts/rules/{id}", operation_id = "showAlertRule", tag = "alerts",
    params(("id" = String, Path, description = "Id")),
    responses((status = 200, body = AlertRule, headers(("ETag" = String, description = "Its revision"))))
)]
pub(super) async fn show(
    allowed: Allowed<View<Monitoring>>,
    Path(id): Path<String>,
) -> Answer<Tagged<AlertRule>> {
    let rule = find(&mut *allowed.read().await?, allowed.organization()?, &id).await?;
    Ok(AlertRule::from(rule).tagged())
}

/// Make a rule
#[utoipa::path(
    post, path = "/api/monitoring/alerts/rules", operation_id = "createAlertRule", tag = "alerts",
    request_body = CreateAlertRule,
    responses((status = 201, body = AlertRule, headers(("ETag" = String, description = "Its revision"))))
)]
pub(super) async fn create(
    allowed: Allowed<Manage<Monitoring>>,
    Body(body): Body<CreateAlertRule>,
) -> Answer<(StatusCode, Tagged<AlertRule>)> {
    must_be_whole(&allowed)?;
    let is_state = body.metric.aggregate() == Aggregate::State;
    let mut checks = Checks::default();
    checks.that(body.threshold.is_some() || is_state, "threshold", "is missing");
    checks.that(
        !is_state || (body.threshold.is_none() && body.operator.is_none() && body.clear_threshold.is_none()),
        "threshold",
        "does not go with a state, nor do operator and clearThreshold",
    );
    let threshold = body.threshold.unwrap_or(1.0);
    let chosen = rows::Chosen {
        name: body.name,
        terms: if is_state {
            Terms {
                metric: body.metric,
                operator: Operator::Gte,
                threshold: 1.0,
                clear_threshold: 0.0,
                minutes: body.minutes.unwrap_or(0),
            }
        } else {
            Terms {
                metric: body.metric,
                operator: body.operator.unwrap_or(Operator::Gt),
                threshold,
                clear_threshold: body.clear_threshold.unwrap_or(threshold),
                minutes: body.minutes.unwrap_or(5),
            }
        },
        severity: body.severity.unwrap_or(Severity::Warning),
        server_ids: body.server_ids,
        instance_ids: body.instance_ids,
        enabled: body.enabled.unwrap_or(true),
    };
    check(checks, &chosen)?;
    let organization = allowed.organization()?;
    let mut change = allowed.change().await?;
    check_subjects(&mut change, organization, &chosen).await?;
    let id = rows::insert(&mut change, organization, &chosen)
        .await
        .map_err(|error| taken(error, &chosen.name))?;
    let rule = AlertRule::from(find(&mut change, organization, &id.to_string()).await?);
    let act = Act::new("alert_rule.created").on("alert_rule", id, &rule.name);
    change.commit(act.after(&rule)).await?;
    Ok((StatusCode::CREATED, rule.tagged()))
}

/// Change a rule
///
/// What it alerts of is judged anew: alerts that are open end, and begin again if the rule is broken still.
#[utoipa::path(
    put, path = "/api/monitoring/alerts/rules/{id}", operation_id = "updateAlertRule", tag = "alerts",
    request_body = UpdateAlertRule,
    params(
        ("id" = String, Path, description = "Id"),
        ("If-Match" = Option<String>, Header, description = "The `revision` that was read, in quotes; without it, whatever changed meanwhile"),
    ),
    responses((status = 200, body = AlertRule, headers(("ETag" = String, description = "Its revision"))))
)]
pub(super) async fn update(
    allowed: Allowed<Manage<Monitoring>>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body(body): Body<UpdateAlertRule>,
) -> Answer<Tagged<AlertRule>> {
    let organization = allowed.organization()?;
    let mut change = allowed.change().await?;
    let before = find(&mut change, organization, &id).await?;
    must_be_whole(&allowed)?;
    if_match.check(before.revision)?;
    let old = before.terms()?;
    let is_state = old.metric.aggregate() == Aggregate::State;
    let mut checks = Checks::default();
    checks.that(
        !is_state || (body.threshold.is_none() && body.operator.is_none() && body.clear_threshold.is_none()),
        "threshold",
        "does not go with a state, nor do operator and clearThreshold",
    );
    let chosen = rows::Chosen {
        name: body.name.unwrap_or_else(|| before.name.clone()),
        terms: Terms {
            metric: old.metric,
            operator: body.operator.unwrap_or(old.operator),
            threshold: body.threshold.unwrap_or(old.threshold),
            clear_threshold: body.clear_threshold.unwrap_or(old.clear_threshold),
            minutes: body.minutes.unwrap_or(old.minutes),
        },
        severity: body.severity.unwrap_or(before.severity),
        server_ids: body.server_ids.unwrap_or_else(|| before.server_ids.clone()),
        instance_ids: body.instance_ids.unwrap_or_else(|| before.instance_ids.clone()),
        enabled: body.enabled.unwrap_or(before.enabled),
    };
    check(checks, &chosen)?;
    check_subjects(&mut change, organization, &chosen).await?;
    rows::update(&mut change, before.id, &chosen)
        .await
        .map_err(|error| taken(error, &chosen.name))?;
    let after = AlertRule::from(find(&mut change, organization, &id).await?);
    let act = Act::new("alert_rule.updated").on("alert_rule", before.id, &after.name);
    change
        .commit(act.before(&AlertRule::from(before)).after(&after))
        .await?;
    Ok(after.tagged())
}

/// Delete a rule
///
/// One of oCore's own comes again as it was at first: switch it off instead.
#[utoipa::path(
    delete, path = "/api/monitoring/alerts/rules/{id}", operation_id = "deleteAlertRule", tag = "alerts",
    params(("id" = String, Path, description = "Id")),
    responses((status = 204))
)]
pub(super) async fn delete(
    allowed: Allowed<Manage<Monitoring>>,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    let organization = allowed.organization()?;
    let mut change = allowed.change().await?;
    let rule = find(&mut change, organization, &id).await?;
    must_be_whole(&allowed)?;
    rows::delete(&mut change, rule.id).await?;
    let act = Act::new("alert_rule.deleted").on("alert_rule", rule.id, &rule.name);
    change.commit(act.before(&AlertRule::from(rule))).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(conn: &mut PgConnection, organization: OrganizationId, id: &str) -> Answer<rows::Rule> {
    let found = match id.parse() {
        Ok(id) => rows::get(conn, organization, id).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| Failure::not_found("alert rule", id))
}

fn check(mut checks: Checks, chosen: &rows::Chosen) -> Answer<()> {
    checks.name(&chosen.name);
    for (field, detail) in chosen.terms.faults() {
        checks.that(false, field, detail);
    }
    for (field, named) in [
        ("serverIds", &chosen.server_ids),
        ("instanceIds", &chosen.instance_ids),
    ] {
        let fits = |named: &Vec<Uuid>| (1..=NAMED_MAX).contains(&named.len());
        checks.that(
            named.as_ref().is_none_or(fits),
            field,
            "must name 1 to 500, or not be given",
        );
    }
    checks.that(
        chosen.instance_ids.is_none() || chosen.terms.metric.subject() == SubjectKind::Instance,
        "instanceIds",
        "does not go with a metric of servers",
    );
    checks.done()
}

/// What a rule names must be there.
async fn check_subjects(
    conn: &mut PgConnection,
    organization: OrganizationId,
    chosen: &rows::Chosen,
) -> Answer<()> {
    let scope = Scope {
        servers: chosen
            .server_ids
            .as_ref()
            .map(|ids| ids.iter().copied().map(ServerId::from).collect()),
        instances: chosen
            .instance_ids
            .as_ref()
            .map(|ids| ids.iter().copied().map(InstanceId::from).collect()),
        environments: None,
    };
    let unknown = scopes::unknown(conn, organization, &scope).await?;
    let mut checks = Checks::default();
    checks.that(
        unknown.servers.is_empty(),
        "serverIds",
        "must be servers that are there",
    );
    checks.that(
        unknown.instances.is_empty(),
        "instanceIds",
        "must be instances that are there",
    );
    checks.done()
}

fn taken(error: ocore_store::Error, name: &str) -> Failure {
    if error.constraint() != Some("alert_rules_name") {
        return error.into();
    }
    Problem::new(
        Code::NameTaken,
        format!("There is a rule named `{name}` already"),
        "Choose another name.",
    )
    .into()
}
