//! Organizations.

use chrono::{DateTime, Utc};
use ocore_domain::{
    Code, OperationId, OrganizationId, OrganizationSlug, Problem, UserId, access::SystemRole,
    placement::Policy,
};
use sqlx::PgConnection;

use crate::{Page, PageRequest, Result, members, roles};

/// An organization that is not deleted.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Organization {
    pub id: OrganizationId,
    pub name: String,
    pub slug: OrganizationSlug,
    pub logo_url: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub revision: i64,
    pub audit_retention_days: i32,
    pub bulk_batch_size: i32,
    pub require_passkey: bool,
    /// By which operation it is being deleted.
    pub deletion_operation_id: Option<OperationId>,
    pub placement_policy: Policy,
}

macro_rules! select {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Organization,
            r#"select id as "id: _", name, slug as "slug: _", logo_url, created_at, updated_at, revision,
                   audit_retention_days, bulk_batch_size, require_passkey,
                   deletion_operation_id as "deletion_operation_id: _", placement_policy as "placement_policy: _"
               from organizations "# + $tail
            $(, $argument)*
        )
    };
}

/// How many slugs made from a name are tried before a random number is.
const NUMBERS: u32 = 50;

/// Makes an organization with its system roles, of which somebody is the owner. Without a slug, one is made from the
/// name; one that is given and taken is refused.
pub async fn create(
    conn: &mut PgConnection,
    name: &str,
    slug: Option<&OrganizationSlug>,
    owner: UserId,
) -> Result<Organization> {
    let organization = match slug {
        Some(slug) => insert(conn, name, slug).await?.ok_or_else(|| taken(slug))?,
        None => insert_named(conn, name).await?,
    };
    for &role in SystemRole::ALL {
        let id = roles::insert_system(conn, organization.id, role).await?;
        if role == SystemRole::Owner {
            members::add(conn, organization.id, owner, id, None).await?;
        }
    }
    Ok(organization)
}

/// The refusal of a slug that another organization has.
pub fn taken(slug: &OrganizationSlug) -> Problem {
    Problem::new(
        Code::NameTaken,
        format!("There is an organization with the slug `{slug}` already"),
        "Choose another `slug`.",
    )
}

async fn insert(
    conn: &mut PgConnection,
    name: &str,
    slug: &OrganizationSlug,
) -> Result<Option<Organization>> {
    // Whoever inserts the same slug at the same time is waited for.
    let id = sqlx::query_scalar!(
        r#"insert into organizations (id, name, slug) values ($1, $2, $3)
           on conflict (slug) do nothing returning id as "id: OrganizationId""#,
        OrganizationId::new() as OrganizationId,
        name,
        slug as &OrganizationSlug,
    )
    .fetch_optional(&mut *conn)
    .await?;
    match id {
        Some(id) => get(conn, id).await,
        None => Ok(None),
    }
}

async fn insert_named(conn: &mut PgConnection, name: &str) -> Result<Organization> {
    let likely: Vec<OrganizationSlug> = (1..=NUMBERS)
        .filter_map(|number| OrganizationSlug::from_name(name, number))
        .collect();
    let words: Vec<String> = likely.into_iter().map(String::from).collect();
    let free = sqlx::query_scalar!(
        r#"select c.slug as "slug!: OrganizationSlug" from unnest($1::text[]) with ordinality as c (slug, place)
           where not exists (select from organizations o where o.slug = c.slug) order by c.place limit 1"#,
        &words,
    )
    .fetch_optional(&mut *conn)
    .await?;
    // Should another be quicker, chance decides.
    let random = std::iter::repeat_with(|| rand::random_range(NUMBERS..1_000_000))
        .filter_map(|number| OrganizationSlug::from_name(name, number));
    for slug in free.into_iter().chain(random.take(5)) {
        if let Some(organization) = insert(conn, name, &slug).await? {
            return Ok(organization);
        }
    }
    Err(Problem::internal("no slug is free").into())
}

/// An organization by its id.
pub async fn get(conn: &mut PgConnection, id: OrganizationId) -> Result<Option<Organization>> {
    Ok(
        select!("where id = $1 and deleted_at is null", id as OrganizationId)
            .fetch_optional(conn)
            .await?,
    )
}

/// An organization whose row stays locked until the transaction ends: its members, roles and name are changed one after
/// another. None when it is deleted. This comes before every other lock of what belongs to it.
pub async fn lock(conn: &mut PgConnection, id: OrganizationId) -> Result<Option<Organization>> {
    Ok(select!(
        "where id = $1 and deleted_at is null for no key update",
        id as OrganizationId
    )
    .fetch_optional(conn)
    .await?)
}

/// The same for somebody who comes from outside: none also when it is deactivated.
pub async fn lock_open(conn: &mut PgConnection, id: OrganizationId) -> Result<Option<Organization>> {
    Ok(select!(
        "where id = $1 and deleted_at is null and deactivated_at is null for no key update",
        id as OrganizationId
    )
    .fetch_optional(conn)
    .await?)
}

