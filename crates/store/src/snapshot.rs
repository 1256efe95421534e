//! A database as it is at one moment, for as long as it takes to copy it.

use std::{collections::BTreeMap, time::Duration};

use sqlx::{AssertSqlSafe, PgConnection};
use tokio::time::sleep;

use crate::{Result, Store, Tx};

/// Tables of what was measured, partitions and all. They grow with the fleet, and nothing is managed by them.
pub const MEASURED: &[&str] = &[
    "instance_rollups",
    "instance_samples",
    "metric_late",
    "process_samples",
    "server_rollups",
    "server_samples",
];

/// Partitions come and go: of one that went while its lock was asked for, it is begun again.
const TRIES: u32 = 5;

/// A moment that other connections can read by its id while this lives. No table is dropped meanwhile.
#[derive(Debug)]
pub struct Snapshot {
    tx: Tx,
    /// What `pg_dump --snapshot` takes.
    pub id: String,
    /// Every table, and whether it holds what was measured.
    tables: Vec<(String, bool)>,
}

impl Snapshot {
    /// Now.
    pub async fn take(store: &Store) -> Result<Self> {
        let mut tries = 1;
        loop {
            match Self::try_take(store).await {
                Err(error) if tries < TRIES && is_of_a_dropped_table(&error) => tries += 1,
                taken => return taken,
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn try_take(store: &Store) -> Result<Self> {
        let mut tx = store.begin().await?;
        sqlx::raw_sql(
            "set transaction isolation level repeatable read, read only;
             set local idle_in_transaction_session_timeout = 0;
             set local statement_timeout = 0",
        )
        .execute(&mut *tx)
        .await?;
        let tables = tables(&mut tx).await?;
        let names: Vec<String> = tables.iter().map(|(name, _)| quoted(name)).collect();
        if !names.is_empty() {
            let lock = format!("lock table {} in access share mode", names.join(", "));
            sqlx::query(AssertSqlSafe(lock)).execute(&mut *tx).await?;
        }
        let id = sqlx::query_scalar("select pg_export_snapshot()")
            .fetch_one(&mut *tx)
            .await?;
        Ok(Self { tx, id, tables })
    }

    /// How many rows each table has, but those of what was measured unless wanted.
    pub async fn counts(&mut self, with_measured: bool) -> Result<BTreeMap<String, i64>> {
        let tables = self
            .tables
            .iter()
            .filter(|(_, is_measured)| with_measured || !is_measured);
        let names: Vec<String> = tables.map(|(name, _)| name.clone()).collect();
        count(&mut self.tx, &names).await
    }

    /// The connection, to read more of the same moment.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}

/// How many rows some tables have.
pub async fn count(conn: &mut PgConnection, names: &[String]) -> Result<BTreeMap<String, i64>> {
    let mut counts = BTreeMap::new();
    for name in names {
        let sql = format!("select count(*) from {}", quoted(name));
        let rows = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut *conn)
            .await?;
        counts.insert(name.clone(), rows);
    }
    Ok(counts)
}

/// All tables that hold rows, and whether they are of what was measured.
async fn tables(conn: &mut PgConnection) -> Result<Vec<(String, bool)>> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "select c.relname::text, coalesce(pg_partition_root(c.oid), c.oid)::regclass::text
         from pg_class c
         where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
             and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
         order by 1",
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(name, root)| {
            let is_measured = MEASURED.contains(&root.as_str());
            (name, is_measured)
        })
        .collect())
}

fn quoted(table: &str) -> String {
    format!("public.\"{}\"", table.replace('"', "\"\""))
}

fn is_of_a_dropped_table(error: &crate::Error) -> bool {
    match error {
        // undefined_table
        crate::Error::Database(sqlx::Error::Database(error)) => error.code().as_deref() == Some("42P01"),
        _ => false,
    }
}

/// What a server is, as far as a copy of a database is concerned.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its version, for example 170004.
    pub version_number: i32,
    /// The database's name.
    pub database: String,
    /// The role that asked.
    pub role: String,
    /// How large it is.
    pub bytes: i64,
    /// Whether its role may make another database.
    pub may_create: bool,
    /// Roles with rights in it beside its owner's and everybody's.
    pub roles: Vec<String>,
}

impl Server {
    /// The major version.
    pub fn major(&self) -> u32 {
        u32::try_from(self.version_number / 10_000).unwrap_or(0)
    }
}

/// What the server behind a connection is.
pub async fn server(conn: &mut PgConnection) -> Result<Server> {
    let (version_number, database, role, bytes, may_create): (i32, String, String, i64, bool) = sqlx::query_as(
        "select current_setting('server_version_num')::integer, current_database()::text, current_user::text,
             pg_database_size(current_database()),
             (select rolcreatedb or rolsuper from pg_roles where rolname = current_user)",
    )
    .fetch_one(&mut *conn)
    .await?;
    let roles = sqlx::query_scalar(
        "select distinct r.rolname::text
         from pg_class c, aclexplode(c.relacl) a join pg_roles r on r.oid = a.grantee
         where c.relnamespace = 'public'::regnamespace and a.grantee <> c.relowner
         union
         select r.rolname::text from pg_attribute t join pg_class c on c.oid = t.attrelid, aclexplode(t.attacl) a
             join pg_roles r on r.oid = a.grantee
         where c.relnamespace = 'public'::regnamespace and a.grantee <> c.relowner
         order by 1",
    )
    .fetch_all(conn)
    .await?;
    Ok(Server {
        version_number,
        database,
        role,
        bytes,
        may_create,
        roles,
    })
}
