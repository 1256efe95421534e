//! Messages on their way: each is a row until it arrived or was given up, and every try is kept.

use chrono::{DateTime, Utc};
use ocore_domain::{
    ChannelId, DeliveryId, OrganizationId,
    alerts::{Notice, NoticeKind},
};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use crate::{Page, PageRequest, Result};

/// A delivery.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Delivery {
    pub id: DeliveryId,
    pub organization_id: OrganizationId,
    pub channel_id: Option<ChannelId>,
    pub channel_name: Option<String>,
    pub channel_kind: Option<String>,
    pub event_id: Option<Uuid>,
    pub kind: NoticeKind,
    pub target: String,
    pub payload: Json<Notice>,
    pub state: String,
    pub attempts: i32,
    pub next_attempt_at: DateTime<Utc>,
    pub held: bool,
    pub last_error: Option<String>,
    pub created_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
    pub replay_of: Option<Uuid>,
}

/// A try.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Attempt {
    pub delivery_id: Uuid,
    pub number: i32,
    pub at: DateTime<Utc>,
    pub duration_ms: i32,
    pub ok: bool,
    pub status: Option<i32>,
    pub error: Option<String>,
}

/// A delivery to be made.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// Whose.
    pub organization: OrganizationId,
    /// By which way.
    pub channel: ChannelId,
    /// To whom, where the channel has several.
    pub target: String,
    /// What is told.
    pub notice: Notice,
    /// Not before; none: at once.
    pub held_until: Option<DateTime<Utc>>,
    /// The delivery that it repeats.
    pub replay_of: Option<DeliveryId>,
}

macro_rules! select {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Delivery,
            r#"select d.id as "id: _", d.organization_id as "organization_id: _", d.channel_id as "channel_id: _",
                   c.name as "channel_name?", c.kind as "channel_kind?", d.event_id, d.kind as "kind: _", d.target,
                   d.payload as "payload: _", d.state, d.attempts, d.next_attempt_at, d.held, d.last_error, d.created_at,
                   d.finished_at, d.replay_of
               from notification_deliveries d left join notification_channels c on c.id = d.channel_id "# + $tail
            $(, $argument)*
        )
    };
}

/// Puts messages on their way.
pub async fn insert(conn: &mut PgConnection, new: &[NewDelivery]) -> Result<Vec<DeliveryId>> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<DeliveryId> = new.iter().map(|_| DeliveryId::new()).collect();
    let uuids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let organizations: Vec<Uuid> = new.iter().map(|d| d.organization.uuid()).collect();
    let channels: Vec<Uuid> = new.iter().map(|d| d.channel.uuid()).collect();
    let events: Vec<Option<Uuid>> = new
        .iter()
        .map(|d| d.notice.event_id.map(ocore_domain::AlertEventId::uuid))
        .collect();
    let kinds: Vec<String> = new.iter().map(|d| d.notice.kind.to_string()).collect();
    let targets: Vec<String> = new.iter().map(|d| d.target.clone()).collect();
    let payloads: Vec<Json<&Notice>> = new.iter().map(|d| Json(&d.notice)).collect();
    let held: Vec<Option<DateTime<Utc>>> = new.iter().map(|d| d.held_until).collect();
    let replays: Vec<Option<Uuid>> = new.iter().map(|d| d.replay_of.map(DeliveryId::uuid)).collect();
    sqlx::query!(
        "insert into notification_deliveries (id, organization_id, channel_id, event_id, kind, target, payload,
             next_attempt_at, held, replay_of)
         select n.id, n.organization, n.channel, n.event, n.kind, n.target, n.payload, coalesce(n.held, now()),
             n.held is not null, n.replay
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::jsonb[],
             $8::timestamptz[], $9::uuid[])
             as n (id, organization, channel, event, kind, target, payload, held, replay)",
        &uuids,
        &organizations,
        &channels,
        &events as &[Option<Uuid>],
        &kinds,
        &targets,
        &payloads as &[Json<&Notice>],
        &held as &[Option<DateTime<Utc>>],
        &replays as &[Option<Uuid>],
    )
    .execute(conn)
    .await?;
    Ok(ids)
}

/// Which deliveries are wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// By this channel only.
    pub channel: Option<Uuid>,
    /// Of this alert only.
    pub event: Option<Uuid>,
    /// In this state only.
    pub state: Option<String>,
}

