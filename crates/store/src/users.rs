//! People.

use std::fmt;

use chrono::{DateTime, Utc};
use ocore_domain::{OrganizationId, UserId, access::SystemRole};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Place, Result, api_keys, members, organizations, roles, sessions};

/// A person's account.
#[derive(Clone, sqlx::FromRow)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// Their e-mail address, as they write it.
    pub email: String,
    /// Their name.
    pub name: String,
    /// What is kept of their password, if they have one.
    pub password_hash: Option<String>,
    /// Since when the address is known to be theirs.
    pub email_verified_at: Option<DateTime<Utc>>,
    /// Whether they administer the installation.
    pub is_server_admin: bool,
    /// The secret they share with their app; see [`totp_place`].
    pub totp_secret_sealed: Option<Vec<u8>>,
    /// Since when it is asked for.
    pub totp_enabled_at: Option<DateTime<Utc>>,
    /// The step of the last code that was taken.
    pub totp_last_step: Option<i64>,
    /// Since when they may not sign in.
    pub deactivated_at: Option<DateTime<Utc>>,
    /// When they signed in last.
    pub last_login_at: Option<DateTime<Utc>>,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// An account to be made.
#[derive(Clone)]
pub struct NewUser {
    /// Their e-mail address.
    pub email: String,
    /// Their name.
    pub name: String,
    /// What is kept of their password.
    pub password_hash: Option<String>,
    /// Whether the address is known to be theirs.
    pub is_verified: bool,
    /// Whether they are to administer the installation.
    pub is_server_admin: bool,
}

impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewUser")
    }
}

/// An organization that somebody is in.
#[derive(Clone, Debug)]
pub struct OrganizationOf {
    /// Which.
    pub id: OrganizationId,
    /// Its name.
    pub name: String,
    /// Its slug.
    pub slug: String,
    /// The name of their role.
    pub role: String,
    /// Whether it is the owner's.
    pub is_owner: bool,
}

/// For where a person's one-time secret is sealed. People belong to no organization.
pub const fn totp_place(user: UserId) -> Place {
    Place {
        organization: OrganizationId::NONE,
        table: "users",
        row: user.uuid(),
        column: "totp_secret_sealed",
    }
}

/// Makes an account. Of two with the same address the second violates `users_email`.
pub async fn insert(conn: &mut PgConnection, new: &NewUser) -> Result<UserId> {
    let id = UserId::new();
    sqlx::query!(
        "insert into users (id, email, name, password_hash, email_verified_at, is_server_admin)
         values ($1, $2, $3, $4, case when $5 then now() end, $6)",
        id as UserId,
        new.email,
        new.name,
        new.password_hash,
        new.is_verified,
        new.is_server_admin,
    )
    .execute(conn)
    .await?;
    Ok(id)
}

