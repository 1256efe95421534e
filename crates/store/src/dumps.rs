//! Final dumps: what is kept of a deleted instance, until it expires.

use chrono::{DateTime, Utc};
use ocore_domain::{InstanceId, OrganizationId, ServerId};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Page, PageRequest, Result};

/// Where a deleted instance's data is kept.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FinalDump {
    /// Its identifier.
    pub id: Uuid,
    /// The tenant.
    #[serde(skip)]
    pub organization_id: OrganizationId,
    /// The instance that was deleted.
    pub instance_id: InstanceId,
    /// Its name.
    pub instance_name: String,
    /// The server that keeps the dump.
    pub server_id: ServerId,
    /// The path of the database's dump (`pg_dump --format=custom`) in the server's PostgreSQL container.
    pub database_path: String,
    /// The path of the filestore's archive (`tar.gz`) beside it.
    pub filestore_path: String,
    /// The size in bytes of both together.
    pub size_bytes: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it is removed.
    pub expires_at: DateTime<Utc>,
}

/// Notes a dump; a second call for the same instance renews it.
pub async fn upsert(conn: &mut PgConnection, dump: &FinalDump) -> Result<()> {
    sqlx::query!(
        "insert into final_dumps
             (id, organization_id, instance_id, server_id, database_path, filestore_path, size_bytes, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (instance_id) do update set database_path = excluded.database_path,
             filestore_path = excluded.filestore_path, size_bytes = excluded.size_bytes,
             created_at = excluded.created_at, expires_at = excluded.expires_at, removed_at = null",
        dump.id,
        dump.organization_id as OrganizationId,
        dump.instance_id as InstanceId,
        dump.server_id as ServerId,
        dump.database_path,
        dump.filestore_path,
        dump.size_bytes,
        dump.created_at,
        dump.expires_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets an instance's dump: it was not made after all.
pub async fn forget(conn: &mut PgConnection, instance: InstanceId) -> Result<()> {
    sqlx::query!(
        "delete from final_dumps where instance_id = $1",
        instance as InstanceId
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that all dumps of a server are gone, with it.
pub async fn mark_all_removed(conn: &mut PgConnection, server: ServerId) -> Result<()> {
    sqlx::query!(
        "update final_dumps set removed_at = now() where server_id = $1 and removed_at is null",
        server as ServerId
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The dumps that are kept, newest first.
pub async fn list(
    conn: &mut PgConnection,
    organization: OrganizationId,
    page: &PageRequest,
) -> Result<Page<FinalDump>> {
    let before = page.cursor.as_deref().and_then(|c| c.parse::<Uuid>().ok());
    let rows = sqlx::query_as!(
        FinalDump,
        r#"select d.id, d.organization_id as "organization_id: _", d.instance_id as "instance_id: _", i.name as instance_name,
               d.server_id as "server_id: _", d.database_path, d.filestore_path, d.size_bytes, d.created_at, d.expires_at
           from final_dumps d join instances i on i.id = d.instance_id
           where d.organization_id = $1 and d.removed_at is null and ($2::uuid is null or d.id < $2)
           order by d.id desc limit $3"#,
        organization as OrganizationId,
        before,
        page.limit + 1,
    )
    .fetch_all(conn)
    .await?;
    Ok(Page::from_rows(rows, page.limit, |d| d.id.to_string()))
}

/// The dumps whose time is over, a hundred at most.
pub async fn expired(conn: &mut PgConnection) -> Result<Vec<FinalDump>> {
    let rows = sqlx::query_as!(
        FinalDump,
        r#"select d.id, d.organization_id as "organization_id: _", d.instance_id as "instance_id: _", i.name as instance_name,
               d.server_id as "server_id: _", d.database_path, d.filestore_path, d.size_bytes, d.created_at, d.expires_at
           from final_dumps d join instances i on i.id = d.instance_id join servers s on s.id = d.server_id
           where d.removed_at is null and d.expires_at < now() and s.status = 'active'
           order by d.expires_at limit 100"#,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

/// Notes that a dump's files are gone.
pub async fn mark_removed(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("update final_dumps set removed_at = now() where id = $1", id)
        .execute(conn)
        .await?;
    Ok(())
}
