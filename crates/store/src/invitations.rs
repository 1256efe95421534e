//! Invitations to one e-mail address each.

use chrono::{DateTime, Utc};
use ocore_domain::{
    Code, InvitationId, OrganizationId, OrganizationSlug, Problem, RoleId, UserId,
    access::{InvitationStatus, Scope},
};
use secrecy::SecretString;
use sqlx::{PgConnection, types::Json};

use crate::{
    Page, PageRequest, Result, api_keys::hash, members, organizations, organizations::Organization,
    scopes::limits,
};

/// An invitation.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Invitation {
    pub id: InvitationId,
    pub email: String,
    /// None once it is over and the role was deleted.
    pub role_id: Option<RoleId>,
    pub role_name: Option<String>,
    pub permissions: Option<Vec<String>>,
    pub scope: Option<Json<Scope>>,
    pub status: InvitationStatus,
    /// None for a program.
    pub invited_by: Option<UserId>,
    /// None when they are not a member any more.
    pub inviter: Option<String>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

impl Invitation {
    /// What the member will be kept to.
    pub fn scope(&self) -> Scope {
        self.scope
            .as_ref()
            .map(|scope| scope.0.clone())
            .unwrap_or_default()
    }
}

/// What a new invitation's row holds.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct NewInvitation {
    pub organization: OrganizationId,
    pub email: String,
    pub role: RoleId,
    pub scope: Scope,
    /// What its link bears; only a hash of it is kept.
    pub token: SecretString,
    pub invited_by: Option<UserId>,
    pub expires_at: DateTime<Utc>,
}

/// Invites somebody. The constraint `invitations_pending` is violated when the address is invited already.
pub async fn insert(conn: &mut PgConnection, new: &NewInvitation) -> Result<InvitationId> {
    let id = InvitationId::new();
    sqlx::query!(
        "update invitations set status = 'cancelled', answered_at = now()
         where organization_id = $1 and lower(email) = lower($2) and status = 'pending' and expires_at <= now()",
        new.organization as OrganizationId,
        new.email,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "insert into invitations (id, organization_id, email, role_id, scope, hash, invited_by, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        id as InvitationId,
        new.organization as OrganizationId,
        new.email,
        new.role as RoleId,
        limits(&new.scope) as Option<Json<&Scope>>,
        hash(&new.token),
        new.invited_by as Option<UserId>,
        new.expires_at,
    )
    .execute(conn)
    .await?;
    Ok(id)
}

macro_rules! select {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Invitation,
            r#"select i.id as "id: _", i.email, i.role_id as "role_id: _", r.name as "role_name?",
                   r.permissions as "permissions?", i.scope as "scope: _",
                   case when i.status = 'pending' and i.expires_at <= now() then 'expired' else i.status end
                       as "status!: _",
                   i.invited_by as "invited_by: _", u.name as "inviter?", i.created_at, i.expires_at
               from invitations i left join roles r on r.id = i.role_id left join users u on u.id = i.invited_by "#
                + $tail
            $(, $argument)*
        )
    };
}

/// Invitations, newest first.
pub async fn list(
    conn: &mut PgConnection,
    organization: OrganizationId,
    status: Option<InvitationStatus>,
    page: &PageRequest,
) -> Result<Page<Invitation>> {
    let rows = select!(
        "where i.organization_id = $1
             and ($2::text is null or $2 = case when i.status = 'pending' and i.expires_at <= now() then 'expired'
                                                else i.status end)
             and ($3::text is null or i.id < $3::uuid)
         order by i.id desc limit $4",
        organization as OrganizationId,
        status as Option<InvitationStatus>,
        page.cursor,
        page.limit + 1,
    )
    .fetch_all(conn)
    .await?;
    Ok(Page::from_rows(rows, page.limit, |i| i.id.to_string()))
}

/// One invitation.
pub async fn get(
    conn: &mut PgConnection,
    organization: OrganizationId,
    id: InvitationId,
) -> Result<Option<Invitation>> {
    let invitation = select!(
        "where i.organization_id = $1 and i.id = $2",
        organization as OrganizationId,
        id as InvitationId,
    )
    .fetch_optional(conn)
    .await?;
    Ok(invitation)
}

