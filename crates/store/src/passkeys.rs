//! Passkeys: the public halves of keys on people's devices.

use chrono::{DateTime, Utc};
use ocore_domain::{PasskeyId, UserId};
use sqlx::PgConnection;

use crate::Result;

/// A passkey.
#[derive(Clone, Debug)]
pub struct Passkey {
    /// Which.
    pub id: PasskeyId,
    /// Whose.
    pub user: UserId,
    /// Everything that is known of it, as the identity crate writes it.
    pub credential: Vec<u8>,
    /// What its owner named the device.
    pub device_name: String,
    /// How the device can be reached.
    pub transports: Vec<String>,
    /// Whether it may be copied to other devices.
    pub backup_eligible: bool,
    /// Whether it was.
    pub backup_state: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was used last.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A passkey to be kept.
#[derive(Clone, Debug)]
pub struct NewPasskey<'a> {
    /// Whose.
    pub user: UserId,
    /// Its own name, which no other has.
    pub credential_id: &'a [u8],
    /// Everything that is known of it.
    pub credential: &'a [u8],
    /// What its owner named the device.
    pub device_name: &'a str,
    /// How the device can be reached.
    pub transports: &'a [String],
    /// Whether it may be copied to other devices.
    pub backup_eligible: bool,
    /// Whether it was.
    pub backup_state: bool,
}

/// Keeps one. One that is known violates `passkeys_credential_id_key`.
pub async fn insert(conn: &mut PgConnection, new: &NewPasskey<'_>) -> Result<PasskeyId> {
    let id = PasskeyId::new();
    sqlx::query!(
        "insert into passkeys (id, user_id, credential_id, credential, device_name, transports, backup_eligible,
             backup_state) values ($1, $2, $3, $4, $5, $6, $7, $8)",
        id as PasskeyId,
        new.user as UserId,
        new.credential_id,
        new.credential,
        new.device_name,
        new.transports,
        new.backup_eligible,
        new.backup_state,
    )
    .execute(conn)
    .await?;
    Ok(id)
}

/// Somebody's, oldest first.
pub async fn list(conn: &mut PgConnection, user: UserId) -> Result<Vec<Passkey>> {
    Ok(sqlx::query_as!(
        Passkey,
        r#"select id as "id: PasskeyId", user_id as "user: UserId", credential, device_name, transports,
               backup_eligible, backup_state, created_at, last_used_at
           from passkeys where user_id = $1 order by id"#,
        user as UserId,
    )
    .fetch_all(conn)
    .await?)
}

/// The one with this name of its own, kept from being used by others until the transaction ends.
pub async fn by_credential_id(tx: &mut PgConnection, credential_id: &[u8]) -> Result<Option<Passkey>> {
    Ok(sqlx::query_as!(
        Passkey,
        r#"select id as "id: PasskeyId", user_id as "user: UserId", credential, device_name, transports,
               backup_eligible, backup_state, created_at, last_used_at
           from passkeys where credential_id = $1 for update"#,
        credential_id,
    )
    .fetch_optional(tx)
    .await?)
}

/// Keeps what a use changed.
pub async fn used(
    conn: &mut PgConnection,
    id: PasskeyId,
    credential: &[u8],
    backup_state: bool,
) -> Result<()> {
    sqlx::query!(
        "update passkeys set credential = $2, backup_state = $3, last_used_at = now() where id = $1",
        id as PasskeyId,
        credential,
        backup_state,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets one of somebody's, and answers the device's name.
pub async fn remove(conn: &mut PgConnection, user: UserId, id: PasskeyId) -> Result<Option<String>> {
    Ok(sqlx::query_scalar!(
        "delete from passkeys where user_id = $1 and id = $2 returning device_name",
        user as UserId,
        id as PasskeyId,
    )
    .fetch_optional(conn)
    .await?)
}