/// Names an organization. The constraint `organizations_slug_key` is violated when the slug is taken.
pub async fn rename(
    conn: &mut PgConnection,
    id: OrganizationId,
    name: &str,
    slug: &OrganizationSlug,
    logo_url: Option<&str>,
) -> Result<()> {
    sqlx::query!(
        "update organizations set name = $2, slug = $3, logo_url = $4, updated_at = now(), revision = revision + 1
         where id = $1",
        id as OrganizationId,
        name,
        slug as &OrganizationSlug,
        logo_url,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How an organization works.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Settings {
    pub audit_retention_days: i32,
    pub bulk_batch_size: i32,
    pub require_passkey: bool,
    pub placement_policy: Policy,
}

/// Sets how an organization works.
pub async fn set_settings(conn: &mut PgConnection, id: OrganizationId, settings: Settings) -> Result<()> {
    sqlx::query!(
        "update organizations set audit_retention_days = $2, bulk_batch_size = $3, require_passkey = $4,
             placement_policy = $5, updated_at = now(), revision = revision + 1
         where id = $1",
        id as OrganizationId,
        settings.audit_retention_days,
        settings.bulk_batch_size,
        settings.require_passkey,
        settings.placement_policy as Policy,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// An organization as one of its members sees it.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct OfUser {
    pub id: OrganizationId,
    pub name: String,
    pub slug: OrganizationSlug,
    pub logo_url: Option<String>,
    pub role: String,
    pub is_owner: bool,
    pub joined_at: DateTime<Utc>,
}

/// The organizations of a person, by slug.
pub async fn of_user(conn: &mut PgConnection, user: UserId, page: &PageRequest) -> Result<Page<OfUser>> {
    let rows = sqlx::query_as!(
        OfUser,
        r#"select o.id as "id: _", o.name, o.slug as "slug: _", o.logo_url, r.name as role, m.is_owner, m.joined_at
           from members m join organizations o on o.id = m.organization_id join roles r on r.id = m.role_id
           where m.user_id = $1 and o.deleted_at is null and o.deactivated_at is null
               and ($2::text is null or o.slug > $2)
           order by o.slug limit $3"#,
        user as UserId,
        page.cursor,
        page.limit + 1,
    )
    .fetch_all(conn)
    .await?;
    Ok(Page::from_rows(rows, page.limit, |o| o.slug.to_string()))
}

/// Shuts an organization, or opens it again: while it is shut, nobody is let in to it, person or program.
pub async fn set_deactivated(
    conn: &mut PgConnection,
    id: OrganizationId,
    is_deactivated: bool,
) -> Result<()> {
    sqlx::query!(
        "update organizations set deactivated_at = case when $2 then now() end, updated_at = now() where id = $1",
        id as OrganizationId,
        is_deactivated,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What an organization still has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Servers.
    pub servers: i64,
    /// Instances.
    pub instances: i64,
}

/// Locks an organization that is to be deleted, also against what is just being added to it, and counts what is left.
pub async fn left(conn: &mut PgConnection, id: OrganizationId) -> Result<Left> {
    sqlx::query!(
        "select id from organizations where id = $1 for update",
        id as OrganizationId
    )
    .fetch_optional(&mut *conn)
    .await?;
    let row = sqlx::query!(
        r#"select
               (select count(*) from servers where organization_id = $1 and status <> 'removed') as "servers!",
               (select count(*) from instances where organization_id = $1 and status <> 'removed') as "instances!""#,
        id as OrganizationId,
    )
    .fetch_one(conn)
    .await?;
    Ok(Left {
        servers: row.servers,
        instances: row.instances,
    })
}

/// Notes which operation deletes an organization, with all it has: while there is one, nothing new is made in it. Lock it
/// by [`left`] before, so that what is just being made there is seen by the operation. Only outside the walls.
pub async fn begin_deletion(
    conn: &mut PgConnection,
    id: OrganizationId,
    operation: OperationId,
) -> Result<()> {
    sqlx::query!(
        "update organizations set deletion_operation_id = $2 where id = $1",
        id as OrganizationId,
        operation as OperationId,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Opens an organization again whose deletion did not come to its end.
pub async fn end_deletion(conn: &mut PgConnection, operation: OperationId) -> Result<()> {
    sqlx::query!(
        "update organizations set deletion_operation_id = null
         where deletion_operation_id = $1 and deleted_at is null",
        operation as OperationId,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes an organization of which nothing is left: nobody is in it any more, nothing opens it, and its slug is free.
/// Its record stays, and so does its row. Only outside the walls.
pub async fn delete(conn: &mut PgConnection, id: OrganizationId) -> Result<()> {
    // A tilde is in no slug, so this one is in nobody's way.
    sqlx::query!(
        "update organizations set deleted_at = now(), updated_at = now(), revision = revision + 1,
             slug = slug || '~' || id::text
         where id = $1",
        id as OrganizationId,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "with keys as (update api_keys set revoked_at = now() where organization_id = $1 and revoked_at is null),
             links as (update invite_links set revoked_at = now() where organization_id = $1 and revoked_at is null),
             asked as (update invitations set status = 'cancelled', answered_at = now()
                       where organization_id = $1 and status = 'pending')
         delete from members where organization_id = $1",
        id as OrganizationId,
    )
    .execute(conn)
    .await?;
    Ok(())
}
