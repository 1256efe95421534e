//! `/api/notification-channels`: the ways by which people are told.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use chrono::{DateTime, Utc};
use ocore_domain::{
    ChannelId, Code, OrganizationId, Problem,
    access::{Permission, Resource},
    alerts::{ChannelKind, Severity},
};
use ocore_store::{PgConnection, channels as rows};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    Api,
    access::{Act, Allowed, InTenancy, Manage, Monitoring, Need, View},
    alerts::{Sent, must_be_whole, report},
    body::{Json as Body, Query},
    checks::Checks,
    page::{List, Part},
    problem::{Answer, Failure},
    revision::{IfMatch, Tagged},
};

/// The most channels of one organization.
const CHANNELS_MAX: i64 = 100;
/// The most addresses of one channel.
const ADDRESSES_MAX: usize = 50;

/// A way by which people are told. Its secret is never told.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Channel {
    id: ChannelId,
    name: String,
    kind: ChannelKind,
    /// The least that it tells of.
    min_severity: Severity,
    enabled: bool,
    /// The addresses, for `email`.
    to: Option<Vec<String>>,
    /// Where it asks, for `webhook`. Who may not manage monitoring sees only the site.
    url: Option<String>,
    /// The chat, for `telegram`.
    chat_id: Option<String>,
    /// Whether a secret is kept: a webhook's key, Slack's address, a bot's token.
    has_secret: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// How often it was changed; `If-Match: "…"` of a change takes it.
    revision: i64,
}

impl Channel {
    fn of(row: rows::Channel, whole_url: bool) -> Self {
        let text = |name: &str| row.config.get(name).and_then(Value::as_str).map(str::to_owned);
        let site = |url: String| match url.split('/').nth(2) {
            Some(host) => format!("{}//{host}/…", url.split('/').next().unwrap_or("https:")),
            None => String::new(),
        };
        let to = row.config.get("to").and_then(Value::as_array).map(|to| {
            to.iter()
                .filter_map(|address| address.as_str().map(str::to_owned))
                .collect()
        });
        Self {
            to,
            url: text("url").map(|url| if whole_url { url } else { site(url) }),
            chat_id: text("chatId"),
            has_secret: !matches!(row.kind, ChannelKind::Email | ChannelKind::WebPush),
            id: row.id,
            name: row.name,
            kind: row.kind,
            min_severity: row.min_severity,
            enabled: row.enabled,
            created_at: row.created_at,
            updated_at: row.updated_at,
            revision: row.revision,
        }
    }

    fn tagged(self) -> Tagged<Self> {
        Tagged {
            revision: self.revision,
            body: self,
        }
    }
}

/// A channel that was made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChannelCreated {
    channel: Channel,
    /// The key that the webhook's requests are signed with, if oCore made it. It is not told again.
    secret: Option<String>,
}

/// A channel to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateChannel {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    kind: ChannelKind,
    /// `info` if not given: everything.
    min_severity: Option<Severity>,
    /// `true` if not given.
    enabled: Option<bool>,
    /// For `email`: 1 to 50 addresses.
    to: Option<Vec<String>>,
    /// For `webhook`: an address with https.
    url: Option<String>,
    /// For `webhook`: the key to sign with, 16 to 256 characters; made if not given.
    #[schema(value_type = Option<String>, write_only)]
    secret: Option<SecretString>,
    /// For `slack`: the address of the incoming webhook.
    #[schema(value_type = Option<String>, write_only)]
    webhook_url: Option<SecretString>,
    /// For `telegram`: the bot's token.
    #[schema(value_type = Option<String>, write_only)]
    token: Option<SecretString>,
    /// For `telegram`: the chat.
    chat_id: Option<String>,
}

/// What is to change of a channel; what is not given stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateChannel {
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    min_severity: Option<Severity>,
    enabled: Option<bool>,
    to: Option<Vec<String>>,
    url: Option<String>,
    #[schema(value_type = Option<String>, write_only)]
    secret: Option<SecretString>,
    #[schema(value_type = Option<String>, write_only)]
    webhook_url: Option<SecretString>,
    #[schema(value_type = Option<String>, write_only)]
    token: Option<SecretString>,
    chat_id: Option<String>,
}

/// Whether who asks may see where webhooks go: such an address lets whoever has it post there.
fn sees_addresses<N: Need + InTenancy>(allowed: &Allowed<N>) -> bool {
    let manage = Permission::manage(Resource::Monitoring);
    allowed
        .membership()
        .is_ok_and(|membership| membership.permissions().allow(manage))
}

/// Channels by name
#[utoipa::path(
    get, path = "/api/notification-channels", operation_id = "listChannels", tag = "notifications", params(Part),
    responses((status = 200, body = List<Channel>))
)]
pub(super) async fn list(
    allowed: Allowed<View<Monitoring>>,
    Query(part): Query<Part>,
) -> Answer<Json<List<Channel>>> {
    let page = part.of::<String>()?;
    let rows = rows::list(&mut *allowed.read().await?, allowed.organization()?, &page).await?;
    let whole = sees_addresses(&allowed);
    Ok(Json(rows.map(|row| Channel::of(row, whole)).into()))
}

