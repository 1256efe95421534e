//! Servers with what is on them, for a document that somebody keeps.

use ocore_domain::{
    InstanceId, OrganizationId, ServerId,
    instance::{EnvironmentType, InstanceStatus},
    server::{ServerFacts, ServerStatus},
};
use serde::Deserialize;
use sqlx::{PgConnection, types::Json};

use crate::Result;

/// A server and its instances.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Entry {
    pub id: ServerId,
    pub name: String,
    pub description: String,
    pub host: String,
    pub port: i32,
    pub status: ServerStatus,
    pub facts: Option<Json<ServerFacts>>,
    /// None: they are not told.
    pub instances: Option<Json<Vec<Listed>>>,
}

/// An instance in such a document.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Listed {
    pub id: InstanceId,
    pub name: String,
    pub slug: String,
    pub odoo_version: String,
    pub environment_type: EnvironmentType,
    pub status: InstanceStatus,
    pub workers: u32,
    pub memory_limit_bytes: u64,
}

/// Some servers by name, those after one. A server bears as many instances as its memory allows, which is no long list.
pub async fn after(
    conn: &mut PgConnection,
    organization: OrganizationId,
    name: Option<&str>,
    limit: i64,
) -> Result<Vec<Entry>> {
    Ok(sqlx::query_as!(
        Entry,
        r#"select s.id as "id: _", s.name, s.description, s.host, s.port, s.status as "status: _", s.facts as "facts: _",
               coalesce((select jsonb_agg(jsonb_build_object('id', i.id, 'name', i.name, 'slug', i.slug,
                       'odoo_version', i.odoo_version, 'environment_type', i.environment_type, 'status', i.status,
                       'workers', i.settings -> 'workers', 'memory_limit_bytes', i.settings -> 'memoryLimitBytes')
                       order by lower(i.name))
                   from instances i where i.server_id = s.id and i.status <> 'removed'), '[]') as "instances: _"
           from servers s
           where s.organization_id = $1 and s.status <> 'removed' and ($2::text is null or lower(s.name) > lower($2))
           order by lower(s.name) limit $3"#,
        organization as OrganizationId,
        name,
        limit,
    )
    .fetch_all(conn)
    .await?)
}
