//! Where rules stand with what they are about.

use chrono::{DateTime, Utc};
use ocore_domain::alerts::{Phase, Standing};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Result;

/// A rule and what it is about, which are not all right.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent property")]
pub struct State {
    pub rule_id: Uuid,
    pub subject_id: Uuid,
    pub phase: Phase,
    pub since: DateTime<Utc>,
    pub judged_at: DateTime<Utc>,
    pub event_id: Option<Uuid>,
    /// Whether the event is open; a person may have closed it.
    pub is_open: bool,
    /// Whether people were told of it.
    pub told: bool,
    /// Whether another alert explains it.
    pub is_suppressed: bool,
    /// Whether its rule is still evaluated for it.
    pub in_force: bool,
    /// Whether the server or instance is still there.
    pub is_there: bool,
    /// Whether the rule was changed since.
    pub is_stale: bool,
    /// What the subject's server is.
    pub server_id: Option<Uuid>,
}

impl State {
    /// The same for the domain.
    pub const fn standing(&self) -> Standing {
        Standing {
            phase: self.phase,
            since: self.since,
            judged_at: self.judged_at,
        }
    }
}

/// One evaluator at a time, until the transaction ends.
pub async fn lock(conn: &mut PgConnection) -> Result<()> {
    sqlx::query("select pg_advisory_xact_lock(hashtext('ocore alerts'))")
        .execute(conn)
        .await?;
    Ok(())
}

/// All of them.
pub async fn all(conn: &mut PgConnection) -> Result<Vec<State>> {
    Ok(sqlx::query_as!(
        State,
        r#"select st.rule_id, st.subject_id, st.phase as "phase: _", st.since, st.judged_at, st.event_id,
               (e.id is not null and e.resolved_at is null) as "is_open!", coalesce(e.told, false) as "told!",
               (e.suppressed_by is not null) as "is_suppressed!",
               (r.enabled and (r.server_ids is null or coalesce(i.server_id, s.id) = any(r.server_ids))
                   and (r.instance_ids is null or st.subject_id = any(r.instance_ids))) as "in_force!",
               (coalesce(s.status, i.status) not in ('removing', 'removed')) is true as "is_there!",
               (r.updated_at > st.since) as "is_stale!", coalesce(i.server_id, s.id) as server_id
           from alert_states st
           join alert_rules r on r.id = st.rule_id
           left join servers s on s.id = st.subject_id
           left join instances i on i.id = st.subject_id
           left join alert_events e on e.id = st.event_id"#
    )
    .fetch_all(conn)
    .await?)
}

/// Writes where rules stand now.
pub async fn put(conn: &mut PgConnection, states: &[(Uuid, Uuid, Standing, Option<Uuid>)]) -> Result<()> {
    let rules: Vec<Uuid> = states.iter().map(|s| s.0).collect();
    let subjects: Vec<Uuid> = states.iter().map(|s| s.1).collect();
    let phases: Vec<String> = states.iter().map(|s| s.2.phase.to_string()).collect();
    let since: Vec<DateTime<Utc>> = states.iter().map(|s| s.2.since).collect();
    let judged: Vec<DateTime<Utc>> = states.iter().map(|s| s.2.judged_at).collect();
    let events: Vec<Option<Uuid>> = states.iter().map(|s| s.3).collect();
    sqlx::query!(
        "insert into alert_states (rule_id, subject_id, organization_id, phase, since, judged_at, event_id)
         select n.rule, n.subject, r.organization_id, n.phase, n.since, n.judged, n.event
         from unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::uuid[])
             as n (rule, subject, phase, since, judged, event)
         join alert_rules r on r.id = n.rule
         on conflict (rule_id, subject_id) do update set phase = excluded.phase, since = excluded.since,
             judged_at = excluded.judged_at, event_id = coalesce(excluded.event_id, alert_states.event_id)",
        &rules,
        &subjects,
        &phases,
        &since,
        &judged,
        &events as &[Option<Uuid>],
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets where rules stood: all is right again.
pub async fn forget(conn: &mut PgConnection, states: &[(Uuid, Uuid)]) -> Result<()> {
    let (rules, subjects): (Vec<Uuid>, Vec<Uuid>) = states.iter().copied().unzip();
    sqlx::query!(
        "delete from alert_states s using unnest($1::uuid[], $2::uuid[]) as n (rule, subject)
         where s.rule_id = n.rule and s.subject_id = n.subject",
        &rules,
        &subjects,
    )
    .execute(conn)
    .await?;
    Ok(())
}
