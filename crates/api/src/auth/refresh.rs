//! `POST /api/auth/refresh`: the next tokens of a session.

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method},
    response::Response,
};
use chrono::TimeDelta;
use ocore_domain::{Code, Problem};
use ocore_identity::opaque;
use ocore_mail::Message;
use ocore_store::sessions::{self, Refreshed};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    User, account, commit, records,
    session::{self, Delivery, REFRESH, SignedIn, Tokens},
};
use crate::{
    Api,
    access::{Act, Allowed, Anyone, cookies},
    body::Query,
    problem::{Answer, Failure},
};

/// For how long a token that was used just now is another tab's, and not a thief's.
const GRACE: TimeDelta = TimeDelta::seconds(10);

/// A session to go on with.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Refresh {
    /// Not given by browsers, which have it in a cookie.
    #[schema(value_type = Option<String>, write_only)]
    refresh_token: Option<SecretString>,
}

/// Get the next tokens
///
/// Each refresh token is good once. One that is used again ends its session, since somebody has a copy of it; for ten
/// seconds, a second tab of the same browser gets an access token all the same.
#[utoipa::path(
    post, path = "/api/auth/refresh", operation_id = "refresh", tag = "auth", params(Delivery),
    request_body(content = Option<Refresh>), responses((status = 200, body = SignedIn))
)]
pub(super) async fn refresh(
    allowed: Allowed<Anyone>,
    State(api): State<Api>,
    headers: HeaderMap,
    Query(delivery): Query<Delivery>,
    body: Bytes,
) -> Answer<Response> {
    let given = if body.is_empty() {
        None
    } else {
        // The text is not repeated: it holds a token.
        serde_json::from_slice::<Refresh>(&body)
            .map_err(|_| Failure::field("refreshToken", "must be a refresh token"))?
            .refresh_token
    };
    let by_cookie = given.is_none();
    let token = if let Some(token) = given {
        token
    } else {
        let token = cookies::get(&headers, cookies::REFRESH).ok_or_else(ended)?;
        cookies::refuse_cross_site(&api, &Method::POST, &headers)?;
        token.into()
    };
    let (next, next_hash) = opaque::generate(REFRESH);
    let lifetime = api.installation.settings.refresh_expiry;
    let mut tx = allowed.read_outside().await?;
    let refreshed = sessions::refresh(&mut tx, &opaque::hash(&token), &next_hash, lifetime, GRACE).await?;
    let (of, next) = match refreshed {
        Refreshed::Rotated(of) => (of, Some(next)),
        Refreshed::JustUsed(of) => (of, None),
        Refreshed::Unknown => return Err(ended()),
        Refreshed::Reused(of) => {
            drop(tx);
            let mut change = allowed.change_outside().await?;
            let user = account(&mut change, of.user).await?;
            if sessions::revoke(&mut change, of.user, of.session).await? {
                let records = records(&mut change, of.user).await?;
                let act = Act::new("auth.refresh_reused").on("session", of.session, &user.email);
                change.commit_for(&records, act).await?;
                api.installation.post.send(&user.email, Message::RefreshReused);
            }
            return Err(ended());
        }
    };
    let user = account(&mut tx, of.user).await?;
    commit(tx).await?;
    let tokens = Tokens {
        access: session::access(&api, of.user, of.session)?,
        user: User::from(&user),
        refresh: next,
    };
    let by_cookie_only = by_cookie || delivery.by_cookie_only(&headers);
    Ok(tokens.answer(&api, by_cookie_only))
}

fn ended() -> Failure {
    Problem::new(
        Code::Unauthenticated,
        "The session has ended",
        "Sign in again (POST /api/auth/login).",
    )
    .into()
}
