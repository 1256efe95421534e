//! What the limits of a grant name.

use ocore_domain::{InstanceId, OrganizationId, ServerId, access::Scope};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use crate::Result;

/// A scope as a row holds it: none is the whole organization.
pub(crate) fn limits(scope: &Scope) -> Option<Json<&Scope>> {
    (!scope.is_whole()).then_some(Json(scope))
}

/// What a scope names and the organization does not have, as far as the asker sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unknown {
    /// Servers.
    pub servers: Vec<ServerId>,
    /// Instances.
    pub instances: Vec<InstanceId>,
}

/// What of a scope is not there.
pub async fn unknown(
    conn: &mut PgConnection,
    organization: OrganizationId,
    scope: &Scope,
) -> Result<Unknown> {
    let servers: Vec<Uuid> = scope.servers.iter().flatten().map(|id| id.uuid()).collect();
    let instances: Vec<Uuid> = scope.instances.iter().flatten().map(|id| id.uuid()).collect();
    if servers.is_empty() && instances.is_empty() {
        return Ok(Unknown::default());
    }
    let rows = sqlx::query!(
        r#"select true as "is_server!", n.id as "id!" from unnest($2::uuid[]) as n (id)
           where not exists (select from servers s
                             where s.id = n.id and s.organization_id = $1 and s.status <> 'removed')
           union all
           select false, n.id from unnest($3::uuid[]) as n (id)
           where not exists (select from instances i
                             where i.id = n.id and i.organization_id = $1 and i.status <> 'removed')"#,
        organization as OrganizationId,
        &servers,
        &instances,
    )
    .fetch_all(conn)
    .await?;
    let mut unknown = Unknown::default();
    for row in rows {
        if row.is_server {
            unknown.servers.push(row.id.into());
        } else {
            unknown.instances.push(row.id.into());
        }
    }
    Ok(unknown)
}
