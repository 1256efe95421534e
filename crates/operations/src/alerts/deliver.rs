//! Brings messages to people. Every process does: each takes what is due and nobody else has taken, tries it, and writes
//! down how that went. Whoever dies in between leaves it to others after a minute, so that a message may arrive twice and
//! is never forgotten; a webhook's receiver knows it again by `X-Ocore-Delivery`.

use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use futures::{StreamExt, stream};
use ocore_domain::{DeliveryId, Problem, alerts::ChannelKind};
use ocore_notify::{Outcome, Target, webpush::Subscription};
use ocore_store::{
    channels,
    deliveries::{self, Delivery, Tried},
    people_told,
};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::tell::vapid;
use crate::Hands;

/// How often it is looked for what is due.
const LOOK: Duration = Duration::from_secs(2);
/// Taken at once, and tried at once.
const AT_ONCE: usize = 16;
/// Seconds until the next try, after each that failed; then it is given up.
const PAUSES: [i64; 7] = [30, 120, 600, 1800, 3600, 7200, 14_400];
/// How often a message is tried at most.
pub const MAX_ATTEMPTS: usize = PAUSES.len() + 1;

/// Brings what is due, until told to stop.
pub(crate) async fn deliver(hands: Hands, stopping: CancellationToken) {
    let mut tick = interval(LOOK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = stopping.cancelled() => return,
        }
        // On while there is more: after a long night a lot may be due.
        loop {
            match deliver_some(&hands, None).await {
                Ok(AT_ONCE) if !stopping.is_cancelled() => {}
                Ok(_) => break,
                Err(problem) => {
                    tracing::warn!(%problem, "notifications could not be delivered; it is tried again");
                    break;
                }
            }
        }
    }
}

/// Tries these now.
pub async fn deliver_now(hands: &Hands, ids: &[DeliveryId]) -> Result<(), Problem> {
    while !ids.is_empty() && deliver_some(hands, Some(ids)).await? > 0 {}
    Ok(())
}

/// Tries some that are due, and says how many.
async fn deliver_some(hands: &Hands, only: Option<&[DeliveryId]>) -> Result<usize, Problem> {
    let at_most = i64::try_from(AT_ONCE).unwrap_or(i64::MAX);
    let taken = deliveries::take(&mut *hands.store().connection().await?, only, at_most).await?;
    let count = taken.len();
    stream::iter(taken)
        .for_each_concurrent(AT_ONCE, |delivery| async move {
            if let Err(problem) = attempt(hands, &delivery).await {
                tracing::warn!(delivery = %delivery.id, %problem, "a try could not be written down");
            }
        })
        .await;
    Ok(count)
}

async fn attempt(hands: &Hands, delivery: &Delivery) -> Result<(), Problem> {
    let (at, began) = (Utc::now(), Instant::now());
    let outcome = match target(hands, delivery).await {
        Ok(Ok(target)) => {
            let of = (delivery.id, delivery.organization_id);
            hands.notifier().tell(&target, of, &delivery.payload.0).await
        }
        Ok(Err(why)) => Outcome::refused(why),
        Err(problem) => Outcome::failed(problem.detail),
    };
    let tries = usize::try_from(delivery.attempts).unwrap_or(1).max(1);
    let again_at = match (&outcome.error, outcome.is_final) {
        (Some(_), false) => PAUSES.get(tries - 1).map(|pause| at + TimeDelta::seconds(*pause)),
        _ => None,
    };
    let tried = Tried {
        at,
        duration_ms: i32::try_from(began.elapsed().as_millis()).unwrap_or(i32::MAX),
        status: outcome.status.map(i32::from),
        error: outcome.error.map(|error| error.chars().take(500).collect()),
        again_at,
    };
    let mut tx = hands.store().begin().await?;
    deliveries::tried(&mut tx, delivery, &tried).await?;
    let is_push = delivery.channel_kind.as_deref() == Some(ChannelKind::WebPush.as_str());
    if let (true, Some(404 | 410), Ok(gone)) = (is_push, outcome.status, delivery.target.parse::<Uuid>()) {
        people_told::forget_subscription(&mut tx, gone).await?;
    }
    tx.commit().await.map_err(ocore_store::Error::from)?;
    Ok(())
}

/// To whom, with the secrets it takes; or why not.
async fn target(hands: &Hands, delivery: &Delivery) -> Result<Result<Target, String>, Problem> {
    let store = hands.store();
    let mut conn = store.connection().await?;
    let Some(channel) = delivery.channel_id else {
        return Ok(Err("the channel is gone".to_owned()));
    };
    let Some((channel, secret)) = channels::open(&mut conn, store.sealer(), channel).await? else {
        return Ok(Err("the channel is gone".to_owned()));
    };
    let text = |name: &str| {
        channel
            .config
            .get(name)
            .and_then(|v| v.as_str())
            .unwrap_or_default()
            .to_owned()
    };
    let lacking = || "the channel's secret is not kept; set it again".to_owned();
    Ok(match channel.kind {
        ChannelKind::Email => Ok(Target::Email(delivery.target.clone())),
        ChannelKind::Webhook => secret
            .map(|secret| Target::Webhook(text("url"), secret))
            .ok_or_else(lacking),
        ChannelKind::Slack => secret.map(Target::Slack).ok_or_else(lacking),
        ChannelKind::Telegram => secret
            .map(|token| Target::Telegram(token, text("chatId")))
            .ok_or_else(lacking),
        ChannelKind::WebPush => {
            let Ok(id) = delivery.target.parse() else {
                return Ok(Err("the browser is gone".to_owned()));
            };
            match people_told::open_subscription(&mut conn, store.sealer(), delivery.organization_id, id)
                .await?
            {
                Some((endpoint, p256dh, auth)) => {
                    drop(conn);
                    let browser = Subscription {
                        endpoint,
                        p256dh,
                        auth,
                    };
                    Ok(Target::WebPush(browser, vapid(store).await?))
                }
                None => Err("the browser is gone".to_owned()),
            }
        }
    })
}