/// One channel
#[utoipa::path(
    get, path = "/api/notification-channels/{id}", operation_id = "showChannel", tag = "notifications",
    params(("id" = String, Path, description = "Id")),
    responses((status = 200, body = Channel, headers(("ETag" = String, description = "Its revision"))))
)]
pub(super) async fn show(
    allowed: Allowed<View<Monitoring>>,
    Path(id): Path<String>,
) -> Answer<Tagged<Channel>> {
    let channel = find(&mut *allowed.read().await?, allowed.organization()?, &id).await?;
    Ok(Channel::of(channel, sees_addresses(&allowed)).tagged())
}

/// Make a channel
#[utoipa::path(
    post, path = "/api/notification-channels", operation_id = "createChannel", tag = "notifications",
    request_body = CreateChannel,
    responses((status = 201, body = ChannelCreated))
)]
pub(super) async fn create(
    allowed: Allowed<Manage<Monitoring>>,
    State(api): State<Api>,
    Body(body): Body<CreateChannel>,
) -> Answer<(StatusCode, Json<ChannelCreated>)> {
    must_be_whole(&allowed)?;
    let kind = body.kind;
    let mut given = Given {
        to: body.to,
        url: body.url,
        secret: body.secret,
        webhook_url: body.webhook_url,
        token: body.token,
        chat_id: body.chat_id,
    };
    let mut made = None;
    if kind == ChannelKind::Webhook && given.secret.is_none() {
        let secret = hex::encode(rand::random::<[u8; 32]>());
        made = Some(secret.clone());
        given.secret = Some(secret.into());
    }
    let (config, secret) = given.checked(&api, kind, &json!({}), &body.name)?;
    let chosen = rows::Chosen {
        name: body.name,
        config,
        min_severity: body.min_severity.unwrap_or(Severity::Info),
        enabled: body.enabled.unwrap_or(true),
        secret,
    };
    let organization = allowed.organization()?;
    let mut change = allowed.change().await?;
    if rows::count(&mut change, organization).await? >= CHANNELS_MAX {
        return Err(Problem::new(
            Code::StateConflict,
            format!("The organization has {CHANNELS_MAX} channels already"),
            "Delete one that is not needed.",
        )
        .into());
    }
    let id = rows::insert(&mut change, api.store.sealer(), organization, kind, &chosen)
        .await
        .map_err(|error| taken(error, &chosen.name))?;
    let channel = Channel::of(find(&mut change, organization, &id.to_string()).await?, true);
    let act = Act::new("notification_channel.created").on("notification_channel", id, &channel.name);
    change.commit(act.after(&channel)).await?;
    let created = ChannelCreated {
        channel,
        secret: made,
    };
    Ok((StatusCode::CREATED, Json(created)))
}

/// Change a channel
#[utoipa::path(
    put, path = "/api/notification-channels/{id}", operation_id = "updateChannel", tag = "notifications",
    request_body = UpdateChannel,
    params(
        ("id" = String, Path, description = "Id"),
        ("If-Match" = Option<String>, Header, description = "The `revision` that was read, in quotes; without it, whatever changed meanwhile"),
    ),
    responses((status = 200, body = Channel, headers(("ETag" = String, description = "Its revision"))))
)]
pub(super) async fn update(
    allowed: Allowed<Manage<Monitoring>>,
    State(api): State<Api>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body(body): Body<UpdateChannel>,
) -> Answer<Tagged<Channel>> {
    let organization = allowed.organization()?;
    let mut change = allowed.change().await?;
    let before = find(&mut change, organization, &id).await?;
    if_match.check(before.revision)?;
    let name = body.name.unwrap_or_else(|| before.name.clone());
    let given = Given {
        to: body.to,
        url: body.url,
        secret: body.secret,
        webhook_url: body.webhook_url,
        token: body.token,
        chat_id: body.chat_id,
    };
    let (config, secret) = given.checked(&api, before.kind, &before.config, &name)?;
    let chosen = rows::Chosen {
        name,
        config,
        min_severity: body.min_severity.unwrap_or(before.min_severity),
        enabled: body.enabled.unwrap_or(before.enabled),
        secret,
    };
    rows::update(&mut change, api.store.sealer(), &before, &chosen)
        .await
        .map_err(|error| taken(error, &chosen.name))?;
    let after = Channel::of(find(&mut change, organization, &id).await?, true);
    let act = Act::new("notification_channel.updated").on("notification_channel", before.id, &after.name);
    change
        .commit(act.before(&Channel::of(before, true)).after(&after))
        .await?;
    Ok(after.tagged())
}

