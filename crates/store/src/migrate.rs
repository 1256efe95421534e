//! Brings the database's schema up to date.

use ocore_domain::{Code, Problem};
use sqlx::PgPool;

use crate::{
    Result,
    schema::{self, MIGRATIONS},
};

/// Checks what oCore requires and runs the migrations that have not run, one process at a time.
///
/// A database of a newer version is used as it is when what that version did leaves this one what it needs, and refused
/// when not.
pub async fn migrate(pool: &PgPool) -> Result<()> {
    require(pool).await?;
    schema::state(&mut *pool.acquire().await?).await?.survives()?;
    // Before and after: a process that does not know a migration looks here, be it in the middle of this one's work.
    schema::describe(&mut *pool.acquire().await?).await?;
    let mut migrator = sqlx::migrate::Migrator::with_migrations(MIGRATIONS.to_vec());
    migrator.set_ignore_missing(true);
    // It holds an advisory lock while it works: processes that start together wait for one another.
    migrator.run(pool).await?;
    schema::describe(&mut *pool.acquire().await?).await
}

/// What a database needs before the first migration: an extension, and the role that requests run as.
pub async fn require(pool: &PgPool) -> Result<()> {
    require_uuid_ossp(pool).await?;
    require_tenant_role(pool).await
}

async fn require_uuid_ossp(pool: &PgPool) -> Result<()> {
    if is_installed(pool).await? {
        return Ok(());
    }
    let database: String = sqlx::query_scalar("select current_database()::text")
        .fetch_one(pool)
        .await?;
    // Of two processes that start together one may be refused because the other was quicker: so it is asked again.
    if let Err(error) = sqlx::query(r#"create extension if not exists "uuid-ossp""#)
        .execute(pool)
        .await
        && !is_installed(pool).await?
    {
        return Err(Problem::new(
            Code::Internal,
            format!("The database `{database}` lacks the extension uuid-ossp, and oCore may not create it: {error}"),
            format!(
                "As a superuser run: psql -d {database} -c 'CREATE EXTENSION \"uuid-ossp\"' \
                 (Debian: apt-get install postgresql-contrib first, if it is not available)."
            ),
        )
        .into());
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
