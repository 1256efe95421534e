//! The alerts themselves: from when something was wrong to when it was right again.

use chrono::{DateTime, Utc};
use ocore_domain::{
    AlertEventId, OrganizationId, UserId,
    alerts::{Culprit, Ending, Notice, NoticeKind, Severity, SubjectKind},
};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use crate::{Page, PageRequest, Result, changes};

/// An alert.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Event {
    pub id: AlertEventId,
    pub organization_id: OrganizationId,
    pub rule_id: Option<Uuid>,
    pub rule_name: String,
    pub metric: String,
    pub severity: Severity,
    pub subject_kind: SubjectKind,
    pub subject_id: Uuid,
    pub subject_name: String,
    pub server_id: Uuid,
    pub opened_at: DateTime<Utc>,
    pub value: Option<f64>,
    pub threshold: Option<f64>,
    pub message: String,
    pub culprits: Json<Vec<Culprit>>,
    pub acknowledged_at: Option<DateTime<Utc>>,
    pub acknowledged_name: Option<String>,
    pub resolved_at: Option<DateTime<Utc>>,
    pub resolution: Option<Ending>,
    pub suppressed_by: Option<AlertEventId>,
    pub told: bool,
}

impl Event {
    /// What people are told of it.
    pub fn notice(&self, kind: NoticeKind) -> Notice {
        Notice {
            kind,
            event_id: Some(self.id),
            rule: self.rule_name.clone(),
            metric: self.metric.clone(),
            severity: self.severity,
            subject_kind: self.subject_kind,
            subject_id: self.subject_id,
            subject_name: self.subject_name.clone(),
            message: self.message.clone(),
            value: self.value,
            threshold: self.threshold,
            culprits: self.culprits.0.clone(),
            opened_at: self.opened_at,
            resolved_at: self.resolved_at,
        }
    }
}

macro_rules! select {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Event,
            r#"select id as "id: _", organization_id as "organization_id: _", rule_id, rule_name, metric,
                   severity as "severity: _", subject_kind as "subject_kind: _", subject_id, subject_name, server_id,
                   opened_at, value, threshold, message, culprits as "culprits: _", acknowledged_at, acknowledged_name,
                   resolved_at, resolution as "resolution: _", suppressed_by as "suppressed_by: _", told
               from alert_events "# + $tail
            $(, $argument)*
        )
    };
}

/// Which alerts are wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only those that ended, or only those that did not.
    pub resolved: Option<bool>,
    /// Only of this severity.
    pub severity: Option<Severity>,
    /// Only of this server or instance.
    pub subject: Option<Uuid>,
    /// Only of this rule.
    pub rule: Option<Uuid>,
    /// Only those that another explains, or only those that none does.
    pub suppressed: Option<bool>,
}

/// Alerts, newest first.
pub async fn list(
    conn: &mut PgConnection,
    organization: OrganizationId,
    wanted: &Wanted,
    page: &PageRequest,
) -> Result<Page<Event>> {
    let before = page
        .cursor
        .as_deref()
        .and_then(|cursor| cursor.parse::<Uuid>().ok());
    let rows = select!(
        "where organization_id = $1 and ($2::uuid is null or id < $2)
             and ($3::bool is null or (resolved_at is not null) = $3)
             and ($4::text is null or severity = $4)
             and ($5::uuid is null or subject_id = $5)
             and ($6::uuid is null or rule_id = $6)
             and ($7::bool is null or (suppressed_by is not null) = $7)
         order by id desc limit $8",
        organization as OrganizationId,
        before,
        wanted.resolved,
        wanted.severity as Option<Severity>,
        wanted.subject,
        wanted.rule,
        wanted.suppressed,
        page.limit + 1,
    )
    .fetch_all(conn)
    .await?;
    Ok(Page::from_rows(rows, page.limit, |event| event.id.to_string()))
}

/// One alert.
pub async fn get(
    conn: &mut PgConnection,
    organization: OrganizationId,
    id: AlertEventId,
) -> Result<Option<Event>> {
    Ok(select!(
        "where organization_id = $1 and id = $2",
        organization as OrganizationId,
        id as AlertEventId
    )
    .fetch_optional(conn)
    .await?)
}

/// Alerts by their ids, of whatever organization: for who evaluates.
pub async fn of_ids(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Event>> {
    Ok(select!("where id = any($1) order by id", ids)
        .fetch_all(conn)
        .await?)
}

/// How many did not end, by severity; those that another explains are counted apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count {
    /// Critical ones.
    pub critical: i64,
    /// Warnings.
    pub warning: i64,
    /// The others.
    pub info: i64,
    /// Of all these, those that somebody has seen.
    pub acknowledged: i64,
    /// Those that another explains; not among the others.
    pub suppressed: i64,
}