/// Takes an invitation back.
pub async fn cancel(conn: &mut PgConnection, id: InvitationId) -> Result<()> {
    sqlx::query!(
        "update invitations set status = 'cancelled', answered_at = now() where id = $1 and status = 'pending'",
        id as InvitationId
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Gives a pending invitation, also one that expired, another token and more time. What was sent before is good for
/// nothing then.
pub async fn renew(
    conn: &mut PgConnection,
    id: InvitationId,
    token: &SecretString,
    expires_at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "update invitations set hash = $2, expires_at = $3 where id = $1 and status = 'pending'",
        id as InvitationId,
        hash(token),
        expires_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What somebody with the link is shown.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Shown {
    pub organization: OrganizationId,
    pub organization_name: String,
    pub organization_slug: OrganizationSlug,
    pub email: String,
    pub role: String,
    pub inviter: Option<String>,
    pub expires_at: DateTime<Utc>,
}

/// What a link is an invitation to, while it is good. Only outside the walls.
pub async fn show(conn: &mut PgConnection, token: &SecretString) -> Result<Option<Shown>> {
    Ok(sqlx::query_as!(
        Shown,
        r#"select o.id as "organization: _", o.name as organization_name, o.slug as "organization_slug: _", i.email,
               r.name as role, u.name as "inviter?", i.expires_at
           from invitations i join organizations o on o.id = i.organization_id join roles r on r.id = i.role_id
               left join users u on u.id = i.invited_by
           where i.hash = $1 and i.status = 'pending' and i.expires_at > now()
               and o.deleted_at is null and o.deactivated_at is null"#,
        hash(token),
    )
    .fetch_optional(conn)
    .await?)
}

/// What came of a link: somebody is in an organization.
#[derive(Clone, Debug)]
pub struct Joined {
    /// Where they are now.
    pub organization: Organization,
    /// As what.
    pub role: RoleId,
}

/// Takes in who was invited at this e-mail address, which is theirs. Good once. Only outside the walls.
pub async fn accept(
    conn: &mut PgConnection,
    token: &SecretString,
    user: UserId,
    email: &str,
) -> Result<Joined> {
    let hash = hash(token);
    let organization = sqlx::query_scalar!(
        r#"select organization_id as "id: OrganizationId" from invitations where hash = $1"#,
        hash
    )
    .fetch_optional(&mut *conn)
    .await?
    .ok_or_else(not_good)?;
    let organization = organizations::lock_open(conn, organization)
        .await?
        .ok_or_else(not_good)?;
    let row = sqlx::query!(
        r#"select id as "id: InvitationId", email, role_id as "role!: RoleId", scope as "scope: Json<Scope>"
           from invitations where hash = $1 and status = 'pending' and expires_at > now() for update"#,
        hash,
    )
    .fetch_optional(&mut *conn)
    .await?
    .ok_or_else(not_good)?;
    if row.email.to_lowercase() != email.to_lowercase() {
        return Err(Problem::new(
            Code::Forbidden,
            "The invitation was sent to another e-mail address than yours",
            "Sign in with the account of that address, or ask to be invited at yours.",
        )
        .into());
    }
    let scope = row.scope.map(|scope| scope.0);
    if !members::add(conn, organization.id, user, row.role, scope.as_ref()).await? {
        return Err(member_already(&organization).into());
    }
    sqlx::query!(
        "update invitations set status = 'accepted', answered_at = now() where id = $1",
        row.id as InvitationId
    )
    .execute(conn)
    .await?;
    Ok(Joined {
        organization,
        role: row.role,
    })
}

/// The refusal of a link by which nobody comes in.
pub fn not_good() -> Problem {
    Problem::new(
        Code::InvalidLink,
        "The invitation is wrong, used, taken back or too old",
        "Ask to be invited again.",
    )
}

pub(crate) fn member_already(organization: &Organization) -> Problem {
    Problem::new(
        Code::StateConflict,
        format!("You are in `{}` already", organization.name),
        "Nothing is to be done; the invitation stays as it is.",
    )
}
