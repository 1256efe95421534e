//! How much waits and how much is at work.

use chrono::{DateTime, Utc};
use ocore_domain::{OrganizationId, OrganizationSlug};
use sqlx::PgConnection;

use crate::Result;

/// The whole queue.
#[derive(Clone, Copy, Debug)]
pub struct Depth {
    /// Operations that could be taken up and are not, paused ones among them.
    pub waiting: i64,
    /// Of these, the ones that are kept back by a pause.
    pub paused: i64,
    /// Operations that a worker holds.
    pub running: i64,
    /// Since when the one that has waited longest could have been taken up, had it not been for anything but a pause.
    pub oldest: Option<DateTime<Utc>>,
}

/// How long the queue is. What is paused makes it longer, and not older: nobody waits for a worker there.
pub async fn queue_depth(conn: &mut PgConnection) -> Result<Depth> {
    Ok(sqlx::query_as!(
        Depth,
        r#"select count(*) filter (where o.worker_id is null) as "waiting!",
               count(*) filter (where o.worker_id is null and o.is_paused) as "paused!",
               count(*) filter (where o.worker_id is not null) as "running!",
               min(o.run_at) filter (where o.worker_id is null and not o.is_paused) as oldest
           from (select o.worker_id, o.run_at,
                     o.state = 'queued' and exists (select from queue_pauses)
                         and ocore_pause(o.kind, o.server_id, o.organization_id) is not null as is_paused
                 from operations o
                 where o.finished_at is null and (o.worker_id is not null or o.run_at <= now())) as o"#
    )
    .fetch_one(conn)
    .await?)
}

/// Operations of one kind.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct OfKind {
    pub kind: String,
    pub waiting: i64,
    pub running: i64,
    /// Since when the one that has waited longest could have been taken up.
    pub oldest: Option<DateTime<Utc>>,
}

/// What is open, by kind.
pub async fn queue_by_kind(conn: &mut PgConnection) -> Result<Vec<OfKind>> {
    Ok(sqlx::query_as!(
        OfKind,
        r#"select kind, count(*) filter (where worker_id is null) as "waiting!",
               count(*) filter (where worker_id is not null) as "running!",
               min(run_at) filter (where worker_id is null and run_at <= now()) as oldest
           from operations where finished_at is null group by kind order by kind"#
    )
    .fetch_all(conn)
    .await?)
}

/// Operations of one organization.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct OfOrganization {
    pub id: OrganizationId,
    pub name: String,
    pub slug: OrganizationSlug,
    pub waiting: i64,
    pub running: i64,
    pub oldest: Option<DateTime<Utc>>,
}

/// What is open, by organization: those with the most first, at most so many.
pub async fn queue_by_organization(conn: &mut PgConnection, limit: i64) -> Result<Vec<OfOrganization>> {
    Ok(sqlx::query_as!(
        OfOrganization,
        r#"select o.id as "id: _", o.name, o.slug as "slug: _", q.waiting as "waiting!", q.running as "running!", q.oldest
           from (select organization_id, count(*) filter (where worker_id is null) as waiting,
                     count(*) filter (where worker_id is not null) as running,
                     min(run_at) filter (where worker_id is null and run_at <= now()) as oldest
                 from operations where finished_at is null group by organization_id) as q
           join organizations o on o.id = q.organization_id
           order by q.running + q.waiting desc, o.slug limit $1"#,
        limit,
    )
    .fetch_all(conn)
    .await?)
}

/// A process that takes operations up.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Worker {
    pub host: String,
    pub pid: i32,
    pub started_at: DateTime<Utc>,
    pub seen_at: DateTime<Utc>,
    /// How many operations it holds.
    pub running: i64,
}

/// The processes that take operations up, the oldest first.
pub async fn workers(conn: &mut PgConnection) -> Result<Vec<Worker>> {
    Ok(sqlx::query_as!(
        Worker,
        r#"select w.host, w.pid, w.started_at, w.seen_at,
               (select count(*) from operations o where o.worker_id = w.id and o.finished_at is null) as "running!"
           from workers w order by w.started_at, w.id limit 500"#
    )
    .fetch_all(conn)
    .await?)
}
