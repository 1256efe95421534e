//! `POST /api/monitoring/alerts/test`: whether alerts arrive.

use std::time::Duration;

use axum::{Json, extract::State};
use ocore_domain::{ChannelId, DeliveryId};
use ocore_operations::alerts;
use ocore_store::{channels, deliveries};
use serde::Serialize;
use tokio::time::{Instant, sleep};
use utoipa::ToSchema;

use super::must_be_whole;
use crate::{
    Api,
    access::{Act, Allowed, InTenancy, Manage, Monitoring, Need},
    page::List,
    problem::Answer,
    words::counted,
};

/// How long the answer waits for tries that another process has taken.
const PATIENCE: Duration = Duration::from_secs(15);

/// How a test went.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sent {
    channel_id: ChannelId,
    channel_name: String,
    /// Whether it arrived.
    ok: bool,
    /// To whom, where the channel has several.
    target: String,
    /// What was answered, for what goes by HTTP.
    status: Option<i32>,
    /// Why it did not arrive.
    error: Option<String>,
    /// How long it took.
    duration_ms: Option<i32>,
    /// Null when there was nobody to tell.
    delivery_id: Option<DeliveryId>,
}

/// Try whether alerts arrive
///
/// A test goes out by every channel that is used; the answer tells how each went. What did not arrive is tried again like
/// an alert.
#[utoipa::path(
    post, path = "/api/monitoring/alerts/test", operation_id = "testAlerts", tag = "alerts",
    responses((status = 200, body = List<Sent>))
)]
pub(super) async fn test(
    allowed: Allowed<Manage<Monitoring>>,
    State(api): State<Api>,
) -> Answer<Json<List<Sent>>> {
    must_be_whole(&allowed)?;
    Ok(Json(List::whole(report(&api, &allowed, None).await?)))
}

/// Sends a test by one channel or by all, and tells how it went.
pub(crate) async fn report<N: Need + InTenancy>(
    api: &Api,
    allowed: &Allowed<N>,
    only: Option<channels::Channel>,
) -> Answer<Vec<Sent>> {
    let organization = allowed.organization()?;
    let by = allowed.signed()?.actor.name();
    let mut change = allowed.change().await?;
    change.leave_tenancy().await?;
    let channels = match &only {
        Some(channel) => vec![channel.clone()],
        None => channels::of_organizations(&mut change, &[organization.uuid()]).await?,
    };
    let sent = alerts::test_deliveries(&mut change, organization, by, only.as_ref()).await?;
    let act = Act::new("alert.test_sent");
    change
        .commit(act.on(
            "organization",
            organization,
            counted(i64::try_from(channels.len()).unwrap_or(i64::MAX), "channel"),
        ))
        .await?;
    let ids: Vec<DeliveryId> = sent.iter().map(|(id, ..)| *id).collect();
    alerts::deliver_now(&api.hands, &ids).await?;
    let began = Instant::now();
    let tries = loop {
        let tries = deliveries::attempts(&mut *allowed.read().await?, &ids).await?;
        if tries.len() >= ids.len() || began.elapsed() > PATIENCE {
            break tries;
        }
        sleep(Duration::from_millis(200)).await;
    };
    let mut told = Vec::new();
    for channel in channels {
        let line = |delivery_id, target| Sent {
            channel_id: channel.id,
            channel_name: channel.name.clone(),
            ok: false,
            target,
            status: None,
            error: None,
            duration_ms: None,
            delivery_id,
        };
        let mut mine = sent.iter().filter(|(_, of, _)| *of == channel.id).peekable();
        if mine.peek().is_none() {
            told.push(Sent {
                error: Some(
                    "there is nobody to tell: nobody who may look at alerts has subscribed".to_owned(),
                ),
                ..line(None, String::new())
            });
        }
        told.extend(mine.map(|(id, _, target)| {
            let line = line(Some(*id), target.clone());
            match tries.iter().find(|attempt| attempt.delivery_id == id.uuid()) {
                Some(went) => Sent {
                    ok: went.ok,
                    status: went.status,
                    error: went.error.clone(),
                    duration_ms: Some(went.duration_ms),
                    ..line
                },
                None => Sent {
                    error: Some("it is still being tried".to_owned()),
                    ..line
                },
            }
        }));
    }
    Ok(told)
}
