//! `PATCH /api/monitoring/alerts/events/{id}/resolve`, `POST …/resolve-all`, `POST …/{id}/acknowledge`.

use axum::{
    Json,
    extract::{Path, State},
};
use chrono::Utc;
use ocore_domain::{UserId, alerts::NoticeKind};
use ocore_operations::alerts;
use ocore_store::alerts::events as rows;
use serde::Serialize;
use utoipa::ToSchema;

use super::events::{AlertEvent, find};
use crate::{
    Api,
    access::{Act, Actor, Allowed, Change, Manage, Monitoring},
    problem::Answer,
};

/// Who asks, for what is written with an alert.
fn who(allowed: &Allowed<Manage<Monitoring>>) -> Answer<(Option<UserId>, String)> {
    let actor = &allowed.signed()?.actor;
    let user = match actor {
        Actor::User { id, .. } => Some(*id),
        Actor::ApiKey { .. } | Actor::Agent { .. } => None,
    };
    Ok((user, actor.name().to_owned()))
}

/// Tells those who were told of the beginning. What is told to whom is no request's to read: the alert was found within
/// the walls.
async fn tell_of_the_end(api: &Api, change: &mut Change, events: &[rows::Event]) -> Answer<()> {
    let told: Vec<_> = events
        .iter()
        .filter(|event| event.told)
        .map(|event| (NoticeKind::Resolved, event.id.uuid()))
        .collect();
    change.leave_tenancy().await?;
    alerts::tell(&api.hands, change, &told, Utc::now()).await?;
    Ok(())
}

/// End an alert
///
/// Because a person says so. It comes again when it was right in between and is wrong again.
#[utoipa::path(
    patch, path = "/api/monitoring/alerts/events/{id}/resolve", operation_id = "resolveAlert", tag = "alerts",
    params(("id" = String, Path, description = "Id")),
    responses((status = 200, body = AlertEvent))
)]
pub(super) async fn resolve(
    allowed: Allowed<Manage<Monitoring>>,
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Answer<Json<AlertEvent>> {
    let organization = allowed.organization()?;
    let mut change = allowed.change().await?;
    let before = find(&mut change, organization, &id).await?;
    let ended = rows::resolve(&mut change, organization, Some(before.id)).await?;
    let event = find(&mut change, organization, &id).await?;
    if !ended.is_empty() {
        tell_of_the_end(&api, &mut change, std::slice::from_ref(&event)).await?;
    }
    let act = Act::new("alert.resolved").on("alert", event.id, &event.message);
    change.commit(act).await?;
    Ok(Json(event.into()))
}

/// How many alerts were ended.
#[derive(Serialize, ToSchema)]
pub(super) struct Resolved {
    resolved: usize,
}

/// End all alerts
#[utoipa::path(
    post, path = "/api/monitoring/alerts/events/resolve-all", operation_id = "resolveAllAlerts", tag = "alerts",
    responses((status = 200, body = Resolved))
)]
pub(super) async fn resolve_all(
    allowed: Allowed<Manage<Monitoring>>,
    State(api): State<Api>,
) -> Answer<Json<Resolved>> {
    let organization = allowed.organization()?;
    let mut change = allowed.change().await?;
    let ended = rows::resolve(&mut change, organization, None).await?;
    let events = rows::of_ids(&mut change, &ended).await?;
    tell_of_the_end(&api, &mut change, &events).await?;
    let resolved = ended.len();
    let act = Act::new("alert.all_resolved").on("organization", organization, format!("{resolved} alerts"));
    change.commit(act).await?;
    Ok(Json(Resolved { resolved }))
}

/// Say that somebody has seen an alert
#[utoipa::path(
    post, path = "/api/monitoring/alerts/events/{id}/acknowledge", operation_id = "acknowledgeAlert", tag = "alerts",
    params(("id" = String, Path, description = "Id")),
    responses((status = 200, body = AlertEvent))
)]
pub(super) async fn acknowledge(
    allowed: Allowed<Manage<Monitoring>>,
    Path(id): Path<String>,
) -> Answer<Json<AlertEvent>> {
    let organization = allowed.organization()?;
    let (user, name) = who(&allowed)?;
    let mut change = allowed.change().await?;
    let event = find(&mut change, organization, &id).await?;
    rows::acknowledge(&mut change, event.id, user, &name).await?;
    let event = find(&mut change, organization, &id).await?;
    let act = Act::new("alert.acknowledged").on("alert", event.id, &event.message);
    change.commit(act).await?;
    Ok(Json(event.into()))
}
