//! Brings the database's schema up to date.

use ocore_domain::{Code, Problem};
use sqlx::PgPool;

use crate::Result;

/// Checks the extension oCore requires and runs the migrations that have not run, one process at a time.
pub async fn migrate(pool: &PgPool) -> Result<()> {
    require_uuid_ossp(pool).await?;
    // The migrator holds an advisory lock while it works: processes that start together wait for one another.
    sqlx::migrate!().run(pool).await?;
    Ok(())
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

async fn is_installed(pool: &PgPool) -> Result<bool> {
    let installed = "select exists (select 1 from pg_extension where extname = 'uuid-ossp')";
    Ok(sqlx::query_scalar(installed).fetch_one(pool).await?)
}
