//! People signed in, each on one device.

use chrono::{DateTime, TimeDelta, Utc};
use ocore_domain::{
    OrganizationId, SessionId, UserId,
    access::{Permissions, Scope},
};
use sqlx::{PgConnection, types::Json};

use crate::{Page, PageRequest, Result, one_time_tokens::interval};

/// Who a session belongs to, and what they may do in one organization.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The person.
    pub user: UserId,
    /// Their e-mail address.
    pub email: String,
    /// Their name.
    pub name: String,
    /// Whether they administer the installation.
    pub is_server_admin: bool,
    /// How the session began: `password`, `totp`, `passkey`, `sso`.
    pub method: String,
    /// What they are in the organization that was asked for, or, when none was, in the one they joined first.
    pub membership: Option<Membership>,
}

/// What somebody is in an organization.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The organization.
    pub organization: OrganizationId,
    /// Its slug.
    pub slug: String,
    /// What the role permits.
    pub permissions: Permissions,
    /// Whether it is the owner's.
    pub is_owner: bool,
    /// What they are kept to.
    pub scope: Scope,
    /// Whether the organization asks for a login by passkey.
    pub requires_passkey: bool,
}

/// Whose session this is, if it is good now; notes its use, at most once a minute.
pub async fn open(
    conn: &mut PgConnection,
    session: SessionId,
    user: UserId,
    organization_slug: Option<&str>,
) -> Result<Option<Opened>> {
    let found = sqlx::query!(
        r#"select u.email, u.name, u.is_server_admin, s.method,
               s.last_used_at < now() - interval '1 minute' as "is_unnoted!",
               m.organization_id as "organization?: OrganizationId", o.slug as "slug?", r.permissions as "permissions?",
               r.is_owner as "is_owner?", m.scope as "scope?: Json<Scope>", o.require_passkey as "requires_passkey?"
           from sessions s
           join users u on u.id = s.user_id
           left join lateral (
               select m.* from members m join organizations o on o.id = m.organization_id
               where m.user_id = u.id and o.deactivated_at is null and o.deleted_at is null
                   and ($3::text is null or o.slug = $3)
               order by m.joined_at, m.organization_id limit 1
           ) m on true
           left join organizations o on o.id = m.organization_id
           left join roles r on r.id = m.role_id
           where s.id = $1 and u.id = $2 and s.revoked_at is null and s.expires_at > now()
               and u.deactivated_at is null"#,
        session as SessionId,
        user as UserId,
        organization_slug,
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = found else { return Ok(None) };
    if row.is_unnoted {
        sqlx::query!(
            "update sessions set last_used_at = now() where id = $1",
            session as SessionId
        )
        .execute(conn)
        .await?;
    }
    let membership = row
        .organization
        .zip(row.slug)
        .map(|(organization, slug)| Membership {
            organization,
            slug,
            permissions: Permissions::from_words(&row.permissions.unwrap_or_default()),
            is_owner: row.is_owner.unwrap_or(false),
            scope: row.scope.map(|scope| scope.0).unwrap_or_default(),
            requires_passkey: row.requires_passkey.unwrap_or(false),
        });
    Ok(Some(Opened {
        user,
        email: row.email,
        name: row.name,
        is_server_admin: row.is_server_admin,
        method: row.method,
        membership,
    }))
}

/// A session to begin.
#[derive(Clone, Debug)]
pub struct NewSession<'a> {
    /// Whose.
    pub user: UserId,
    /// How it begins: `password`, `totp`, `passkey`, `sso`.
    pub method: &'a str,
    /// From where.
    pub address: Option<String>,
    /// With what.
    pub user_agent: Option<&'a str>,
    /// The hash of its first refresh token.
    pub refresh_hash: &'a [u8],
    /// How long it lasts without being used.
    pub lifetime: TimeDelta,
}

/// Begins one.
pub async fn create(conn: &mut PgConnection, new: &NewSession<'_>) -> Result<SessionId> {
    let id = SessionId::new();
    sqlx::query!(
        "with session as (
             insert into sessions (id, user_id, method, address, user_agent, expires_at)
             values ($1, $2, $3, $4, $5, now() + $6))
         insert into refresh_tokens (hash, session_id) values ($7, $1)",
        id as SessionId,
        new.user as UserId,
        new.method,
        new.address,
        new.user_agent,
        interval(new.lifetime),
        new.refresh_hash,
    )
    .execute(conn)
    .await?;
    Ok(id)
}

/// What comes of a refresh token that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// It was good, and the next one is good now.
    Rotated(Of),
    /// It was used just now: another tab of the same browser was quicker. There is no next one.
    JustUsed(Of),
    /// It was used before: somebody has a copy.
    Reused(Of),
    /// It is not known, or its session has ended.
    Unknown,
}

