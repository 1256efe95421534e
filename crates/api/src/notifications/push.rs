//! `/api/push`: the browsers in which a person is told.

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use ocore_domain::{Code, Problem};
use ocore_notify::webpush;
use ocore_operations::alerts;
use ocore_store::people_told as rows;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::feed::person;
use crate::{
    Api,
    access::{Act, Allowed, SignedIn},
    body::Json as Body,
    checks::Checks,
    objects::object,
    page::List,
    problem::{Answer, Failure},
};

/// The most browsers of one person.
const BROWSERS_MAX: usize = 20;

/// A browser that subscribes.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Subscribe {
    /// Where its push service takes messages.
    #[schema(max_length = 2000)]
    endpoint: String,
    #[serde(deserialize_with = "object")]
    keys: Keys,
    #[serde(default)]
    #[schema(max_length = 100)]
    device_name: String,
    #[serde(default)]
    #[schema(max_length = 500)]
    user_agent: String,
}

/// The keys of a browser, in base64url.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    p256dh: String,
    #[schema(value_type = String, write_only)]
    auth: SecretString,
}

/// A browser that subscribed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Subscription {
    id: Uuid,
    endpoint: String,
    device_name: String,
    user_agent: String,
    created_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
}

impl From<rows::Subscription> for Subscription {
    fn from(row: rows::Subscription) -> Self {
        Self {
            id: row.id,
            endpoint: row.endpoint,
            device_name: row.device_name,
            user_agent: row.user_agent,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
        }
    }
}

/// Be told in this browser
///
/// It takes a channel of the kind `webpush` in the organization too.
#[utoipa::path(
    post, path = "/api/push/subscribe", operation_id = "subscribePush", tag = "notifications", request_body = Subscribe,
    responses((status = 201, body = Subscription))
)]
pub(super) async fn subscribe(
    allowed: Allowed<SignedIn>,
    State(api): State<Api>,
    Body(body): Body<Subscribe>,
) -> Answer<(StatusCode, Json<Subscription>)> {
    let mut checks = Checks::default();
    let fits = if body.endpoint.len() > 2000 {
        Err("have at most 2000 bytes".to_owned())
    } else {
        api.hands.notifier().check_url(&body.endpoint)
    };
    checks.value("endpoint", fits.map_err(|why| format!("must {why}")));
    checks.that(
        webpush::are_keys(&body.keys.p256dh, body.keys.auth.expose_secret()),
        "keys",
        "must be those of a browser's PushSubscription",
    );
    checks.that(
        body.device_name.chars().count() <= 100,
        "deviceName",
        "must have at most 100 characters",
    );
    checks.that(
        body.user_agent.chars().count() <= 500,
        "userAgent",
        "must have at most 500 characters",
    );
    checks.done()?;
    let auth = webpush::decode(body.keys.auth.expose_secret()).unwrap_or_default();
    let (user, name) = person(&allowed)?;
    let mut change = allowed.change_outside().await?;
    if rows::subscriptions(&mut change, user).await?.len() >= BROWSERS_MAX {
        return Err(Problem::new(
            Code::StateConflict,
            format!("You have {BROWSERS_MAX} browsers already"),
            "Remove one that you do not use any longer.",
        )
        .into());
    }
    let new = rows::NewSubscription {
        endpoint: body.endpoint,
        device_name: body.device_name,
        user_agent: body.user_agent,
        p256dh: body.keys.p256dh,
        auth: SecretSlice::from(auth),
    };
    let id = rows::subscribe(&mut change, api.store.sealer(), user, &new).await?;
    let made = rows::subscriptions(&mut change, user).await?;
    let made = made.into_iter().find(|subscription| subscription.id == id);
    let made = made.ok_or_else(|| Problem::internal("a subscription was not kept"))?;
    change
        .commit(Act::new("push.subscribed").on("user", user, name))
        .await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// A browser that is not to be told any longer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Unsubscribe {
    endpoint: String,
}

/// Be told no longer in a browser
#[utoipa::path(
    delete, path = "/api/push/subscribe", operation_id = "unsubscribePush", tag = "notifications",
    request_body = Unsubscribe, responses((status = 204))
)]
pub(super) async fn unsubscribe(
    allowed: Allowed<SignedIn>,
    Body(body): Body<Unsubscribe>,
) -> Answer<StatusCode> {
    let (user, name) = person(&allowed)?;
    let mut change = allowed.change_outside().await?;
    if !rows::unsubscribe(&mut change, user, &body.endpoint).await? {
        return Err(Failure::not_found("subscription", "of this endpoint"));
    }
    change
        .commit(Act::new("push.unsubscribed").on("user", user, name))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Your browsers
#[utoipa::path(
    get, path = "/api/push/subscriptions", operation_id = "listPushSubscriptions", tag = "notifications",
    responses((status = 200, body = List<Subscription>))
)]
pub(super) async fn list(allowed: Allowed<SignedIn>) -> Answer<Json<List<Subscription>>> {
    let (user, _) = person(&allowed)?;
    let rows = rows::subscriptions(&mut *allowed.read_outside().await?, user).await?;
    Ok(Json(List::whole(
        rows.into_iter().map(Subscription::from).collect(),
    )))
}

/// What a browser subscribes with.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct VapidKey {
    /// `applicationServerKey` of `PushManager.subscribe()`, in base64url.
    public_key: String,
}

/// What a browser subscribes with
#[utoipa::path(
    get, path = "/api/push/vapid-key", operation_id = "showVapidKey", tag = "notifications",
    responses((status = 200, body = VapidKey))
)]
pub(super) async fn key(allowed: Allowed<SignedIn>, State(api): State<Api>) -> Answer<Json<VapidKey>> {
    person(&allowed)?;
    let vapid = alerts::vapid(api.hands.store()).await?;
    Ok(Json(VapidKey {
        public_key: vapid.public().to_owned(),
    }))
}
