//! Roles: bundles of permissions.

use ocore_domain::{
    OrganizationId, RoleId,
    access::{Permissions, SystemRole},
};
use sqlx::PgConnection;

use crate::{Page, PageRequest, Result};

/// A role.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Role {
    pub id: RoleId,
    pub name: String,
    pub description: String,
    pub is_system: bool,
    pub is_owner: bool,
    pub permissions: Vec<String>,
    pub member_count: i64,
    pub revision: i64,
}

impl Role {
    /// What it permits.
    pub fn permissions(&self) -> Permissions {
        Permissions::from_words(&self.permissions)
    }
}

macro_rules! select {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Role,
            r#"select id as "id: _", name, description, is_system, is_owner, permissions,
                   (select count(*) from members m where m.role_id = roles.id) as "member_count!", revision
               from roles "# + $tail
            $(, $argument)*
        )
    };
}

/// Roles by name.
pub async fn list(
    conn: &mut PgConnection,
    organization: OrganizationId,
    page: &PageRequest,
) -> Result<Page<Role>> {
    let rows = select!(
        "where organization_id = $1 and ($2::text is null or lower(name) > $2) order by lower(name) limit $3",
        organization as OrganizationId,
        page.cursor,
        page.limit + 1,
    )
    .fetch_all(conn)
    .await?;
    Ok(Page::from_rows(rows, page.limit, |role| role.name.to_lowercase()))
}

/// One role.
pub async fn get(conn: &mut PgConnection, organization: OrganizationId, id: RoleId) -> Result<Option<Role>> {
    let role = select!(
        "where organization_id = $1 and id = $2",
        organization as OrganizationId,
        id as RoleId,
    )
    .fetch_optional(conn)
    .await?;
    Ok(role)
}

/// One of the roles that every organization has.
pub async fn system(
    conn: &mut PgConnection,
    organization: OrganizationId,
    role: SystemRole,
) -> Result<Option<RoleId>> {
    Ok(sqlx::query_scalar!(
        r#"select id as "id: RoleId" from roles where organization_id = $1 and is_system and name = $2"#,
        organization as OrganizationId,
        role as SystemRole,
    )
    .fetch_optional(conn)
    .await?)
}

/// The role of this name, however it is written.
pub async fn by_name(
    conn: &mut PgConnection,
    organization: OrganizationId,
    name: &str,
) -> Result<Option<Role>> {
    let role = select!(
        "where organization_id = $1 and lower(name) = lower($2)",
        organization as OrganizationId,
        name,
    )
    .fetch_optional(conn)
    .await?;
    Ok(role)
}

pub(crate) async fn insert_system(
    conn: &mut PgConnection,
    organization: OrganizationId,
    role: SystemRole,
) -> Result<RoleId> {
    let id = RoleId::new();
    sqlx::query!(
        "insert into roles (id, organization_id, name, description, is_system, is_owner, permissions)
         values ($1, $2, $3, $4, true, $5, $6)",
        id as RoleId,
        organization as OrganizationId,
        role as SystemRole,
        role.description(),
        role == SystemRole::Owner,
        &role.permissions().to_words(),
    )
    .execute(conn)
    .await?;
    Ok(id)
}

/// Adds a role of the organization's own. The constraint `roles_name` is violated when the name is taken.
pub async fn insert(
    conn: &mut PgConnection,
    organization: OrganizationId,
    name: &str,
    description: &str,
    permissions: &Permissions,
) -> Result<RoleId> {
    let id = RoleId::new();
    sqlx::query!(
        "insert into roles (id, organization_id, name, description, permissions) values ($1, $2, $3, $4, $5)",
        id as RoleId,
        organization as OrganizationId,
        name,
        description,
        &permissions.to_words(),
    )
    .execute(conn)
    .await?;
    Ok(id)
}

/// Changes a role of the organization's own. The constraint `roles_name` is violated when the name is taken.
pub async fn update(
    conn: &mut PgConnection,
    id: RoleId,
    name: &str,
    description: &str,
    permissions: &Permissions,
) -> Result<()> {
    sqlx::query!(
        "update roles set name = $2, description = $3, permissions = $4, revision = revision + 1, updated_at = now()
         where id = $1 and not is_system",
        id as RoleId,
        name,
        description,
        &permissions.to_words(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How many have a role or were offered it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Uses {
    pub members: i64,
    pub invitations: i64,
    pub invite_links: i64,
}

impl Uses {
    /// Whether there is none.
    pub const fn none(self) -> bool {
        self.members == 0 && self.invitations == 0 && self.invite_links == 0
    }
}

/// Who has a role or was offered it. Lock the organization before.
pub async fn uses(conn: &mut PgConnection, id: RoleId) -> Result<Uses> {
    Ok(sqlx::query_as!(
        Uses,
        r#"select (select count(*) from members where role_id = $1) as "members!",
               (select count(*) from invitations
                where role_id = $1 and status = 'pending' and expires_at > now()) as "invitations!",
               (select count(*) from invite_links
                where role_id = $1 and revoked_at is null and (expires_at is null or expires_at > now())
                    and (max_uses = 0 or use_count < max_uses)) as "invite_links!""#,
        id as RoleId,
    )
    .fetch_one(conn)
    .await?)
}

/// Deletes a role that nobody has. Invitations by which nobody can come any more forget it.
pub async fn delete(conn: &mut PgConnection, id: RoleId) -> Result<()> {
    sqlx::query!(
        "update invitations set status = 'cancelled', answered_at = now()
         where role_id = $1 and status = 'pending' and expires_at <= now()",
        id as RoleId
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "update invite_links set revoked_at = now()
         where role_id = $1 and revoked_at is null
             and (expires_at <= now() or (max_uses > 0 and use_count >= max_uses))",
        id as RoleId
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!("delete from roles where id = $1 and not is_system", id as RoleId)
        .execute(conn)
        .await?;
    Ok(())
}
