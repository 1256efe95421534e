//! Brings the database's schema up to date.

use ocore_domain::{Code, Problem};
use sqlx::{Connection, PgPool, migrate::Migrator};

use crate::{
    Result,
    schema::{self, MIGRATIONS},
};

/// What the advisory lock of migrations is named.
const LOCK: i64 = 0x0c0e_0516;

/// Makes what oCore requires and runs the migrations that have not run, one process at a time.
///
/// A database of a newer version is used as it is when what that version did leaves this one what it needs, and refused
/// when not.
pub async fn migrate(pool: &PgPool) -> Result<()> {
    require(pool).await?;
    schema::state(&mut *pool.acquire().await?).await?.survives()?;
    // Processes that start together wait for one another. The lock is one of a transaction: the migrator's own is one of a
    // session, which a pooler would give to others and leave locked.
    let mut own = pool.acquire().await?;
    own.close_on_drop();
    let mut lock = own.begin().await?;
    sqlx::query(
        "select pg_advisory_xact_lock($1), set_config('idle_in_transaction_session_timeout', '0', true)",
    )
    .bind(LOCK)
    .execute(&mut *lock)
    .await?;
    // Before and after: a process that does not know a migration looks here, be it in the middle of this one's work.
    schema::describe(&mut *pool.acquire().await?).await?;
    let mut migrator = Migrator::with_migrations(MIGRATIONS.to_vec());
    migrator
        .set_ignore_missing(true)
        .set_locking(false)
        .run(pool)
        .await?;
    schema::describe(&mut *pool.acquire().await?).await?;
    lock.commit().await?;
    Ok(())
}

/// What a database needs before the first migration: the role that requests run as.
pub async fn require(pool: &PgPool) -> Result<()> {
    suggest_uuid_ossp(pool).await?;
    require_tenant_role(pool).await
}

/// The migrations that have not run.
pub async fn pending(pool: &PgPool) -> Result<Vec<String>> {
    let state = schema::state(&mut *pool.acquire().await?).await?;
    Ok(state
        .pending
        .into_iter()
        .map(|one| format!("{} {}", one.version, one.description))
        .collect())
}

/// No migration needs the extension. It is made where that is allowed, for those who look for it; where it is not, oCore
/// says how it would be, and goes on.
async fn suggest_uuid_ossp(pool: &PgPool) -> Result<()> {
    if is_installed(pool).await? {
        return Ok(());
    }
    // Of two processes that start together one may be refused because the other was quicker: so it is asked again.
    if let Err(error) = sqlx::query(r#"create extension if not exists "uuid-ossp""#)
        .execute(pool)
        .await
        && !is_installed(pool).await?
    {
        tracing::info!(
            %error,
            "the extension uuid-ossp is not there and may not be made; oCore does without it (`ocore database check` \
             tells how to make it)"
        );
    }
    Ok(())
}

/// The role that requests run as; see `20261125100002_row_level_security.sql`.
async fn require_tenant_role(pool: &PgPool) -> Result<()> {
    if may_be_tenant(pool).await? {
        return Ok(());
    }
    // Of two processes that start together one may be refused because the other was quicker: so it is asked again.
    let made = sqlx::raw_sql(
        "do $$ begin
             if not exists (select from pg_roles where rolname = 'ocore_tenant') then
                 create role ocore_tenant nologin nosuperuser nobypassrls;
             end if;
             if not pg_has_role(current_user, 'ocore_tenant', 'member') then
                 execute format('grant ocore_tenant to %I', current_user);
             end if;
         end $$",
    )
    .execute(pool)
    .await;
    let Err(error) = made else { return Ok(()) };
    if may_be_tenant(pool).await? {
        return Ok(());
    }
    let user: String = sqlx::query_scalar("select current_user::text")
        .fetch_one(pool)
        .await?;
    Err(Problem::new(
        Code::Internal,
        format!(
            "oCore's requests run as the role `ocore_tenant`, and `{user}` may neither create nor take it: {error}"
        ),
        format!(
            "As a superuser run: psql -c 'CREATE ROLE ocore_tenant NOLOGIN' (unless it is there) and \
             psql -c 'GRANT ocore_tenant TO \"{user}\"'."
        ),
    )
    .into())
}

async fn may_be_tenant(pool: &PgPool) -> Result<bool> {
    let may = "select coalesce((select pg_has_role(current_user, oid, 'member') from pg_roles
                                where rolname = 'ocore_tenant'), false)";
    Ok(sqlx::query_scalar(may).fetch_one(pool).await?)
}

async fn is_installed(pool: &PgPool) -> Result<bool> {
    let installed = "select exists (select 1 from pg_extension where extname = 'uuid-ossp')";
    Ok(sqlx::query_scalar(installed).fetch_one(pool).await?)
}
