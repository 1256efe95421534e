//! Who is in an organization, and as what.

use chrono::{DateTime, Utc};
use ocore_domain::{
    OrganizationId, Problem, RoleId, UserId,
    access::{Scope, SystemRole},
    sort::MemberSort,
};
use sqlx::{PgConnection, types::Json};

use crate::{
    After, Page, Result, Sorted, api_keys,
    page::{in_order, moment},
    scopes::limits,
};

/// A member.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Member {
    pub user_id: UserId,
    pub email: String,
    pub name: String,
    pub role_id: RoleId,
    pub role_name: String,
    pub permissions: Vec<String>,
    pub is_owner: bool,
    pub scope: Option<Json<Scope>>,
    pub joined_at: DateTime<Utc>,
    pub last_login_at: Option<DateTime<Utc>>,
    pub deactivated_at: Option<DateTime<Utc>>,
    pub revision: i64,
}

impl Member {
    /// What the member is kept to.
    pub fn scope(&self) -> Scope {
        self.scope
            .as_ref()
            .map(|scope| scope.0.clone())
            .unwrap_or_default()
    }
}

macro_rules! select {
    ($tail:literal $(+ $more:literal)* $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Member,
            r#"select m.user_id as "user_id: _", u.email, u.name, m.role_id as "role_id: _", r.name as role_name,
                   r.permissions, m.is_owner, m.scope as "scope: _", m.joined_at, u.last_login_at, u.deactivated_at,
                   m.revision
               from members m join users u on u.id = m.user_id join roles r on r.id = m.role_id "# + $tail $(+ $more)*
            $(, $argument)*
        )
    };
}

/// Members.
pub async fn list(
    conn: &mut PgConnection,
    organization: OrganizationId,
    search: Option<&str>,
    page: &Sorted<MemberSort>,
) -> Result<Page<Member>> {
    use MemberSort as By;
    let rows = in_order!(
        select, conn, page,
        (organization as OrganizationId, search),
        "where m.organization_id = $4
             and ($5::text is null or strpos(lower(u.name || ' ' || u.email), lower($5)) > 0)",
        by "m.user_id" {
            By::Email, By::EmailBack => "lower(u.email)" from "lower($1::text)",
            By::Name, By::NameBack => "lower(u.name)" from "lower($1::text)",
            By::JoinedAt, By::JoinedAtBack => "m.joined_at" from "$1::text::timestamptz",
            By::LastLoginAt, By::LastLoginAtBack => "coalesce(u.last_login_at, '-infinity')"
                from "coalesce($1::text::timestamptz, '-infinity')",
        }
    );
    Ok(page.page(rows, |row| After {
        key: match page.sort {
            By::Email | By::EmailBack => Some(row.email.clone()),
            By::Name | By::NameBack => Some(row.name.clone()),
            By::JoinedAt | By::JoinedAtBack => Some(moment(row.joined_at)),
            By::LastLoginAt | By::LastLoginAtBack => row.last_login_at.map(moment),
        },
        id: row.user_id.uuid(),
    }))
}

/// One member.
pub async fn get(
    conn: &mut PgConnection,
    organization: OrganizationId,
    user: UserId,
) -> Result<Option<Member>> {
    let member = select!(
        "where m.organization_id = $1 and m.user_id = $2",
        organization as OrganizationId,
        user as UserId,
    )
    .fetch_optional(conn)
    .await?;
    Ok(member)
}

/// Whether somebody with this e-mail address is a member.
pub async fn has_email(conn: &mut PgConnection, organization: OrganizationId, email: &str) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"select exists (select from members m join users u on u.id = m.user_id
                          where m.organization_id = $1 and lower(u.email) = lower($2)) as "has!""#,
        organization as OrganizationId,
        email,
    )
    .fetch_one(conn)
    .await?)
}

/// Takes somebody in; says whether they were not in already.
pub async fn add(
    conn: &mut PgConnection,
    organization: OrganizationId,
    user: UserId,
    role: RoleId,
    scope: Option<&Scope>,
) -> Result<bool> {
    let added = sqlx::query!(
        "insert into members (organization_id, user_id, role_id, scope) values ($1, $2, $3, $4)
         on conflict (organization_id, user_id) do nothing",
        organization as OrganizationId,
        user as UserId,
        role as RoleId,
        scope.and_then(limits) as Option<Json<&Scope>>,
    )
    .execute(conn)
    .await?;
    Ok(added.rows_affected() == 1)
}

/// Gives a member another role and other limits. Lock the organization before; the owner's role is given by
/// [`transfer`] only.
pub async fn set_role(
    conn: &mut PgConnection,
    organization: OrganizationId,
    user: UserId,
    role: RoleId,
    scope: &Scope,
) -> Result<()> {
    sqlx::query!(
        "update members set role_id = $3, scope = $4, revision = revision + 1
         where organization_id = $1 and user_id = $2",
        organization as OrganizationId,
        user as UserId,
        role as RoleId,
        limits(scope) as Option<Json<&Scope>>,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes a member out, who is not the owner, and their devices with them. Lock the organization before.
pub async fn remove(conn: &mut PgConnection, organization: OrganizationId, user: UserId) -> Result<()> {
    sqlx::query!(
        "delete from members where organization_id = $1 and user_id = $2",
        organization as OrganizationId,
        user as UserId,
    )
    .execute(&mut *conn)
    .await?;
    api_keys::revoke_devices(conn, user, Some(organization)).await
}

/// Hands an organization over: the owner becomes an admin, and another member the owner. Lock the organization before,
/// and see that they still are what they were.
pub async fn transfer(
    conn: &mut PgConnection,
    organization: OrganizationId,
    from: UserId,
    to: UserId,
) -> Result<()> {
    // One after the other: there are never two owners.
    for (user, role) in [(from, SystemRole::Admin), (to, SystemRole::Owner)] {
        let changed = sqlx::query!(
            "update members m set role_id = r.id, scope = null, revision = m.revision + 1 from roles r
             where m.organization_id = $1 and m.user_id = $2
                 and r.organization_id = $1 and r.is_system and r.name = $3",
            organization as OrganizationId,
            user as UserId,
            role as SystemRole,
        )
        .execute(&mut *conn)
        .await?;
        if changed.rows_affected() != 1 {
            return Err(Problem::internal("an organization could not be handed over").into());
        }
    }
    Ok(())
}