/// Deliveries, newest first.
pub async fn list(
    conn: &mut PgConnection,
    organization: OrganizationId,
    wanted: &Wanted,
    page: &PageRequest,
) -> Result<Page<Delivery>> {
    let before = page
        .cursor
        .as_deref()
        .and_then(|cursor| cursor.parse::<Uuid>().ok());
    let rows = select!(
        "where d.organization_id = $1 and ($2::uuid is null or d.id < $2) and ($3::uuid is null or d.channel_id = $3)
             and ($4::uuid is null or d.event_id = $4) and ($5::text is null or d.state = $5)
         order by d.id desc limit $6",
        organization as OrganizationId,
        before,
        wanted.channel,
        wanted.event,
        wanted.state,
        page.limit + 1,
    )
    .fetch_all(conn)
    .await?;
    Ok(Page::from_rows(rows, page.limit, |delivery| {
        delivery.id.to_string()
    }))
}

/// One delivery.
pub async fn get(
    conn: &mut PgConnection,
    organization: OrganizationId,
    id: DeliveryId,
) -> Result<Option<Delivery>> {
    Ok(select!(
        "where d.organization_id = $1 and d.id = $2",
        organization as OrganizationId,
        id as DeliveryId
    )
    .fetch_optional(conn)
    .await?)
}

/// The tries of several deliveries.
pub async fn attempts(conn: &mut PgConnection, deliveries: &[DeliveryId]) -> Result<Vec<Attempt>> {
    let ids: Vec<Uuid> = deliveries.iter().map(|id| id.uuid()).collect();
    Ok(sqlx::query_as!(
        Attempt,
        "select delivery_id, number, at, duration_ms, ok, status, error from notification_attempts
         where delivery_id = any($1) order by delivery_id, number",
        &ids,
    )
    .fetch_all(conn)
    .await?)
}

/// How long whoever took a delivery has, in seconds: after that another takes it.
const TAKEN_FOR: f64 = 60.0;

/// Takes deliveries that are due; with `only`, these alone. Whoever takes one tries it and says how that went.
pub async fn take(
    conn: &mut PgConnection,
    only: Option<&[DeliveryId]>,
    at_most: i64,
) -> Result<Vec<Delivery>> {
    let only: Option<Vec<Uuid>> = only.map(|ids| ids.iter().map(|id| id.uuid()).collect());
    let taken = sqlx::query_scalar!(
        "update notification_deliveries d set next_attempt_at = now() + make_interval(secs => $3), attempts = attempts + 1
         where d.id in (select id from notification_deliveries
                        where state = 'pending' and next_attempt_at <= now() and ($1::uuid[] is null or id = any($1))
                        order by next_attempt_at limit $2 for update skip locked)
         returning d.id",
        only.as_deref(),
        at_most,
        TAKEN_FOR,
    )
    .fetch_all(&mut *conn)
    .await?;
    if taken.is_empty() {
        return Ok(Vec::new());
    }
    Ok(select!("where d.id = any($1) order by d.id", &taken)
        .fetch_all(conn)
        .await?)
}

/// How a try went.
#[derive(Clone, Debug)]
pub struct Tried {
    /// When it began.
    pub at: DateTime<Utc>,
    /// How long it took, in milliseconds.
    pub duration_ms: i32,
    /// What was answered.
    pub status: Option<i32>,
    /// Why it did not arrive; none: it did.
    pub error: Option<String>,
    /// When it is tried again; none: it is not.
    pub again_at: Option<DateTime<Utc>>,
}

/// Notes a try. One who was too slow, so that another has taken it meanwhile, does not end it.
pub async fn tried(conn: &mut PgConnection, delivery: &Delivery, tried: &Tried) -> Result<()> {
    sqlx::query!(
        "insert into notification_attempts (delivery_id, number, at, duration_ms, ok, status, error)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
        delivery.id as DeliveryId,
        delivery.attempts,
        tried.at,
        tried.duration_ms,
        tried.error.is_none(),
        tried.status,
        tried.error,
    )
    .execute(&mut *conn)
    .await?;
    let state = match (&tried.error, tried.again_at) {
        (None, _) => "delivered",
        (Some(_), Some(_)) => "pending",
        (Some(_), None) => "failed",
    };
    sqlx::query!(
        "update notification_deliveries set state = $2, last_error = $3, next_attempt_at = coalesce($4, next_attempt_at),
             finished_at = case when $2 = 'pending' then null else now() end
         where id = $1 and state = 'pending' and (attempts = $5 or $2 = 'delivered')",
        delivery.id as DeliveryId,
        state,
        tried.error,
        tried.again_at,
        delivery.attempts,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes what was finished before a time.
pub async fn prune(conn: &mut PgConnection, before: DateTime<Utc>) -> Result<u64> {
    let gone = sqlx::query!(
        "delete from notification_deliveries where finished_at < $1",
        before
    )
    .execute(conn)
    .await?;
    Ok(gone.rows_affected())
}
