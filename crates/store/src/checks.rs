//! What the looks at servers showed: kept in rows, so that another leader goes on from it.

use chrono::{DateTime, Utc};
use ocore_domain::{
    OrganizationId, ServerId,
    alerts::{AGENT_SILENCE, Agent, Reach, Ssh},
    server::ServerStatus,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Result;

/// Where a server stands by its checks.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The server.
    pub server_id: ServerId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// Its name.
    pub name: String,
    /// Its status.
    pub status: ServerStatus,
    /// What SSH showed.
    pub ssh: Ssh,
    /// Why it failed.
    pub ssh_detail: Option<String>,
    /// What is known of its agent.
    pub agent: Agent,
    /// What was concluded last.
    pub reach: Reach,
}

/// SSH came through.
pub async fn ssh_answered(
    conn: &mut PgConnection,
    server: ServerId,
    organization: OrganizationId,
) -> Result<()> {
    sqlx::query!(
        "insert into server_checks (server_id, organization_id) values ($1, $2)
         on conflict (server_id) do update set checked_at = now(), ssh_failing_since = null, ssh_confirmed = false,
             ssh_detail = null, reach = 'reachable'",
        server as ServerId,
        organization as OrganizationId,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// SSH failed, from a time on. `confirmed`: it was tried again as often as it takes to believe it. Answers whether that was so,
/// now or at a look before.
pub async fn ssh_failed(
    conn: &mut PgConnection,
    server: ServerId,
    organization: OrganizationId,
    since: DateTime<Utc>,
    confirmed: bool,
    detail: &str,
) -> Result<bool> {
    let is_confirmed = sqlx::query_scalar!(
        "insert into server_checks (server_id, organization_id, ssh_failing_since, ssh_confirmed, ssh_detail)
         values ($1, $2, $3, $4, $5)
         on conflict (server_id) do update set checked_at = now(),
             ssh_failing_since = coalesce(server_checks.ssh_failing_since, excluded.ssh_failing_since),
             ssh_confirmed = server_checks.ssh_confirmed or excluded.ssh_confirmed, ssh_detail = excluded.ssh_detail
         returning ssh_confirmed",
        server as ServerId,
        organization as OrganizationId,
        since,
        confirmed,
        detail,
    )
    .fetch_one(conn)
    .await?;
    Ok(is_confirmed)
}

/// What became of asking Docker: none, or why it did not answer.
pub async fn docker(conn: &mut PgConnection, server: ServerId, failure: Option<&str>) -> Result<()> {
    sqlx::query!(
        "update server_checks set docker_failures = case when $2::text is null then 0 else docker_failures + 1 end,
             docker_failing_since = case when $2::text is null then null else coalesce(docker_failing_since, now()) end,
             docker_detail = $2
         where server_id = $1 and ($2::text is not null or docker_failures > 0)",
        server as ServerId,
        failure,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Every server that is meant to be reachable, of all organizations.
pub async fn standings(conn: &mut PgConnection) -> Result<Vec<Standing>> {
    let rows = sqlx::query!(
        r#"select s.id as "id: ServerId", s.organization_id as "organization_id: OrganizationId", s.name,
               s.status as "status: ServerStatus", c.ssh_failing_since, c.ssh_confirmed, c.ssh_detail,
               c.reach as "reach: Reach", a.server_id is not null as "has_agent!", a.last_seen_at as "last_seen_at?"
           from server_checks c join servers s on s.id = c.server_id left join agents a on a.server_id = s.id
           where s.status in ('active', 'unreachable', 'failed') and (c.ssh_failing_since is not null or c.reach <> 'reachable'
               or s.status = 'unreachable')"#
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Standing {
            server_id: row.id,
            organization_id: row.organization_id,
            name: row.name,
            status: row.status,
            ssh: Ssh {
                failing_since: row.ssh_failing_since,
                is_confirmed: row.ssh_confirmed,
            },
            ssh_detail: row.ssh_detail,
            agent: if row.has_agent {
                Agent::Seen(row.last_seen_at)
            } else {
                Agent::None
            },
            reach: row.reach,
        })
        .collect())
}

/// Notes what follows for a server.
pub async fn set_reach(conn: &mut PgConnection, server: ServerId, reach: Reach) -> Result<()> {
    sqlx::query!(
        "update server_checks set reach = $2 where server_id = $1",
        server as ServerId,
        reach as Reach,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Instances whose containers the agents of these servers no longer see are down, while SSH cannot look.
pub async fn follow_agents(conn: &mut PgConnection, servers: &[Uuid]) -> Result<()> {
    sqlx::query!(
        "update instances i set health = 'down', health_detail = 'its container does not run, as the agent sees it',
             container_state = null, observed_at = now()
         from server_latest l
         where i.server_id = any($1) and l.server_id = i.server_id and l.received_at > now() - make_interval(secs => $2)
             and i.status = 'running' and i.health <> 'down'
             and not exists (select from instance_samples p
                             where p.instance_id = i.id and p.at > l.at - interval '30 seconds')",
        servers,
        AGENT_SILENCE.as_seconds_f64(),
    )
    .execute(conn)
    .await?;
    Ok(())
}
