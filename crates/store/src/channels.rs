//! The ways by which people of an organization are told.

use chrono::{DateTime, Utc};
use ocore_domain::{
    ChannelId, OrganizationId,
    alerts::{ChannelKind, Severity},
};
use secrecy::SecretString;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Page, PageRequest, Place, Result, Sealer};

/// A channel, without its secret.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Channel {
    pub id: ChannelId,
    pub organization_id: OrganizationId,
    pub name: String,
    pub kind: ChannelKind,
    pub config: Value,
    pub min_severity: Severity,
    pub enabled: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub revision: i64,
}

/// What a person chose of a channel.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// What people read.
    pub name: String,
    /// What is no secret.
    pub config: Value,
    /// The least that it tells of.
    pub min_severity: Severity,
    /// Whether it is used.
    pub enabled: bool,
    /// A new secret; none: as it was.
    pub secret: Option<SecretString>,
}

fn place(organization: OrganizationId, id: ChannelId) -> Place {
    Place {
        organization,
        table: "notification_channels",
        row: id.uuid(),
        column: "secret",
    }
}

macro_rules! select {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Channel,
            r#"select id as "id: _", organization_id as "organization_id: _", name, kind as "kind: _", config,
                   min_severity as "min_severity: _", enabled, created_at, updated_at, revision
               from notification_channels "# + $tail
            $(, $argument)*
        )
    };
}

/// Channels by name.
pub async fn list(
    conn: &mut PgConnection,
    organization: OrganizationId,
    page: &PageRequest,
) -> Result<Page<Channel>> {
    let rows = select!(
        "where organization_id = $1 and ($2::text is null or lower(name) > $2) order by lower(name) limit $3",
        organization as OrganizationId,
        page.cursor,
        page.limit + 1,
    )
    .fetch_all(conn)
    .await?;
    Ok(Page::from_rows(rows, page.limit, |channel| {
        channel.name.to_lowercase()
    }))
}

/// One channel.
pub async fn get(
    conn: &mut PgConnection,
    organization: OrganizationId,
    id: ChannelId,
) -> Result<Option<Channel>> {
    Ok(select!(
        "where organization_id = $1 and id = $2",
        organization as OrganizationId,
        id as ChannelId
    )
    .fetch_optional(conn)
    .await?)
}

/// Those that are used, of several organizations.
pub async fn of_organizations(conn: &mut PgConnection, organizations: &[Uuid]) -> Result<Vec<Channel>> {
    Ok(select!(
        "where organization_id = any($1) and enabled order by id",
        organizations
    )
    .fetch_all(conn)
    .await?)
}

/// How many there are.
pub async fn count(conn: &mut PgConnection, organization: OrganizationId) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"select count(*) as "count!" from notification_channels where organization_id = $1"#,
        organization as OrganizationId
    )
    .fetch_one(conn)
    .await?)
}

/// Adds one. The constraint `notification_channels_name` is violated when its name is taken.
pub async fn insert(
    conn: &mut PgConnection,
    sealer: &Sealer,
    organization: OrganizationId,
    kind: ChannelKind,
    chosen: &Chosen,
) -> Result<ChannelId> {
    let id = ChannelId::new();
    let sealed = chosen
        .secret
        .as_ref()
        .map(|secret| sealer.seal_text(place(organization, id), secret))
        .transpose()?;
    sqlx::query!(
        "insert into notification_channels (id, organization_id, name, kind, config, secret_sealed, min_severity, enabled)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        id as ChannelId,
        organization as OrganizationId,
        chosen.name,
        kind as ChannelKind,
        chosen.config,
        sealed,
        chosen.min_severity as Severity,
        chosen.enabled,
    )
    .execute(conn)
    .await?;
    Ok(id)
}

/// Changes one; its secret only when another is given.
pub async fn update(
    conn: &mut PgConnection,
    sealer: &Sealer,
    channel: &Channel,
    chosen: &Chosen,
) -> Result<()> {
    sqlx::query!(
        "update notification_channels set name = $2, config = $3, min_severity = $4, enabled = $5, updated_at = now(),
             revision = revision + 1 where id = $1",
        channel.id as ChannelId,
        chosen.name,
        chosen.config,
        chosen.min_severity as Severity,
        chosen.enabled,
    )
    .execute(&mut *conn)
    .await?;
    if let Some(secret) = &chosen.secret {
        let sealed = sealer.seal_text(place(channel.organization_id, channel.id), secret)?;
        sqlx::query!(
            "update notification_channels set secret_sealed = $2 where id = $1",
            channel.id as ChannelId,
            sealed
        )
        .execute(conn)
        .await?;
    }
    Ok(())
}

/// Deletes one, with its deliveries.
pub async fn delete(conn: &mut PgConnection, id: ChannelId) -> Result<()> {
    sqlx::query!("delete from notification_channels where id = $1", id as ChannelId)
        .execute(conn)
        .await?;
    Ok(())
}

/// A channel with its secret: for who delivers, outside the walls.
pub async fn open(
    conn: &mut PgConnection,
    sealer: &Sealer,
    id: ChannelId,
) -> Result<Option<(Channel, Option<SecretString>)>> {
    let Some(channel) = select!("where id = $1", id as ChannelId)
        .fetch_optional(&mut *conn)
        .await?
    else {
        return Ok(None);
    };
    let sealed = sqlx::query_scalar!(
        "select secret_sealed from notification_channels where id = $1",
        id as ChannelId
    )
    .fetch_one(conn)
    .await?;
    let secret = sealed
        .map(|sealed| sealer.open_text(place(channel.organization_id, channel.id), &sealed))
        .transpose()?;
    Ok(Some((channel, secret)))
}