/// Whether there is any account.
pub async fn exist(conn: &mut PgConnection) -> Result<bool> {
    Ok(
        sqlx::query_scalar!(r#"select exists (select from users) as "exists!""#)
            .fetch_one(conn)
            .await?,
    )
}

/// Keeps others from making accounts until the transaction ends: for whoever wants to be the first.
pub async fn lock(tx: &mut PgConnection) -> Result<()> {
    sqlx::query!("lock table users in share row exclusive mode")
        .execute(tx)
        .await?;
    Ok(())
}

/// The account of this e-mail address, however it is written.
pub async fn by_email(conn: &mut PgConnection, email: &str) -> Result<Option<User>> {
    Ok(sqlx::query_as!(
        User,
        r#"select id as "id: UserId", email, name, password_hash, email_verified_at, is_server_admin,
               totp_secret_sealed, totp_enabled_at, totp_last_step, deactivated_at, last_login_at, created_at
           from users where lower(email) = lower($1)"#,
        email,
    )
    .fetch_optional(conn)
    .await?)
}

/// The account with this id.
pub async fn by_id(conn: &mut PgConnection, id: UserId) -> Result<Option<User>> {
    Ok(sqlx::query_as!(
        User,
        r#"select id as "id: UserId", email, name, password_hash, email_verified_at, is_server_admin,
               totp_secret_sealed, totp_enabled_at, totp_last_step, deactivated_at, last_login_at, created_at
           from users where id = $1"#,
        id as UserId,
    )
    .fetch_optional(conn)
    .await?)
}

/// The same, kept from being changed by others until the transaction ends.
pub async fn by_id_for_update(tx: &mut PgConnection, id: UserId) -> Result<Option<User>> {
    sqlx::query!("select from users where id = $1 for update", id as UserId)
        .fetch_optional(&mut *tx)
        .await?;
    by_id(tx, id).await
}

/// The organizations that somebody is in, the one they joined first first.
pub async fn organizations(conn: &mut PgConnection, id: UserId) -> Result<Vec<OrganizationOf>> {
    Ok(sqlx::query_as!(
        OrganizationOf,
        r#"select o.id as "id: OrganizationId", o.name, o.slug, r.name as role, r.is_owner
           from members m join organizations o on o.id = m.organization_id join roles r on r.id = m.role_id
           where m.user_id = $1 and o.deactivated_at is null and o.deleted_at is null
           order by m.joined_at, o.id"#,
        id as UserId,
    )
    .fetch_all(conn)
    .await?)
}

/// In whose records it stands what the holder of this address does; none of them is told apart from an address that
/// nobody has.
pub async fn records_of(conn: &mut PgConnection, email: &str) -> Result<Vec<OrganizationId>> {
    Ok(sqlx::query_scalar!(
        r#"select m.organization_id as "id: OrganizationId"
           from users u join members m on m.user_id = u.id join organizations o on o.id = m.organization_id
           where lower(u.email) = lower($1) and o.deleted_at is null"#,
        email,
    )
    .fetch_all(conn)
    .await?)
}

/// Keeps another password, or none.
pub async fn set_password(conn: &mut PgConnection, id: UserId, hash: &str) -> Result<()> {
    sqlx::query!(
        "update users set password_hash = $2, updated_at = now() where id = $1",
        id as UserId,
        hash,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps the same password under the parameters of today, unless it was changed meanwhile.
pub async fn rehash(conn: &mut PgConnection, id: UserId, old: &str, new: &str) -> Result<()> {
    sqlx::query!(
        "update users set password_hash = $3 where id = $1 and password_hash = $2",
        id as UserId,
        old,
        new,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Gives another name.
pub async fn set_name(conn: &mut PgConnection, id: UserId, name: &str) -> Result<()> {
    sqlx::query!(
        "update users set name = $2, updated_at = now() where id = $1",
        id as UserId,
        name
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes the address for theirs, and answers whether it was not before.
pub async fn verify(conn: &mut PgConnection, id: UserId) -> Result<bool> {
    let done = sqlx::query!(
        "update users set email_verified_at = now(), updated_at = now() where id = $1 and email_verified_at is null",
        id as UserId,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives another address, which is known to be theirs.
pub async fn set_email(conn: &mut PgConnection, id: UserId, email: &str) -> Result<()> {
    sqlx::query!(
        "update users set email = $2, email_verified_at = now(), updated_at = now() where id = $1",
        id as UserId,
        email,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Lets somebody administer the installation.
pub async fn set_server_admin(conn: &mut PgConnection, id: UserId) -> Result<()> {
    sqlx::query!(
        "update users set is_server_admin = true, deactivated_at = null,
             email_verified_at = coalesce(email_verified_at, now()), updated_at = now() where id = $1",
        id as UserId,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps somebody from signing in: their sessions end, and so do the keys of their devices.
pub async fn deactivate(conn: &mut PgConnection, id: UserId) -> Result<()> {
    sqlx::query!(
        "update users set deactivated_at = now(), updated_at = now() where id = $1",
        id as UserId,
    )
    .execute(&mut *conn)
    .await?;
    sessions::revoke_others(conn, id, None).await?;
    api_keys::revoke_devices(conn, id, None).await
}

/// Lets somebody sign in again.
pub async fn activate(conn: &mut PgConnection, id: UserId) -> Result<()> {
    sqlx::query!(
        "update users set deactivated_at = null, updated_at = now() where id = $1",
        id as UserId,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that they signed in.
pub async fn signed_in(conn: &mut PgConnection, id: UserId) -> Result<()> {
    sqlx::query!(
        "update users set last_login_at = now() where id = $1",
        id as UserId
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps a new one-time secret that is not asked for yet; answers whether none was in use.
pub async fn prepare_totp(conn: &mut PgConnection, id: UserId, sealed: &[u8]) -> Result<bool> {
    let done = sqlx::query!(
        "update users set totp_secret_sealed = $2, totp_last_step = null, updated_at = now()
         where id = $1 and totp_enabled_at is null",
        id as UserId,
        sealed,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Asks for codes from now on; answers whether the secret was still the one whose code was right.
pub async fn enable_totp(conn: &mut PgConnection, id: UserId, sealed: &[u8], step: i64) -> Result<bool> {
    let done = sqlx::query!(
        "update users set totp_enabled_at = now(), totp_last_step = $3, updated_at = now()
         where id = $1 and totp_enabled_at is null and totp_secret_sealed = $2",
        id as UserId,
        sealed,
        step,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes the code of a step, once: of several at the same time one is answered true.
pub async fn use_totp_step(conn: &mut PgConnection, id: UserId, step: i64) -> Result<bool> {
    let done = sqlx::query!(
        "update users set totp_last_step = $2
         where id = $1 and totp_enabled_at is not null and (totp_last_step is null or totp_last_step < $2)",
        id as UserId,
        step,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Asks for no codes any more.
pub async fn disable_totp(conn: &mut PgConnection, id: UserId) -> Result<()> {
    sqlx::query!(
        "update users set totp_secret_sealed = null, totp_enabled_at = null, totp_last_step = null,
             updated_at = now() where id = $1",
        id as UserId,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// In how many ways somebody can sign in.
pub async fn ways_in(conn: &mut PgConnection, id: UserId) -> Result<i64> {
    let id: Uuid = id.uuid();
    Ok(sqlx::query_scalar!(
        r#"select (select count(*) from users where id = $1 and password_hash is not null)
               + (select count(*) from passkeys where user_id = $1)
               + (select count(*) from connected_accounts where user_id = $1) as "count!""#,
        id,
    )
    .fetch_one(conn)
    .await?)
}

/// Takes somebody into the organization that an installation begins with: as its owner when it has none, else as an
/// admin. Whoever is in already stays what they are.
pub async fn join_default(conn: &mut PgConnection, id: UserId) -> Result<()> {
    let organization = OrganizationId::DEFAULT;
    if organizations::lock_open(conn, organization).await?.is_none() {
        return Ok(());
    }
    let is_owned = sqlx::query_scalar!(
        r#"select exists (select from members where organization_id = $1 and is_owner) as "is_owned!""#,
        organization as OrganizationId,
    )
    .fetch_one(&mut *conn)
    .await?;
    let role = if is_owned {
        SystemRole::Admin
    } else {
        SystemRole::Owner
    };
    if let Some(role) = roles::system(conn, organization, role).await? {
        members::add(conn, organization, id, role, None).await?;
    }
    Ok(())
}

/// Whether somebody with this address is invited somewhere.
pub async fn is_invited(conn: &mut PgConnection, email: &str) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"select exists (select from invitations i join organizations o on o.id = i.organization_id
                          where lower(i.email) = lower($1) and i.status = 'pending' and i.expires_at > now()
                              and o.deleted_at is null and o.deactivated_at is null) as "is!""#,
        email,
    )
    .fetch_one(conn)
    .await?)
}
