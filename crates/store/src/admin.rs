//! What who administers the installation sees: organizations, people and keys, whosever they are.

use chrono::{DateTime, Utc};
use ocore_domain::{
    ApiKeyId, OrganizationId, OrganizationSlug, UserId,
    access::Scope,
    sort::{ApiKeySort, OrganizationSort, UserSort},
};
use sqlx::{PgConnection, types::Json};

use crate::{
    After, Page, Result, Sorted,
    page::{in_order, moment},
    users::User,
};

/// An organization that is not deleted, and how much there is of it.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Organization {
    pub id: OrganizationId,
    pub name: String,
    pub slug: OrganizationSlug,
    pub logo_url: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub deactivated_at: Option<DateTime<Utc>>,
    /// None for the one that an installation begins with, until somebody signs up.
    pub owner: Option<UserId>,
    pub owner_email: Option<String>,
    pub owner_name: Option<String>,
    pub members: i64,
    pub servers: i64,
    pub instances: i64,
}

macro_rules! organizations {
    ($tail:literal $(+ $more:literal)* $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Organization,
            r#"select o.id as "id: _", o.name, o.slug as "slug: _", o.logo_url, o.created_at, o.updated_at,
                   o.deactivated_at, u.id as "owner?: _", u.email as "owner_email?", u.name as "owner_name?",
                   (select count(*) from members c where c.organization_id = o.id) as "members!",
                   (select count(*) from servers s
                    where s.organization_id = o.id and s.status <> 'removed') as "servers!",
                   (select count(*) from instances i
                    where i.organization_id = o.id and i.status <> 'removed') as "instances!"
               from organizations o
               left join members m on m.organization_id = o.id and m.is_owner
               left join users u on u.id = m.user_id "# + $tail $(+ $more)*
            $(, $argument)*
        )
    };
}

/// Organizations.
pub async fn organizations(
    conn: &mut PgConnection,
    search: Option<&str>,
    page: &Sorted<OrganizationSort>,
) -> Result<Page<Organization>> {
    use OrganizationSort as By;
    let rows = in_order!(
        organizations, conn, page,
        (search),
        "where o.deleted_at is null
             and ($4::text is null or strpos(lower(o.name || ' ' || o.slug), lower($4)) > 0)",
        by "o.id" {
            By::Slug, By::SlugBack => "o.slug" from "$1::text",
            By::Name, By::NameBack => "lower(o.name)" from "lower($1::text)",
            By::CreatedAt, By::CreatedAtBack => "o.created_at" from "$1::text::timestamptz",
        }
    );
    Ok(page.page(rows, |row| After {
        key: match page.sort {
            By::Slug | By::SlugBack => Some(row.slug.to_string()),
            By::Name | By::NameBack => Some(row.name.clone()),
            By::CreatedAt | By::CreatedAtBack => Some(moment(row.created_at)),
        },
        id: row.id.uuid(),
    }))
}

/// One organization.
pub async fn organization(conn: &mut PgConnection, id: OrganizationId) -> Result<Option<Organization>> {
    let organization = organizations!("where o.deleted_at is null and o.id = $1", id as OrganizationId)
        .fetch_optional(conn)
        .await?;
    Ok(organization)
}

macro_rules! users {
    ($tail:literal $(+ $more:literal)* $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            User,
            r#"select id as "id: UserId", email, name, password_hash, email_verified_at, is_server_admin,
                   totp_secret_sealed, totp_enabled_at, totp_last_step, deactivated_at, last_login_at, created_at
               from users "# + $tail $(+ $more)*
            $(, $argument)*
        )
    };
}

/// People.
pub async fn users(
    conn: &mut PgConnection,
    search: Option<&str>,
    page: &Sorted<UserSort>,
) -> Result<Page<User>> {
    use UserSort as By;
    let rows = in_order!(
        users, conn, page,
        (search),
        "where ($4::text is null or strpos(lower(name || ' ' || email), lower($4)) > 0)",
        by "id" {
            By::Email, By::EmailBack => "lower(email)" from "lower($1::text)",
            By::Name, By::NameBack => "lower(name)" from "lower($1::text)",
            By::CreatedAt, By::CreatedAtBack => "created_at" from "$1::text::timestamptz",
            By::LastLoginAt, By::LastLoginAtBack => "coalesce(last_login_at, '-infinity')"
                from "coalesce($1::text::timestamptz, '-infinity')",
        }
    );
    Ok(page.page(rows, |row| After {
        key: match page.sort {
            By::Email | By::EmailBack => Some(row.email.clone()),
            By::Name | By::NameBack => Some(row.name.clone()),
            By::CreatedAt | By::CreatedAtBack => Some(moment(row.created_at)),
            By::LastLoginAt | By::LastLoginAtBack => row.last_login_at.map(moment),
        },
        id: row.id.uuid(),
    }))
}

