//! `/api/notification-deliveries`: what went by the channels, with every try, and sending it again.

use std::collections::HashMap;

use axum::{Json, extract::Path, http::StatusCode};
use chrono::{DateTime, Utc};
use ocore_domain::{ChannelId, Code, DeliveryId, Problem, alerts::NoticeKind};
use ocore_store::deliveries::{self as rows, NewDelivery};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    access::{Act, Allowed, Manage, Monitoring, View},
    body::Query,
    page::{self, List},
    problem::{Answer, Failure},
};

/// One message on its way.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Delivery {
    id: DeliveryId,
    channel_id: Option<ChannelId>,
    channel_name: Option<String>,
    /// `email`, `webhook`, `slack`, `telegram` or `webpush`.
    channel_kind: Option<String>,
    /// The alert; a test has none.
    event_id: Option<Uuid>,
    kind: NoticeKind,
    /// The e-mail address or the subscription, where the channel has several.
    target: String,
    /// What it says.
    title: String,
    /// `pending`, `delivered` or `failed`.
    state: String,
    /// When it is tried next, while it is pending.
    next_attempt_at: Option<DateTime<Utc>>,
    /// Whether it waits for the end of somebody's quiet hours, or did.
    held: bool,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
    /// The delivery that it repeats.
    replay_of: Option<Uuid>,
    attempts: Vec<Attempt>,
}

/// One try.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attempt {
    number: i32,
    at: DateTime<Utc>,
    duration_ms: i32,
    ok: bool,
    /// What was answered, for what goes by HTTP.
    status: Option<i32>,
    /// Why it did not arrive. It holds no secret and no address.
    error: Option<String>,
}

impl Delivery {
    fn of(row: rows::Delivery, attempts: Vec<rows::Attempt>) -> Self {
        Self {
            title: row.payload.title(),
            next_attempt_at: (row.state == "pending").then_some(row.next_attempt_at),
            attempts: attempts
                .into_iter()
                .map(|attempt| Attempt {
                    number: attempt.number,
                    at: attempt.at,
                    duration_ms: attempt.duration_ms,
                    ok: attempt.ok,
                    status: attempt.status,
                    error: attempt.error,
                })
                .collect(),
            id: row.id,
            channel_id: row.channel_id,
            channel_name: row.channel_name,
            channel_kind: row.channel_kind,
            event_id: row.event_id,
            kind: row.kind,
            target: row.target,
            state: row.state,
            held: row.held,
            created_at: row.created_at,
            finished_at: row.finished_at,
            replay_of: row.replay_of,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// How many at most, 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// By this channel only.
    channel_id: Option<Uuid>,
    /// Of this alert only.
    event_id: Option<Uuid>,
    /// In this state only: `pending`, `delivered` or `failed`.
    state: Option<String>,
}

/// Deliveries, newest first
#[utoipa::path(
    get, path = "/api/notification-deliveries", operation_id = "listDeliveries", tag = "notifications", params(Wanted),
    responses((status = 200, body = List<Delivery>))
)]
pub(super) async fn list(
    allowed: Allowed<View<Monitoring>>,
    Query(query): Query<Wanted>,
) -> Answer<Json<List<Delivery>>> {
    let page = page::wanted::<Uuid>(query.limit, query.cursor)?;
    let is_state = |state: &String| ["pending", "delivered", "failed"].contains(&state.as_str());
    if !query.state.as_ref().is_none_or(is_state) {
        return Err(Failure::field(
            "state",
            "must be `pending`, `delivered` or `failed`",
        ));
    }
    let wanted = rows::Wanted {
        channel: query.channel_id,
        event: query.event_id,
        state: query.state,
    };
    let mut conn = allowed.read().await?;
    let mut page = rows::list(&mut conn, allowed.organization()?, &wanted, &page).await?;
    let data = std::mem::take(&mut page.data);
    let ids: Vec<DeliveryId> = data.iter().map(|delivery| delivery.id).collect();
    let mut attempts: HashMap<Uuid, Vec<rows::Attempt>> = HashMap::new();
    for attempt in rows::attempts(&mut conn, &ids).await? {
        attempts.entry(attempt.delivery_id).or_default().push(attempt);
    }
    let data = data
        .into_iter()
        .map(|row| {
            let tries = attempts.remove(&row.id.uuid()).unwrap_or_default();
            Delivery::of(row, tries)
        })
        .collect();
    Ok(Json(page.holding(data).into()))
}

/// Send something again
///
/// To the same target with the same content, as a delivery of its own.
#[utoipa::path(
    post, path = "/api/notification-deliveries/{id}/replay", operation_id = "replayDelivery", tag = "notifications",
    params(("id" = String, Path, description = "Id")),
    responses((status = 202, body = Delivery))
)]
pub(super) async fn replay(
    allowed: Allowed<Manage<Monitoring>>,
    Path(id): Path<String>,
) -> Answer<(StatusCode, Json<Delivery>)> {
    let organization = allowed.organization()?;
    let mut change = allowed.change().await?;
    let found = match id.parse() {
        Ok(id) => rows::get(&mut change, organization, id).await?,
        Err(_) => None,
    };
    let before = found.ok_or_else(|| Failure::not_found("delivery", &id))?;
    let (Some(channel), true) = (before.channel_id, before.state != "pending") else {
        return Err(Problem::new(
            Code::StateConflict,
            "The delivery is still on its way",
            "Wait until it arrived or was given up.",
        )
        .into());
    };
    let again = NewDelivery {
        organization,
        channel,
        target: before.target.clone(),
        notice: before.payload.0.clone(),
        held_until: None,
        replay_of: Some(before.id),
    };
    let made = rows::insert(&mut change, &[again]).await?;
    let made = made
        .first()
        .copied()
        .ok_or_else(|| Problem::internal("a delivery was not made"))?;
    let delivery = rows::get(&mut change, organization, made)
        .await?
        .ok_or_else(|| Problem::internal("a delivery was not made"))?;
    let act = Act::new("notification_delivery.replayed").on(
        "notification_delivery",
        before.id,
        before.payload.title(),
    );
    change.commit(act).await?;
    Ok((StatusCode::ACCEPTED, Json(Delivery::of(delivery, Vec::new()))))
}
