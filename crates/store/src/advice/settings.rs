//! How oCore's own PostgreSQL is set.

use sqlx::PgConnection;

use crate::Result;

/// The settings that matter most. Sizes are in bytes.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each field is the setting of the same name")]
pub struct Settings {
    pub server_version: String,
    pub shared_buffers: i64,
    pub effective_cache_size: i64,
    pub work_mem: i64,
    pub maintenance_work_mem: i64,
    pub max_connections: i64,
    pub superuser_reserved_connections: i64,
    pub random_page_cost: f64,
    /// Whether it is on the machine that asks.
    pub is_local: bool,
}

/// The settings in force.
pub async fn settings(conn: &mut PgConnection) -> Result<Settings> {
    Ok(sqlx::query_as!(
        Settings,
        r#"select current_setting('server_version') as "server_version!",
               pg_size_bytes(current_setting('shared_buffers')) as "shared_buffers!",
               pg_size_bytes(current_setting('effective_cache_size')) as "effective_cache_size!",
               pg_size_bytes(current_setting('work_mem')) as "work_mem!",
               pg_size_bytes(current_setting('maintenance_work_mem')) as "maintenance_work_mem!",
               current_setting('max_connections')::bigint as "max_connections!",
               current_setting('superuser_reserved_connections')::bigint as "superuser_reserved_connections!",
               current_setting('random_page_cost')::float8 as "random_page_cost!",
               coalesce(inet_client_addr() = inet_server_addr(), true) as "is_local!""#
    )
    .fetch_one(conn)
    .await?)
}
