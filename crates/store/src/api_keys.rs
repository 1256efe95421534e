//! Keys for programs: shown once, kept as a hash.

use chrono::{DateTime, Utc};
use ocore_domain::{
    ApiKeyId, OrganizationId, UserId,
    access::{Permissions, Scope},
    sort::ApiKeySort,
};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, types::Json};

use crate::{
    After, Page, Result, Sorted,
    page::{in_order, moment},
    scopes::limits,
};

/// What a key is to be.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// Whose resources it opens.
    pub organization: OrganizationId,
    /// What it is for.
    pub name: String,
    /// What it permits.
    pub permissions: Permissions,
    /// What it is kept to.
    pub scope: Scope,
    /// Whether it also opens what belongs to no organization.
    pub is_server_admin: bool,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// In whose name a device bears it: it ends with their membership, and with their account.
    pub for_user: Option<UserId>,
    /// Until when it is good; without it, until it is revoked.
    pub expires_at: Option<DateTime<Utc>>,
}

impl NewApiKey {
    /// A key to everything, for who administers the installation itself.
    pub fn administrator(organization: OrganizationId, name: &str) -> Self {
        Self {
            organization,
            name: name.to_owned(),
            permissions: Permissions::all(),
            scope: Scope::default(),
            is_server_admin: true,
            created_by: None,
            for_user: None,
            expires_at: None,
        }
    }
}

/// What a key that was sent opens.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The key.
    pub id: ApiKeyId,
    /// What it was named when it was made.
    pub name: String,
    /// Whose resources.
    pub organization: OrganizationId,
    /// The organization's slug.
    pub organization_slug: String,
    /// What may be done with them.
    pub permissions: Permissions,
    /// With which of them.
    pub scope: Scope,
    /// Whether it also opens what belongs to no organization.
    pub is_server_admin: bool,
}

/// How much of a key's text is kept readable, to tell keys apart.
const PREFIX: usize = "ocore_".len() + 6;

pub(crate) fn hash(key: &SecretString) -> Vec<u8> {
    Sha256::digest(key.expose_secret()).to_vec()
}

/// Makes a key and answers its text, which nobody can read again.
pub async fn create(conn: &mut PgConnection, new: &NewApiKey) -> Result<(ApiKeyId, SecretString)> {
    // 256 random bits: hard to guess, so a plain hash is enough to keep it.
    let text = hex::encode(rand::random::<[u8; 32]>());
    let (id, key) = (ApiKeyId::new(), SecretString::from(format!("ocore_{text}")));
    sqlx::query!(
        "insert into api_keys (id, organization_id, name, hash, prefix, permissions, scope, is_server_admin, created_by,
             expires_at, for_user)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        id as ApiKeyId,
        new.organization as OrganizationId,
        new.name,
        hash(&key),
        &key.expose_secret()[..PREFIX],
        &new.permissions.to_words(),
        limits(&new.scope) as Option<Json<&Scope>>,
        new.is_server_admin,
        new.created_by as Option<UserId>,
        new.expires_at,
        new.for_user as Option<UserId>,
    )
    .execute(conn)
    .await?;
    Ok((id, key))
}

/// Makes the very first key; none when there is one already. Of processes that start together one makes it: call it
/// in a transaction.
pub async fn create_first(tx: &mut PgConnection, new: &NewApiKey) -> Result<Option<SecretString>> {
    sqlx::query!("lock table api_keys in share row exclusive mode")
        .execute(&mut *tx)
        .await?;
    let exist = sqlx::query_scalar!(r#"select exists (select 1 from api_keys) as "exists!""#)
        .fetch_one(&mut *tx)
        .await?;
    if exist {
        return Ok(None);
    }
    Ok(Some(create(tx, new).await?.1))
}

/// What this key opens, if it is one that is good now; notes its use, at most once a minute.
pub async fn open(conn: &mut PgConnection, key: &SecretString) -> Result<Option<Opened>> {
    let hash = hash(key);
    let found = sqlx::query!(
        r#"select k.id as "id: ApiKeyId", k.name, k.organization_id as "organization: OrganizationId",
               o.slug as organization_slug, k.permissions, k.scope as "scope: Json<Scope>", k.is_server_admin,
               k.last_used_at is null or k.last_used_at < now() - interval '1 minute' as "is_unnoted!"
           from api_keys k join organizations o on o.id = k.organization_id
           where k.hash = $1 and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())
               and o.deactivated_at is null and o.deleted_at is null"#,
        hash,
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = found else { return Ok(None) };
    if row.is_unnoted {
        sqlx::query!(
            "update api_keys set last_used_at = now() where id = $1",
            row.id as ApiKeyId
        )
        .execute(conn)
        .await?;
    }
    Ok(Some(Opened {
        id: row.id,
        name: row.name,
        organization: row.organization,
        organization_slug: row.organization_slug,
        permissions: Permissions::from_words(&row.permissions),
        scope: row.scope.map(|scope| scope.0).unwrap_or_default(),
        is_server_admin: row.is_server_admin,
    }))
}

/// A key that is not revoked.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub name: String,
    pub prefix: String,
    pub permissions: Vec<String>,
    pub scope: Option<Json<Scope>>,
    pub is_server_admin: bool,
    /// None for one that was made by another key or on the machine itself.
    pub created_by: Option<UserId>,
    /// None when they are not a member any more.
    pub creator: Option<String>,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub last_used_at: Option<DateTime<Utc>>,
}

impl ApiKey {
    /// What it is kept to.
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
            ApiKey,
            r#"select k.id as "id: _", k.name, k.prefix, k.permissions, k.scope as "scope: _", k.is_server_admin,
                   k.created_by as "created_by: _", u.name as "creator?", k.created_at, k.expires_at, k.last_used_at
               from api_keys k left join users u on u.id = k.created_by "# + $tail $(+ $more)*
            $(, $argument)*
        )
    };
}

/// Keys of an organization that are not revoked.
pub async fn list(
    conn: &mut PgConnection,
    organization: OrganizationId,
    page: &Sorted<ApiKeySort>,
) -> Result<Page<ApiKey>> {
    use ApiKeySort as By;
    let rows = in_order!(
        select, conn, page,
        (organization as OrganizationId),
        "where k.organization_id = $4 and k.revoked_at is null",
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

/// One key that is not revoked.
pub async fn get(
    conn: &mut PgConnection,
    organization: OrganizationId,
    id: ApiKeyId,
) -> Result<Option<ApiKey>> {
    let key = select!(
        "where k.organization_id = $1 and k.id = $2 and k.revoked_at is null",
        organization as OrganizationId,
        id as ApiKeyId,
    )
    .fetch_optional(conn)
    .await?;
    Ok(key)
}

/// Makes a key open nothing any more.
pub async fn revoke(conn: &mut PgConnection, id: ApiKeyId) -> Result<()> {
    sqlx::query!(
        "update api_keys set revoked_at = now() where id = $1 and revoked_at is null",
        id as ApiKeyId
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Makes the keys of somebody's devices open nothing any more: in one organization, or in all.
pub async fn revoke_devices(
    conn: &mut PgConnection,
    user: UserId,
    organization: Option<OrganizationId>,
) -> Result<()> {
    sqlx::query!(
        "update api_keys set revoked_at = now()
         where for_user = $1 and revoked_at is null and ($2::uuid is null or organization_id = $2)",
        user as UserId,
        organization as Option<OrganizationId>,
    )
    .execute(conn)
    .await?;
    Ok(())
}
