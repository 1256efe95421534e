//! People signed in, each on one device.

use ocore_domain::{
    OrganizationId, SessionId, UserId,
    access::{Permissions, Scope},
};
use sqlx::{PgConnection, types::Json};

use crate::Result;

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
