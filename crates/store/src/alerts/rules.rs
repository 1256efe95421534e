//! Rules by which oCore alerts.

use chrono::{DateTime, Utc};
use ocore_domain::{
    AlertRuleId, OrganizationId,
    alerts::{Metric, Operator, PRESETS, Severity, Terms},
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Error, Page, PageRequest, Result};

/// A rule.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Rule {
    pub id: AlertRuleId,
    pub organization_id: OrganizationId,
    pub preset: Option<String>,
    pub name: String,
    pub metric: String,
    pub operator: Operator,
    pub threshold: f64,
    pub clear_threshold: f64,
    pub minutes: i32,
    pub severity: Severity,
    pub server_ids: Option<Vec<Uuid>>,
    pub instance_ids: Option<Vec<Uuid>>,
    pub enabled: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub revision: i64,
}

impl Rule {
    /// When it fires and clears.
    pub fn terms(&self) -> Result<Terms> {
        Ok(Terms {
            metric: self.metric.parse().map_err(Error::Row)?,
            operator: self.operator,
            threshold: self.threshold,
            clear_threshold: self.clear_threshold,
            minutes: u32::try_from(self.minutes).unwrap_or(0),
        })
    }
}

/// Which rules there are, for telling whether they are others than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// How many.
    pub count: i64,
    /// When the last of them was changed.
    pub updated_at: Option<DateTime<Utc>>,
}

/// Which rules there are now.
pub async fn version(conn: &mut PgConnection) -> Result<Version> {
    Ok(sqlx::query_as!(
        Version,
        r#"select count(*) as "count!", max(updated_at) as updated_at from alert_rules"#
    )
    .fetch_one(conn)
    .await?)
}

/// What a person chose of a rule.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// What people read.
    pub name: String,
    /// When it fires and clears.
    pub terms: Terms,
    /// How bad that is.
    pub severity: Severity,
    /// Only these servers; none: all.
    pub server_ids: Option<Vec<Uuid>>,
    /// Only these instances; none: all.
    pub instance_ids: Option<Vec<Uuid>>,
    /// Whether it is evaluated.
    pub enabled: bool,
}

macro_rules! select {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Rule,
            r#"select id as "id: _", organization_id as "organization_id: _", preset, name, metric,
                   operator as "operator: _", threshold, clear_threshold, minutes, severity as "severity: _", server_ids,
                   instance_ids, enabled, created_at, updated_at, revision
               from alert_rules "# + $tail
            $(, $argument)*
        )
    };
}

/// Rules by name.
pub async fn list(
    conn: &mut PgConnection,
    organization: OrganizationId,
    page: &PageRequest,
) -> Result<Page<Rule>> {
    let rows = select!(
        "where organization_id = $1 and ($2::text is null or lower(name) > $2) order by lower(name) limit $3",
        organization as OrganizationId,
        page.cursor,
        page.limit + 1,
    )
    .fetch_all(conn)
    .await?;
    Ok(Page::from_rows(rows, page.limit, |rule| rule.name.to_lowercase()))
}

/// One rule.
pub async fn get(
    conn: &mut PgConnection,
    organization: OrganizationId,
    id: AlertRuleId,
) -> Result<Option<Rule>> {
    Ok(select!(
        "where organization_id = $1 and id = $2",
        organization as OrganizationId,
        id as AlertRuleId
    )
    .fetch_optional(conn)
    .await?)
}