/// Counts those that did not end.
pub async fn count(conn: &mut PgConnection, organization: OrganizationId) -> Result<Count> {
    Ok(sqlx::query_as!(
        Count,
        r#"select count(*) filter (where suppressed_by is null and severity = 'critical') as "critical!",
               count(*) filter (where suppressed_by is null and severity = 'warning') as "warning!",
               count(*) filter (where suppressed_by is null and severity = 'info') as "info!",
               count(*) filter (where suppressed_by is null and acknowledged_at is not null) as "acknowledged!",
               count(*) filter (where suppressed_by is not null) as "suppressed!"
           from alert_events where organization_id = $1 and resolved_at is null"#,
        organization as OrganizationId,
    )
    .fetch_one(conn)
    .await?)
}

/// Notes that somebody has seen an alert.
pub async fn acknowledge(
    conn: &mut PgConnection,
    id: AlertEventId,
    by: Option<UserId>,
    name: &str,
) -> Result<()> {
    sqlx::query!(
        "update alert_events set acknowledged_at = now(), acknowledged_by = $2, acknowledged_name = $3
         where id = $1 and acknowledged_at is null",
        id as AlertEventId,
        by as Option<UserId>,
        name,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends alerts because a person says so: one, or all that did not end. Answers which.
pub async fn resolve(
    conn: &mut PgConnection,
    organization: OrganizationId,
    id: Option<AlertEventId>,
) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!(
        "update alert_events set resolved_at = now(), resolution = 'manual'
         where organization_id = $1 and ($2::uuid is null or id = $2) and resolved_at is null returning id",
        organization as OrganizationId,
        id as Option<AlertEventId>,
    )
    .fetch_all(conn)
    .await?)
}

/// An alert to be opened.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Its id.
    pub id: Uuid,
    /// Its rule.
    pub rule_id: Uuid,
    /// What it is about.
    pub subject_id: Uuid,
    /// Its name.
    pub subject_name: String,
    /// Its server.
    pub server_id: Uuid,
    /// The value.
    pub value: f64,
    /// In words.
    pub message: String,
    /// The alert that explains it.
    pub suppressed_by: Option<Uuid>,
}

/// Opens alerts. One that is open already for the same rule and subject is not opened again. What used most at this moment
/// is written with those about what is measured.
pub async fn open(conn: &mut PgConnection, new: &[NewEvent], now: DateTime<Utc>) -> Result<Vec<Uuid>> {
    let ids: Vec<Uuid> = new.iter().map(|e| e.id).collect();
    let rules: Vec<Uuid> = new.iter().map(|e| e.rule_id).collect();
    let subjects: Vec<Uuid> = new.iter().map(|e| e.subject_id).collect();
    let names: Vec<String> = new.iter().map(|e| e.subject_name.clone()).collect();
    let servers: Vec<Uuid> = new.iter().map(|e| e.server_id).collect();
    let values: Vec<f64> = new.iter().map(|e| e.value).collect();
    let messages: Vec<String> = new.iter().map(|e| e.message.clone()).collect();
    let suppressed: Vec<Option<Uuid>> = new.iter().map(|e| e.suppressed_by).collect();
    let opened = sqlx::query_scalar!(
        "insert into alert_events (id, organization_id, rule_id, rule_name, metric, severity, subject_kind, subject_id,
             subject_name, server_id, opened_at, value, threshold, message, suppressed_by, told, culprits)
         select n.id, r.organization_id, r.id, r.name, r.metric, r.severity, r.subject_kind, n.subject, n.name, n.server,
             $9, n.value, r.threshold, n.message, n.suppressed, n.suppressed is null,
             case when r.metric in ('serverUnreachable', 'sshUnreachable', 'dockerUnavailable', 'agentSilent') then '[]'
                  else coalesce((
                 select jsonb_agg(jsonb_build_object('kind', c.kind, 'name', c.name, 'cpuPercent', c.cpu,
                     'memoryBytes', c.memory) order by c.kind desc, c.rank)
                 from (select g.kind, p.name, p.cpu, p.memory,
                           row_number() over (partition by g.kind order by
                               case when r.metric ~* '(ram|swap|memory|oom)' then p.memory::float8 else p.cpu end
                               desc nulls last) as rank
                       from server_latest l
                       cross join lateral (values ('process', l.detail -> 'top'), ('container', l.detail -> 'containers'))
                           as g (kind, list)
                       cross join lateral jsonb_to_recordset(
                           case when jsonb_typeof(g.list) = 'array' then g.list else '[]' end)
                           as f (name text, \"cpuPercent\" float8, \"memoryBytes\" bigint)
                       cross join lateral (select f.name, f.\"cpuPercent\" as cpu, f.\"memoryBytes\" as memory) p
                       where l.server_id = n.server and l.received_at > now() - interval '5 minutes') as c
                 where c.rank <= 3), '[]') end
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::float8[], $7::text[], $8::uuid[])
             as n (id, rule, subject, name, server, value, message, suppressed)
         join alert_rules r on r.id = n.rule
         on conflict do nothing returning id",
        &ids,
        &rules,
        &subjects,
        &names,
        &servers,
        &values,
        &messages,
        &suppressed as &[Option<Uuid>],
        now,
    )
    .fetch_all(&mut *conn)
    .await?;
    changes::tell_of_alerts(conn, &opened).await?;
    Ok(opened)
}