/// What somebody is in an organization.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Membership {
    pub id: OrganizationId,
    pub name: String,
    pub slug: OrganizationSlug,
    pub deactivated_at: Option<DateTime<Utc>>,
    /// The name of the role.
    pub role: String,
    pub is_owner: bool,
    pub joined_at: DateTime<Utc>,
}

/// How many organizations of one person are told at most.
const MEMBERSHIPS: i64 = 200;

/// What somebody is in which organizations, also in those that are shut, the one they joined first first.
pub async fn memberships(conn: &mut PgConnection, user: UserId) -> Result<Vec<Membership>> {
    Ok(sqlx::query_as!(
        Membership,
        r#"select o.id as "id: _", o.name, o.slug as "slug: _", o.deactivated_at, r.name as role, m.is_owner,
               m.joined_at
           from members m join organizations o on o.id = m.organization_id join roles r on r.id = m.role_id
           where m.user_id = $1 and o.deleted_at is null
           order by m.joined_at, o.id limit $2"#,
        user as UserId,
        MEMBERSHIPS,
    )
    .fetch_all(conn)
    .await?)
}

/// A key that is not revoked, and whose it is.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub name: String,
    pub prefix: String,
    pub permissions: Vec<String>,
    pub scope: Option<Json<Scope>>,
    pub is_server_admin: bool,
    pub created_by: Option<UserId>,
    pub creator: Option<String>,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub last_used_at: Option<DateTime<Utc>>,
    pub organization_id: OrganizationId,
    pub organization_name: String,
    pub organization_slug: OrganizationSlug,
}

macro_rules! api_keys {
    ($tail:literal $(+ $more:literal)* $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            ApiKey,
            r#"select k.id as "id: _", k.name, k.prefix, k.permissions, k.scope as "scope: _", k.is_server_admin,
                   k.created_by as "created_by: _", u.name as "creator?", k.created_at, k.expires_at, k.last_used_at,
                   o.id as "organization_id: _", o.name as organization_name, o.slug as "organization_slug: _"
               from api_keys k
               join organizations o on o.id = k.organization_id and o.deleted_at is null
               left join users u on u.id = k.created_by "# + $tail $(+ $more)*
            $(, $argument)*
        )
    };
}

/// Keys that are not revoked.
pub async fn api_keys(
    conn: &mut PgConnection,
    search: Option<&str>,
    page: &Sorted<ApiKeySort>,
) -> Result<Page<ApiKey>> {
    use ApiKeySort as By;
    let rows = in_order!(
        api_keys, conn, page,
        (search),
        "where k.revoked_at is null
             and ($4::text is null
                  or strpos(lower(k.name || ' ' || k.prefix || ' ' || o.name || ' ' || o.slug), lower($4)) > 0)",
        by "k.id" {
            By::CreatedAt, By::CreatedAtBack => "k.created_at" from "$1::text::timestamptz",
            By::Name, By::NameBack => "lower(k.name)" from "lower($1::text)",
            By::LastUsedAt, By::LastUsedAtBack => "coalesce(k.last_used_at, '-infinity')"
                from "coalesce($1::text::timestamptz, '-infinity')",
        }
    );
    Ok(page.page(rows, |row| After {
        key: match page.sort {
            By::CreatedAt | By::CreatedAtBack => Some(moment(row.created_at)),
            By::Name | By::NameBack => Some(row.name.clone()),
            By::LastUsedAt | By::LastUsedAtBack => row.last_used_at.map(moment),
        },
        id: row.id.uuid(),
    }))
}

/// One key that is not revoked, locked until the transaction ends.
pub async fn api_key(tx: &mut PgConnection, id: ApiKeyId) -> Result<Option<ApiKey>> {
    let key = api_keys!(
        "where k.revoked_at is null and k.id = $1 for no key update of k",
        id as ApiKeyId
    )
    .fetch_optional(tx)
    .await?;
    Ok(key)
}
