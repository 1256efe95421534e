//! Accounts at other providers by which people sign in.

use chrono::{DateTime, Utc};
use ocore_domain::UserId;
use sqlx::PgConnection;

use crate::Result;

/// An account at another provider.
#[derive(Clone, Debug)]
pub struct Connected {
    /// The provider's id.
    pub provider: String,
    /// The address that the provider knew when it was connected.
    pub email: Option<String>,
    /// When it was connected.
    pub created_at: DateTime<Utc>,
}

/// Whose account at oCore it is.
pub async fn find(conn: &mut PgConnection, provider: &str, subject: &str) -> Result<Option<UserId>> {
    Ok(sqlx::query_scalar!(
        r#"select user_id as "user: UserId" from connected_accounts where provider = $1 and subject = $2"#,
        provider,
        subject,
    )
    .fetch_optional(conn)
    .await?)
}

/// Connects one; answers whether it was nobody's before.
pub async fn insert(
    conn: &mut PgConnection,
    provider: &str,
    subject: &str,
    user: UserId,
    email: &str,
) -> Result<bool> {
    let done = sqlx::query!(
        "insert into connected_accounts (provider, subject, user_id, email) values ($1, $2, $3, $4)
         on conflict do nothing",
        provider,
        subject,
        user as UserId,
        email,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Somebody's.
pub async fn list(conn: &mut PgConnection, user: UserId) -> Result<Vec<Connected>> {
    Ok(sqlx::query_as!(
        Connected,
        "select provider, email, created_at from connected_accounts where user_id = $1 order by created_at, subject",
        user as UserId,
    )
    .fetch_all(conn)
    .await?)
}

/// Forgets somebody's at one provider; answers how many those were.
pub async fn remove(conn: &mut PgConnection, user: UserId, provider: &str) -> Result<u64> {
    let done = sqlx::query!(
        "delete from connected_accounts where user_id = $1 and provider = $2",
        user as UserId,
        provider,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
