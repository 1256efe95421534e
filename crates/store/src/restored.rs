//! What a database needs before and after it is restored.

use chrono::{DateTime, Utc};
use ocore_domain::WorkerId;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Result, operations::Claimed};

/// Whether anything is in a database: a table, a view, a function or a type that no extension brought.
pub async fn is_empty(conn: &mut PgConnection) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "select not exists (
             select from pg_class c where c.relnamespace = 'public'::regnamespace
                 and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e'))
         and not exists (
             select from pg_proc p where p.pronamespace = 'public'::regnamespace
                 and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e'))
         and not exists (
             select from pg_namespace n where n.nspname !~ '^(pg_|information_schema$|public$)'
                 and exists (select from pg_class c where c.relnamespace = n.oid))",
    )
    .fetch_one(conn)
    .await?)
}

/// Takes everything out of the schema `public` but what extensions brought. For `psql`, within its transaction, so that
/// what is there goes only when what comes instead is whole. All names are read before anything goes, because much goes with
/// something else.
pub const EMPTY_OUT: &str = r"do $ocore$
declare
    drops text[];
    one text;
begin
    select array_agg(what order by turn) into drops from (
        select 1 as turn, format('drop %s if exists public.%I cascade', case c.relkind when 'v' then 'view'
            when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table' end, c.relname) as what
        from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
            and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
        union all
        select 2, format('drop %s if exists %s cascade', case p.prokind when 'a' then 'aggregate'
            when 'p' then 'procedure' else 'function' end, p.oid::regprocedure)
        from pg_proc p
        where p.pronamespace = 'public'::regnamespace
            and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
        union all
        select 3, format('drop sequence if exists public.%I cascade', c.relname)
        from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'S'
            and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
        union all
        select 4, format('drop type if exists public.%I cascade', t.typname)
        from pg_type t
        where t.typnamespace = 'public'::regnamespace
            and (t.typtype in ('e', 'd') or exists (select from pg_class c where c.oid = t.typrelid and c.relkind = 'c'))
            and not exists (select from pg_depend d where d.objid = t.oid and d.deptype = 'e')) as all_of_it;
    foreach one in array coalesce(drops, '{}') loop
        execute one;
    end loop;
end $ocore$;
";

/// How many other sessions of oCore use the database.
pub async fn others(conn: &mut PgConnection) -> Result<i64> {
    Ok(sqlx::query_scalar(
        "select count(*) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid() and application_name = 'ocore'",
    )
    .fetch_one(conn)
    .await?)
}

/// Which of some roles the server does not have.
pub async fn missing_roles(conn: &mut PgConnection, wanted: &[String]) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar(
        "select w from unnest($1::text[]) w where not exists (select from pg_roles where rolname = w) order by 1",
    )
    .bind(wanted)
    .fetch_all(conn)
    .await?)
}

/// What was taken out of a restored database, because it was true only then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Sessions that were ended.
    pub sessions: u64,
    /// Messages on their way, of what was so then.
    pub deliveries: u64,
    /// The control plane's number among those of the same backups.
    pub epoch: i64,
}

/// Makes what was restored a control plane of its own. Processes, leases and the sessions of people are those of another
/// machine and another time; whatever was handed out once to be used once may have been used since.
pub async fn settle(conn: &mut PgConnection, backup_at: DateTime<Utc>) -> Result<Settled> {
    for gone in [
        "delete from workers",
        "delete from leases",
        "delete from one_time_tokens",
        "delete from device_logins",
        "delete from idempotency_keys",
    ] {
        sqlx::query(gone).execute(&mut *conn).await?;
    }
    let sessions = sqlx::query!("update sessions set revoked_at = now() where revoked_at is null")
        .execute(&mut *conn)
        .await?
        .rows_affected();
    let deliveries = sqlx::query!(
        "update notification_deliveries set state = 'failed', finished_at = now(),
             last_error = 'oCore was restored from a backup while this was on its way'
         where state = 'pending'"
    )
    .execute(&mut *conn)
    .await?
    .rows_affected();
    // Nothing is known of a server until it has been looked at.
    sqlx::query!(
        "update instances set health = 'unknown', health_detail = 'not looked at since the restore'
         where status = 'running'"
    )
    .execute(&mut *conn)
    .await?;
    // A plane of the same backup may have been restored before: seconds make this one's number the greater.
    let epoch = sqlx::query_scalar!(
        "update control_plane set epoch = greatest(epoch + 1, extract(epoch from now())::bigint), restored_at = now(),
             restored_from = $1, superseded_by = null, superseded_at = null
         returning epoch",
        backup_at,
    )
    .fetch_one(conn)
    .await?;
    Ok(Settled {
        sessions,
        deliveries,
        epoch,
    })
}

/// Takes up every operation that had not ended, whoever held it: to be ended by whoever calls, in the same transaction.
pub async fn take_open(conn: &mut PgConnection) -> Result<Vec<Claimed>> {
    Ok(sqlx::query_as!(
        Claimed,
        r#"update operations set worker_id = $1, claim_token = $2 where finished_at is null
           returning id as "id: _", organization_id as "organization_id: _", kind, subject_id,
               server_id as "server_id: _", params, state as "state: _", error as "error: _", attempt,
               claim_token as "token!", cancel_requested_at is not null as "cancel_requested!""#,
        WorkerId::new() as WorkerId,
        Uuid::new_v4(),
    )
    .fetch_all(conn)
    .await?)
}

/// Gives an operation that was taken up back, for a worker to go on with.
pub async fn give_back(conn: &mut PgConnection, claim: &Claimed) -> Result<()> {
    sqlx::query!(
        "update operations set worker_id = null, run_at = now() where id = $1 and claim_token = $2",
        claim.id.uuid(),
        claim.token,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Organizations, also those that are deleted: each has a record of its own.
pub async fn organizations(conn: &mut PgConnection) -> Result<Vec<ocore_domain::OrganizationId>> {
    Ok(sqlx::query_scalar!(
        r#"select id as "id: ocore_domain::OrganizationId" from organizations order by id"#
    )
    .fetch_all(conn)
    .await?)
}