/// A session and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Of {
    /// The session.
    pub session: SessionId,
    /// The person.
    pub user: UserId,
}

/// Exchanges a refresh token for the next, and lets the session last longer. One statement marks the one as used and
/// keeps the other, so that of several who come with the same one gets it.
pub async fn refresh(
    conn: &mut PgConnection,
    hash: &[u8],
    next_hash: &[u8],
    lifetime: TimeDelta,
    grace: TimeDelta,
) -> Result<Refreshed> {
    let rotated = sqlx::query_as!(
        Of,
        r#"with used as (
               update refresh_tokens r set used_at = now() from sessions s, users u
               where r.hash = $1 and r.used_at is null and s.id = r.session_id and u.id = s.user_id
                   and s.revoked_at is null and s.expires_at > now() and u.deactivated_at is null
               returning r.session_id),
           next as (insert into refresh_tokens (hash, session_id) select $2, session_id from used)
           update sessions s set last_used_at = now(), expires_at = now() + $3 from used where s.id = used.session_id
           returning s.id as "session: SessionId", s.user_id as "user: UserId""#,
        hash,
        next_hash,
        interval(lifetime),
    )
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(of) = rotated {
        return Ok(Refreshed::Rotated(of));
    }
    let used = sqlx::query!(
        r#"select s.id as "session: SessionId", s.user_id as "user: UserId",
               r.used_at > clock_timestamp() - $2::interval as "in_grace!"
           from refresh_tokens r join sessions s on s.id = r.session_id join users u on u.id = s.user_id
           where r.hash = $1 and r.used_at is not null and s.revoked_at is null and s.expires_at > now()
               and u.deactivated_at is null"#,
        hash,
        interval(grace),
    )
    .fetch_optional(conn)
    .await?;
    Ok(match used {
        None => Refreshed::Unknown,
        Some(row) => {
            let of = Of {
                session: row.session,
                user: row.user,
            };
            if row.in_grace {
                Refreshed::JustUsed(of)
            } else {
                Refreshed::Reused(of)
            }
        }
    })
}

/// A session as its owner sees it.
#[derive(Clone, Debug)]
pub struct Session {
    /// Which.
    pub id: SessionId,
    /// How it began.
    pub method: String,
    /// From where.
    pub address: Option<String>,
    /// With what.
    pub user_agent: Option<String>,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it was used last, to the minute.
    pub last_used_at: DateTime<Utc>,
    /// When it ends if it is not used.
    pub expires_at: DateTime<Utc>,
}

/// Somebody's sessions that have not ended, newest first.
pub async fn list(conn: &mut PgConnection, user: UserId, page: &PageRequest) -> Result<Page<Session>> {
    let before = page
        .cursor
        .as_deref()
        .and_then(|cursor| cursor.parse::<SessionId>().ok());
    let rows = sqlx::query_as!(
        Session,
        r#"select id as "id: SessionId", method, address, user_agent, created_at, last_used_at, expires_at
           from sessions
           where user_id = $1 and revoked_at is null and expires_at > now() and ($2::uuid is null or id < $2)
           order by id desc limit $3"#,
        user as UserId,
        before as Option<SessionId>,
        page.limit + 1,
    )
    .fetch_all(conn)
    .await?;
    Ok(Page::from_rows(rows, page.limit, |session| {
        session.id.to_string()
    }))
}

/// When a session of somebody's began, if it has not ended.
pub async fn began(
    conn: &mut PgConnection,
    user: UserId,
    session: SessionId,
) -> Result<Option<DateTime<Utc>>> {
    Ok(sqlx::query_scalar!(
        "select created_at from sessions where id = $2 and user_id = $1 and revoked_at is null and expires_at > now()",
        user as UserId,
        session as SessionId,
    )
    .fetch_optional(conn)
    .await?)
}

/// Ends one of somebody's; answers whether it had not ended before.
pub async fn revoke(conn: &mut PgConnection, user: UserId, session: SessionId) -> Result<bool> {
    let done = sqlx::query!(
        "update sessions set revoked_at = now()
         where user_id = $1 and id = $2 and revoked_at is null and expires_at > now()",
        user as UserId,
        session as SessionId,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends all of somebody's but one; answers how many.
pub async fn revoke_others(conn: &mut PgConnection, user: UserId, but: Option<SessionId>) -> Result<u64> {
    let done = sqlx::query!(
        "update sessions set revoked_at = now()
         where user_id = $1 and revoked_at is null and expires_at > now() and ($2::uuid is null or id <> $2)",
        user as UserId,
        but as Option<SessionId>,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