/// Ends alerts that are open.
pub async fn end(conn: &mut PgConnection, ended: &[(Uuid, Ending)], now: DateTime<Utc>) -> Result<()> {
    let ids: Vec<Uuid> = ended.iter().map(|e| e.0).collect();
    let endings: Vec<String> = ended.iter().map(|e| e.1.to_string()).collect();
    sqlx::query!(
        "update alert_events e set resolved_at = $3, resolution = n.ending
         from unnest($1::uuid[], $2::text[]) as n (id, ending) where e.id = n.id and e.resolved_at is null",
        &ids,
        &endings,
        now,
    )
    .execute(&mut *conn)
    .await?;
    changes::tell_of_alerts(conn, &ids).await
}

/// Ends what is open though its rule is gone or nothing stands there any longer, and answers which of them people were
/// told of.
pub async fn end_orphans(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<Vec<Uuid>> {
    let ended = sqlx::query!(
        "update alert_events e set resolved_at = $1, resolution = 'rule_changed'
         where e.resolved_at is null and not exists (select from alert_states s where s.event_id = e.id)
         returning e.id, e.told",
        now,
    )
    .fetch_all(&mut *conn)
    .await?;
    let ids: Vec<Uuid> = ended.iter().map(|event| event.id).collect();
    changes::tell_of_alerts(conn, &ids).await?;
    Ok(ended
        .into_iter()
        .filter(|event| event.told)
        .map(|event| event.id)
        .collect())
}

/// An alert of a server that explains others: open, or ended so lately that what it explained may not have been seen again.
#[derive(Clone, Debug)]
pub struct Cause {
    /// The server.
    pub server_id: Uuid,
    /// The alert.
    pub id: Uuid,
    /// What it is about.
    pub metric: String,
    /// Whether it is open.
    pub is_open: bool,
}

/// All of them.
pub async fn causes(conn: &mut PgConnection) -> Result<Vec<Cause>> {
    Ok(sqlx::query_as!(
        Cause,
        r#"select server_id, id, metric, (resolved_at is null) as "is_open!" from alert_events
           where metric in ('serverUnreachable', 'dockerUnavailable')
               and (resolved_at is null or resolved_at > now() - interval '2 minutes')"#
    )
    .fetch_all(conn)
    .await?)
}

/// Marks open alerts as explained by another.
pub async fn suppress(conn: &mut PgConnection, events: &[(Uuid, Uuid)]) -> Result<()> {
    let (ids, causes): (Vec<Uuid>, Vec<Uuid>) = events.iter().copied().unzip();
    sqlx::query!(
        "update alert_events e set suppressed_by = n.cause from unnest($1::uuid[], $2::uuid[]) as n (id, cause)
         where e.id = n.id and e.resolved_at is null and e.suppressed_by is null",
        &ids,
        &causes,
    )
    .execute(&mut *conn)
    .await?;
    changes::tell_of_alerts(conn, &ids).await
}

/// Nothing explains these any longer: people are to be told.
pub async fn unsuppress(conn: &mut PgConnection, events: &[Uuid]) -> Result<()> {
    sqlx::query!(
        "update alert_events set suppressed_by = null, told = true where id = any($1)",
        events
    )
    .execute(&mut *conn)
    .await?;
    changes::tell_of_alerts(conn, events).await
}

/// Deletes alerts that ended before a time.
pub async fn prune(conn: &mut PgConnection, before: DateTime<Utc>) -> Result<u64> {
    let gone = sqlx::query!("delete from alert_events where resolved_at < $1", before)
        .execute(conn)
        .await?;
    Ok(gone.rows_affected())
}
