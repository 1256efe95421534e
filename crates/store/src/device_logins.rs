//! Logins that a device begins and a person approves in the browser (RFC 8628).

use chrono::{DateTime, TimeDelta, Utc};
use ocore_domain::{OrganizationId, UserId};
use sqlx::PgConnection;

use crate::{Result, one_time_tokens::interval};

/// A login that a device began.
#[derive(Clone, Debug)]
pub struct DeviceLogin {
    /// What the device calls itself.
    pub client_name: String,
    /// From where it asked.
    pub address: Option<String>,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Until when it can be approved.
    pub expires_at: DateTime<Utc>,
    /// Who approved it.
    pub user: Option<UserId>,
    /// When it was denied.
    pub denied_at: Option<DateTime<Utc>>,
}

/// What a device hears that asks how far its login is.
#[derive(Clone, Debug)]
pub enum Polled {
    /// There is no such login, or not any more.
    Gone,
    /// It asks too often.
    TooOften,
    /// Nobody has answered yet.
    Pending,
    /// Somebody has said no.
    Denied,
    /// Somebody has said yes. The login is over: nobody hears this twice.
    Approved(Approved),
}

/// A login that was approved.
#[derive(Clone, Debug)]
pub struct Approved {
    /// By whom.
    pub user: UserId,
    /// For which organization.
    pub organization: OrganizationId,
    /// What the device calls itself.
    pub client_name: String,
}

/// Begins one. A code that another login has violates `device_logins_user_code_key`.
pub async fn insert(
    conn: &mut PgConnection,
    device_hash: &[u8],
    user_code: &str,
    client_name: &str,
    address: Option<&str>,
    lifetime: TimeDelta,
) -> Result<()> {
    sqlx::query!(
        "insert into device_logins (device_hash, user_code, client_name, address, expires_at)
         values ($1, $2, $3, $4, now() + $5)",
        device_hash,
        user_code,
        client_name,
        address,
        interval(lifetime),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The login of this code, if it can still be answered or was.
pub async fn by_user_code(conn: &mut PgConnection, user_code: &str) -> Result<Option<DeviceLogin>> {
    Ok(sqlx::query_as!(
        DeviceLogin,
        r#"select client_name, address, created_at, expires_at, user_id as "user: UserId", denied_at
           from device_logins where user_code = $1 and expires_at > now()"#,
        user_code,
    )
    .fetch_optional(conn)
    .await?)
}

/// Says yes, in the name of somebody in an organization; answers whether it could still be said.
pub async fn approve(
    conn: &mut PgConnection,
    user_code: &str,
    user: UserId,
    organization: OrganizationId,
) -> Result<bool> {
    let done = sqlx::query!(
        "update device_logins set user_id = $2, organization_id = $3
         where user_code = $1 and user_id is null and denied_at is null and expires_at > now()",
        user_code,
        user as UserId,
        organization as OrganizationId,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Says no; answers whether it could still be said.
pub async fn deny(conn: &mut PgConnection, user_code: &str) -> Result<bool> {
    let done = sqlx::query!(
        "update device_logins set denied_at = now()
         where user_code = $1 and user_id is null and denied_at is null and expires_at > now()",
        user_code,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How far a device's login is; it may ask again after `interval`.
pub async fn poll(conn: &mut PgConnection, device_hash: &[u8], pause: TimeDelta) -> Result<Polled> {
    let approved = sqlx::query_as!(
        Approved,
        r#"delete from device_logins
           where device_hash = $1 and user_id is not null and organization_id is not null and denied_at is null
               and expires_at > now()
           returning user_id as "user!: UserId", organization_id as "organization!: OrganizationId", client_name"#,
        device_hash,
    )
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(approved) = approved {
        return Ok(Polled::Approved(approved));
    }
    let polled = sqlx::query!(
        r#"update device_logins d set polled_at = now() from device_logins before
           where d.device_hash = $1 and before.device_hash = $1 and d.expires_at > now()
           returning d.denied_at, coalesce(before.polled_at > now() - $2::interval, false) as "too_often!""#,
        device_hash,
        interval(pause),
    )
    .fetch_optional(conn)
    .await?;
    Ok(match polled {
        None => Polled::Gone,
        Some(row) if row.denied_at.is_some() => Polled::Denied,
        Some(row) if row.too_often => Polled::TooOften,
        Some(_) => Polled::Pending,
    })
}
