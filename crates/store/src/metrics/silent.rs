//! Servers that nobody tells of.

use ocore_domain::{OrganizationId, ServerId, alerts::AGENT_SILENCE};
use sqlx::PgConnection;

use crate::Result;

/// Servers in use whose agent is gone, or that have none.
pub async fn without_agent(conn: &mut PgConnection) -> Result<Vec<(ServerId, OrganizationId)>> {
    let rows = sqlx::query!(
        r#"select s.id as "id: ServerId", s.organization_id as "organization_id: OrganizationId" from servers s
           where (s.status = 'active'
                  or s.status = 'failed' and exists (select from instances i
                                                     where i.server_id = s.id and i.status <> 'removed'))
               and not exists (select from agents a
                               where a.server_id = s.id and a.last_seen_at > now() - make_interval(secs => $1))
           order by s.id"#,
        AGENT_SILENCE.as_seconds_f64(),
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.id, row.organization_id))
        .collect())
}
