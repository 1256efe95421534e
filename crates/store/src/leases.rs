//! Names held by one process at a time, for a while.

use std::time::Duration;

use sqlx::{PgConnection, postgres::types::PgInterval};
use uuid::Uuid;

use crate::{Error, Result};

/// Takes or renews a lease; false when another holds it.
pub async fn take(conn: &mut PgConnection, name: &str, holder: Uuid, length: Duration) -> Result<bool> {
    let length = PgInterval::try_from(length).map_err(|error| Error::Row(error.to_string()))?;
    let taken = sqlx::query!(
        "insert into leases (name, holder, expires_at) values ($1, $2, now() + $3)
         on conflict (name) do update set holder = excluded.holder, expires_at = excluded.expires_at
         where leases.holder = excluded.holder or leases.expires_at < now()",
        name,
        holder,
        length,
    )
    .execute(conn)
    .await?;
    Ok(taken.rows_affected() == 1)
}

/// Gives a lease back.
pub async fn release(conn: &mut PgConnection, name: &str, holder: Uuid) -> Result<()> {
    sqlx::query!("delete from leases where name = $1 and holder = $2", name, holder)
        .execute(conn)
        .await?;
    Ok(())
}
