//! What a database tells of itself: what `ocore database check` judges.

use std::time::{Duration, Instant};

use sqlx::{FromRow, PgConnection};

use crate::Result;

/// A database as it is seen by the role that oCore signs in as.
#[derive(Clone, Debug, FromRow)]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent property")]
pub struct Facts {
    /// Major and minor: 170010.
    pub version_number: i32,
    /// The database.
    pub database: String,
    /// Who signs in.
    pub role: String,
    /// Whether the server sees this connection encrypted. Behind a pooler it is the pooler's.
    pub is_encrypted: bool,
    /// The version of TLS, if it is.
    pub tls_version: Option<String>,
    /// Whether the role may do everything.
    pub is_superuser: bool,
    /// How many connections the role may have; -1: as many as it wants.
    pub role_limit: i32,
    /// How many the database may have; -1 as well.
    pub database_limit: i32,
    /// Whether the role may take the one that requests run as.
    pub may_be_tenant: bool,
    /// Whether it may make tables.
    pub may_create: bool,
    /// Whether the extension `uuid-ossp` is there.
    pub has_uuid_ossp: bool,
    /// Whether it could be.
    pub knows_uuid_ossp: bool,
    /// Whether the role may make it.
    pub may_make_extensions: bool,
    /// Whether the server only reads.
    pub is_read_only: bool,
    /// Whether it is a standby.
    pub is_standby: bool,
    /// How many standbys follow it.
    pub standbys: i64,
    /// For which of them a commit waits.
    pub synchronous_standby_names: String,
    /// Connections now.
    pub connections: i64,
    /// Of `max_connections`, those that are kept for others.
    pub reserved: i64,
    /// The size of the database in bytes.
    pub bytes: i64,
    /// In bytes.
    pub max_wal_size: i64,
    /// In seconds.
    pub checkpoint_timeout: i64,
    /// Whether it is on.
    pub autovacuum: bool,
    /// Whether it is on.
    pub fsync: bool,
    /// Whether it is on.
    pub full_page_writes: bool,
    /// Whether statements are compiled; of a connection without a pooler never, as oCore turns it off.
    pub jit: bool,
    /// As a commit of oCore finds it.
    pub synchronous_commit: String,
    /// Settings that are in force after a restart only.
    pub pending_restart: Vec<String>,
}

/// All of it, by one question.
pub async fn facts(conn: &mut PgConnection) -> Result<Facts> {
    let facts = sqlx::query_as(
        "select current_setting('server_version_num')::integer as version_number,
             current_database()::text as database, current_user::text as role,
             coalesce(s.ssl, false) as is_encrypted, s.version as tls_version,
             r.rolsuper as is_superuser, r.rolconnlimit as role_limit, d.datconnlimit as database_limit,
             coalesce((select pg_has_role(current_user, t.oid, 'member') from pg_roles t
                       where t.rolname = 'ocore_tenant'), false) as may_be_tenant,
             has_schema_privilege('public', 'create') as may_create,
             exists (select from pg_extension where extname = 'uuid-ossp') as has_uuid_ossp,
             exists (select from pg_available_extensions where name = 'uuid-ossp') as knows_uuid_ossp,
             has_database_privilege(current_database(), 'create') as may_make_extensions,
             current_setting('transaction_read_only')::boolean as is_read_only,
             pg_is_in_recovery() as is_standby,
             (select count(*) from pg_stat_replication) as standbys,
             current_setting('synchronous_standby_names') as synchronous_standby_names,
             (select count(*) from pg_stat_activity where backend_type = 'client backend') as connections,
             current_setting('superuser_reserved_connections')::bigint
                 + coalesce(current_setting('reserved_connections', true), '0')::bigint as reserved,
             pg_database_size(current_database()) as bytes,
             pg_size_bytes(current_setting('max_wal_size')) as max_wal_size,
             extract(epoch from current_setting('checkpoint_timeout')::interval)::bigint as checkpoint_timeout,
             current_setting('autovacuum')::boolean as autovacuum,
             current_setting('fsync')::boolean as fsync,
             current_setting('full_page_writes')::boolean as full_page_writes,
             current_setting('jit')::boolean as jit,
             current_setting('synchronous_commit') as synchronous_commit,
             array(select name from pg_settings where pending_restart order by name) as pending_restart
         from pg_roles r, pg_database d left join pg_stat_ssl s on s.pid = pg_backend_pid()
         where r.rolname = current_user and d.datname = current_database()",
    );
    Ok(facts.fetch_one(conn).await?)
}

/// How long the database takes to answer nothing, so many times one after another; shortest first.
pub async fn pings(conn: &mut PgConnection, count: u32) -> Result<Vec<Duration>> {
    let mut took = Vec::new();
    for _ in 0..count {
        let asked = Instant::now();
        sqlx::raw_sql("select 1").execute(&mut *conn).await?;
        took.push(asked.elapsed());
    }
    took.sort_unstable();
    Ok(took)
}
