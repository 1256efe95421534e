//! Invitations to whoever has their link.

use chrono::{DateTime, Utc};
use ocore_domain::{InviteLinkId, OrganizationId, RoleId, UserId, access::Scope};
use secrecy::SecretString;
use sqlx::{PgConnection, types::Json};

use crate::{
    Page, PageRequest, Place, Result, Sealer,
    api_keys::hash,
    invitations::{Joined, member_already, not_good},
    members, organizations,
    scopes::limits,
};

/// A link that is not revoked.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct InviteLink {
    pub id: InviteLinkId,
    pub role_id: RoleId,
    pub role_name: String,
    pub permissions: Vec<String>,
    pub scope: Option<Json<Scope>>,
    pub max_uses: i32,
    pub use_count: i32,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    code_sealed: Vec<u8>,
}

impl InviteLink {
    /// What its members will be kept to.
    pub fn scope(&self) -> Scope {
        self.scope
            .as_ref()
            .map(|scope| scope.0.clone())
            .unwrap_or_default()
    }

    /// Its code.
    pub fn code(&self, sealer: &Sealer, organization: OrganizationId) -> Result<SecretString> {
        Ok(sealer.open_text(place(organization, self.id), &self.code_sealed)?)
    }
}

/// What a new link's row holds.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct NewInviteLink {
    pub organization: OrganizationId,
    pub role: RoleId,
    pub scope: Scope,
    pub code: SecretString,
    /// 0: as often as one likes.
    pub max_uses: i32,
    pub created_by: Option<UserId>,
    pub expires_at: Option<DateTime<Utc>>,
}

fn place(organization: OrganizationId, id: InviteLinkId) -> Place {
    Place {
        organization,
        table: "invite_links",
        row: id.uuid(),
        column: "code",
    }
}

/// Makes a link.
pub async fn insert(conn: &mut PgConnection, sealer: &Sealer, new: &NewInviteLink) -> Result<InviteLinkId> {
    let id = InviteLinkId::new();
    sqlx::query!(
        "insert into invite_links (id, organization_id, role_id, scope, hash, code_sealed, max_uses, created_by,
             expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        id as InviteLinkId,
        new.organization as OrganizationId,
        new.role as RoleId,
        limits(&new.scope) as Option<Json<&Scope>>,
        hash(&new.code),
        sealer.seal_text(place(new.organization, id), &new.code)?,
        new.max_uses,
        new.created_by as Option<UserId>,
        new.expires_at,
    )
    .execute(conn)
    .await?;
    Ok(id)
}

macro_rules! select {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            InviteLink,
            r#"select l.id as "id: _", r.id as "role_id: _", r.name as role_name, r.permissions, l.scope as "scope: _",
                   l.max_uses, l.use_count, l.created_at, l.expires_at, l.code_sealed
               from invite_links l join roles r on r.id = l.role_id "# + $tail
            $(, $argument)*
        )
    };
}

/// Links that are not revoked, newest first.
pub async fn list(
    conn: &mut PgConnection,
    organization: OrganizationId,
    page: &PageRequest,
) -> Result<Page<InviteLink>> {
    let rows = select!(
        "where l.organization_id = $1 and l.revoked_at is null and ($2::text is null or l.id < $2::uuid)
         order by l.id desc limit $3",
        organization as OrganizationId,
        page.cursor,
        page.limit + 1,
    )
    .fetch_all(conn)
    .await?;
    Ok(Page::from_rows(rows, page.limit, |link| link.id.to_string()))
}

/// One link that is not revoked.
pub async fn get(
    conn: &mut PgConnection,
    organization: OrganizationId,
    id: InviteLinkId,
) -> Result<Option<InviteLink>> {
    let link = select!(
        "where l.organization_id = $1 and l.id = $2 and l.revoked_at is null",
        organization as OrganizationId,
        id as InviteLinkId,
    )
    .fetch_optional(conn)
    .await?;
    Ok(link)
}

/// Makes a link good for nothing.
pub async fn revoke(conn: &mut PgConnection, id: InviteLinkId) -> Result<()> {
    sqlx::query!(
        "update invite_links set revoked_at = now() where id = $1 and revoked_at is null",
        id as InviteLinkId
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether somebody with this code would be taken in now. Only outside the walls.
pub async fn is_good(conn: &mut PgConnection, code: &SecretString) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"select exists (
               select from invite_links l join organizations o on o.id = l.organization_id
               where l.hash = $1 and l.revoked_at is null and (l.expires_at is null or l.expires_at > now())
                   and (l.max_uses = 0 or l.use_count < l.max_uses)
                   and o.deleted_at is null and o.deactivated_at is null) as "is!""#,
        hash(code),
    )
    .fetch_one(conn)
    .await?)
}

/// Takes in who has this code, if it is good now. Only outside the walls.
pub async fn join(conn: &mut PgConnection, code: &SecretString, user: UserId) -> Result<Joined> {
    let hash = hash(code);
    let organization = sqlx::query_scalar!(
        r#"select organization_id as "id: OrganizationId" from invite_links where hash = $1"#,
        hash
    )
    .fetch_optional(&mut *conn)
    .await?
    .ok_or_else(not_good)?;
    let organization = organizations::lock_open(conn, organization)
        .await?
        .ok_or_else(not_good)?;
    // Counted in the same statement that looks: of several who come at once, no more get in than may.
    let row = sqlx::query!(
        r#"update invite_links set use_count = use_count + 1
           where hash = $1 and revoked_at is null and (expires_at is null or expires_at > now())
               and (max_uses = 0 or use_count < max_uses)
           returning role_id as "role!: RoleId", scope as "scope: Json<Scope>""#,
        hash,
    )
    .fetch_optional(&mut *conn)
    .await?
    .ok_or_else(not_good)?;
    let scope = row.scope.map(|scope| scope.0);
    if !members::add(conn, organization.id, user, row.role, scope.as_ref()).await? {
        return Err(member_already(&organization).into());
    }
    Ok(Joined {
        organization,
        role: row.role,
    })
}