/// Delete a channel
///
/// With what was and is to be told by it.
#[utoipa::path(
    delete, path = "/api/notification-channels/{id}", operation_id = "deleteChannel", tag = "notifications",
    params(("id" = String, Path, description = "Id")),
    responses((status = 204))
)]
pub(super) async fn delete(
    allowed: Allowed<Manage<Monitoring>>,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    let organization = allowed.organization()?;
    let mut change = allowed.change().await?;
    let channel = find(&mut change, organization, &id).await?;
    rows::delete(&mut change, channel.id).await?;
    let act = Act::new("notification_channel.deleted").on("notification_channel", channel.id, &channel.name);
    change.commit(act.before(&Channel::of(channel, true))).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Try a channel
///
/// Whether it is used or not.
#[utoipa::path(
    post, path = "/api/notification-channels/{id}/test", operation_id = "testChannel", tag = "notifications",
    params(("id" = String, Path, description = "Id")),
    responses((status = 200, body = List<Sent>))
)]
pub(super) async fn test(
    allowed: Allowed<Manage<Monitoring>>,
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Answer<Json<List<Sent>>> {
    let channel = find(&mut *allowed.read().await?, allowed.organization()?, &id).await?;
    Ok(Json(List::whole(report(&api, &allowed, Some(channel)).await?)))
}

async fn find(conn: &mut PgConnection, organization: OrganizationId, id: &str) -> Answer<rows::Channel> {
    let found = match id.parse() {
        Ok(id) => rows::get(conn, organization, id).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| Failure::not_found("channel", id))
}

/// What a request says beside names and switches.
struct Given {
    to: Option<Vec<String>>,
    url: Option<String>,
    secret: Option<SecretString>,
    webhook_url: Option<SecretString>,
    token: Option<SecretString>,
    chat_id: Option<String>,
}

impl Given {
    /// What is kept of it, laid over what there was.
    fn checked(
        self,
        api: &Api,
        kind: ChannelKind,
        before: &Value,
        name: &str,
    ) -> Answer<(Value, Option<SecretString>)> {
        let mut checks = Checks::default();
        checks.name(name);
        let notifier = api.hands.notifier();
        let is_new = before.as_object().is_none_or(serde_json::Map::is_empty);
        for (field, is_given, of) in [
            ("to", self.to.is_some(), ChannelKind::Email),
            ("url", self.url.is_some(), ChannelKind::Webhook),
            ("secret", self.secret.is_some(), ChannelKind::Webhook),
            ("webhookUrl", self.webhook_url.is_some(), ChannelKind::Slack),
            ("token", self.token.is_some(), ChannelKind::Telegram),
            ("chatId", self.chat_id.is_some(), ChannelKind::Telegram),
        ] {
            checks.that(
                !is_given || kind == of,
                field,
                &format!("does not go with the kind `{kind}`"),
            );
            let is_needed = is_new && kind == of && field != "secret";
            checks.that(is_given || !is_needed, field, "is missing");
        }
        let mut config = before.clone();
        if let Some(to) = self.to {
            checks.that(
                (1..=ADDRESSES_MAX).contains(&to.len()),
                "to",
                "must hold 1 to 50 addresses",
            );
            for (place, address) in to.iter().enumerate() {
                checks.email(&format!("to[{place}]"), address);
            }
            config["to"] = json!(to);
        }
        if let Some(url) = self.url {
            let fits = if url.len() > 2000 {
                Err("have at most 2000 bytes".to_owned())
            } else {
                notifier.check_url(&url)
            };
            checks.value("url", fits.map_err(|why| format!("must {why}")));
            config["url"] = json!(url);
        }
        if let Some(secret) = &self.secret {
            let length = secret.expose_secret().len();
            checks.that(
                (16..=256).contains(&length),
                "secret",
                "must have 16 to 256 bytes",
            );
        }
        if let Some(url) = &self.webhook_url {
            let fits = notifier.check_url(url.expose_secret());
            checks.value("webhookUrl", fits.map_err(|why| format!("must {why}")));
            // There is something kept now, if only that.
            config["kept"] = json!(true);
        }
        if let Some(token) = &self.token {
            let token = token.expose_secret();
            let is_token = token.split_once(':').is_some_and(|(bot, key)| {
                bot.bytes().all(|b| b.is_ascii_digit())
                    && key
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
            });
            checks.that(
                is_token && token.len() <= 200,
                "token",
                "must be a bot's token, such as 123456:ABC-DEF",
            );
        }
        if let Some(chat) = &self.chat_id {
            let fits = (1..=100).contains(&chat.len()) && !chat.chars().any(char::is_whitespace);
            checks.that(fits, "chatId", "must be a chat's number or @name");
            config["chatId"] = json!(chat);
        }
        checks.done()?;
        Ok((config, self.secret.or(self.webhook_url).or(self.token)))
    }
}

fn taken(error: ocore_store::Error, name: &str) -> Failure {
    if error.constraint() != Some("notification_channels_name") {
        return error.into();
    }
    Problem::new(
        Code::NameTaken,
        format!("There is a channel named `{name}` already"),
        "Choose another name.",
    )
    .into()
}