/// Many rules of whatever organizations: for who evaluates them.
pub async fn of_ids(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Rule>> {
    Ok(select!("where id = any($1)", ids).fetch_all(conn).await?)
}

/// Adds one. The constraint `alert_rules_name` is violated when its name is taken.
pub async fn insert(
    conn: &mut PgConnection,
    organization: OrganizationId,
    chosen: &Chosen,
) -> Result<AlertRuleId> {
    let id = AlertRuleId::new();
    sqlx::query!(
        "insert into alert_rules (id, organization_id, name, metric, subject_kind, operator, threshold, clear_threshold,
             minutes, severity, server_ids, instance_ids, enabled)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        id as AlertRuleId,
        organization as OrganizationId,
        chosen.name,
        chosen.terms.metric as Metric,
        chosen.terms.metric.subject().as_str(),
        chosen.terms.operator as Operator,
        chosen.terms.threshold,
        chosen.terms.clear_threshold,
        i32::try_from(chosen.terms.minutes).unwrap_or(0),
        chosen.severity as Severity,
        chosen.server_ids.as_deref(),
        chosen.instance_ids.as_deref(),
        chosen.enabled,
    )
    .execute(conn)
    .await?;
    Ok(id)
}

/// Changes one. What it alerts of is judged anew: where it stood is forgotten by who evaluates.
pub async fn update(conn: &mut PgConnection, id: AlertRuleId, chosen: &Chosen) -> Result<()> {
    sqlx::query!(
        "update alert_rules set name = $2, metric = $3, subject_kind = $4, operator = $5, threshold = $6,
             clear_threshold = $7, minutes = $8, severity = $9, server_ids = $10, instance_ids = $11, enabled = $12,
             updated_at = now(), revision = revision + 1
         where id = $1",
        id as AlertRuleId,
        chosen.name,
        chosen.terms.metric as Metric,
        chosen.terms.metric.subject().as_str(),
        chosen.terms.operator as Operator,
        chosen.terms.threshold,
        chosen.terms.clear_threshold,
        i32::try_from(chosen.terms.minutes).unwrap_or(0),
        chosen.severity as Severity,
        chosen.server_ids.as_deref(),
        chosen.instance_ids.as_deref(),
        chosen.enabled,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes one. Alerts that it opened are closed by who evaluates.
pub async fn delete(conn: &mut PgConnection, id: AlertRuleId) -> Result<()> {
    sqlx::query!("delete from alert_rules where id = $1", id as AlertRuleId)
        .execute(conn)
        .await?;
    Ok(())
}

/// Makes the presets that are missing, of one organization or of all; says how many.
pub async fn ensure_presets(conn: &mut PgConnection, organization: Option<OrganizationId>) -> Result<u64> {
    let of = |f: fn(&ocore_domain::alerts::Preset) -> String| PRESETS.iter().map(f).collect::<Vec<_>>();
    let numbers = |f: fn(&ocore_domain::alerts::Preset) -> f64| PRESETS.iter().map(f).collect::<Vec<_>>();
    let minutes: Vec<i32> = PRESETS
        .iter()
        .map(|preset| i32::try_from(preset.terms.minutes).unwrap_or(0))
        .collect();
    let made = sqlx::query!(
        "insert into alert_rules (id, organization_id, preset, name, metric, subject_kind, operator, threshold,
             clear_threshold, minutes, severity)
         select gen_random_uuid(), o.id, p.preset, p.name, p.metric, p.subject, p.operator, p.threshold, p.clear, p.minutes,
             p.severity
         from organizations o cross join unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::float8[],
             $8::float8[], $9::int[], $10::text[])
             as p (preset, name, metric, subject, operator, threshold, clear, minutes, severity)
         where ($1::uuid is null or o.id = $1) and o.deleted_at is null
             and not exists (select from alert_rules r where r.organization_id = o.id and r.preset = p.preset)
         on conflict do nothing",
        organization as Option<OrganizationId>,
        &of(|p| p.key.to_owned()),
        &of(|p| p.name.to_owned()),
        &of(|p| p.terms.metric.to_string()),
        &of(|p| p.terms.metric.subject().to_string()),
        &of(|p| p.terms.operator.to_string()),
        &numbers(|p| p.terms.threshold),
        &numbers(|p| p.terms.clear_threshold),
        &minutes,
        &of(|p| p.severity.to_string()),
    )
    .execute(conn)
    .await?;
    Ok(made.rows_affected())
}
