//! Recovery codes: hashes, each good for one use.

use ocore_domain::UserId;
use sqlx::PgConnection;

use crate::Result;

/// Keeps these instead of those there were.
pub async fn replace(conn: &mut PgConnection, user: UserId, hashes: &[Vec<u8>]) -> Result<()> {
    forget(&mut *conn, user).await?;
    sqlx::query!(
        "insert into recovery_codes (user_id, hash) select $1, hash from unnest($2::bytea[]) hash",
        user as UserId,
        hashes,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes a code, once: of several at the same time one is answered true.
pub async fn take(conn: &mut PgConnection, user: UserId, hash: &[u8]) -> Result<bool> {
    let done = sqlx::query!(
        "update recovery_codes set used_at = now() where user_id = $1 and hash = $2 and used_at is null",
        user as UserId,
        hash,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many are left.
pub async fn left(conn: &mut PgConnection, user: UserId) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"select count(*) as "count!" from recovery_codes where user_id = $1 and used_at is null"#,
        user as UserId,
    )
    .fetch_one(conn)
    .await?)
}

/// Forgets them all.
pub async fn forget(conn: &mut PgConnection, user: UserId) -> Result<()> {
    sqlx::query!("delete from recovery_codes where user_id = $1", user as UserId)
        .execute(conn)
        .await?;
    Ok(())
}
