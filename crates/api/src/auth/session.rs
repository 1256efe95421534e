//! What every login ends with: a session, its tokens, and the cookies that hold them in a browser.

use std::fmt;

use axum::{
    Json,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use chrono::TimeDelta;
use ocore_domain::{SessionId, UserId};
use ocore_identity::opaque;
use ocore_store::{
    sessions::{self, NewSession},
    users,
};
use rand::distr::{Alphanumeric, SampleString};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{User, account, attempts, records};
use crate::{
    Api,
    access::{Act, Actor, Allowed, Change, Principal, cookies},
    problem::Answer,
};

/// How refresh tokens begin. Not as keys for programs do.
pub(super) const REFRESH: &str = "refresh_";
/// Where browsers send which cookie.
const ACCESS_PATH: &str = "/api";
const REFRESH_PATH: &str = "/api/auth";
const CSRF_PATH: &str = "/";

/// How the tokens are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Delivery {
    /// `only`: the tokens come as cookies and do not stand in the body, as with the header
    /// `X-Requested-With: ocore-dashboard`.
    cookies: Option<String>,
}

impl Delivery {
    /// Whether no script is to see the tokens.
    pub(super) fn by_cookie_only(&self, headers: &HeaderMap) -> bool {
        self.cookies.as_deref() == Some("only")
            || headers
                .get("x-requested-with")
                .is_some_and(|value| value == "ocore-dashboard")
    }
}

/// Somebody is signed in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SignedIn {
    user: User,
    /// For the header `Authorization: Bearer`. Not given when the tokens come as cookies only.
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
    /// Gets the next two tokens, once. Not given when the tokens come as cookies only, and not to a second request with
    /// the same token.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// For how many seconds the access token is good.
    expires_in: i64,
    #[schema(example = "Bearer")]
    token_type: &'static str,
}

/// The tokens of a session.
pub(super) struct Tokens {
    pub(super) user: User,
    pub(super) access: SecretString,
    pub(super) refresh: Option<SecretString>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

impl Tokens {
    /// The answer that bears them.
    pub(super) fn answer(self, api: &Api, by_cookie_only: bool) -> Response {
        let cookies = self.cookies(api);
        let seen = |token: &SecretString| (!by_cookie_only).then(|| token.expose_secret().to_owned());
        let body = SignedIn {
            access_token: seen(&self.access),
            refresh_token: self.refresh.as_ref().and_then(seen),
            user: self.user,
            expires_in: api.installation.settings.access_expiry.num_seconds(),
            token_type: "Bearer",
        };
        (cookies, no_store(), Json(body)).into_response()
    }

    /// The cookies that bear them.
    pub(super) fn cookies(&self, api: &Api) -> HeaderMap {
        let settings = &api.installation.settings;
        let (short, long) = (
            settings.access_expiry.num_seconds(),
            settings.refresh_expiry.num_seconds(),
        );
        let mut set = vec![cookies::set(
            api,
            cookies::ACCESS,
            self.access.expose_secret(),
            ACCESS_PATH,
            short,
        )];
        if let Some(refresh) = &self.refresh {
            let refresh = refresh.expose_secret();
            set.push(cookies::set(api, cookies::REFRESH, refresh, REFRESH_PATH, long));
            let csrf = Alphanumeric.sample_string(&mut rand::rng(), 32);
            set.push(cookies::set(api, cookies::CSRF, &csrf, CSRF_PATH, long));
        }
        set_cookies(set)
    }
}

/// The cookies that take them away.
pub(super) fn without_cookies(api: &Api) -> HeaderMap {
    set_cookies(vec![
        cookies::set(api, cookies::ACCESS, "", ACCESS_PATH, 0),
        cookies::set(api, cookies::REFRESH, "", REFRESH_PATH, 0),
        cookies::set(api, cookies::CSRF, "", CSRF_PATH, 0),
    ])
}

pub(super) fn set_cookies(cookies: Vec<String>) -> HeaderMap {
    let values = cookies
        .into_iter()
        .filter_map(|cookie| HeaderValue::try_from(cookie).ok());
    values
        .map(|value| (header::SET_COOKIE, value))
        .fold(HeaderMap::new(), |mut headers, (name, value)| {
            headers.append(name, value);
            headers
        })
}

/// Secrets are for nobody's cache.
pub(crate) fn no_store() -> [(header::HeaderName, HeaderValue); 1] {
    [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))]
}

/// Somebody who has just proved who they are, for the record.
pub(crate) fn principal(user: &users::User, session: SessionId, method: &str) -> Principal {
    Principal {
        actor: Actor::User {
            id: user.id,
            email: user.email.clone(),
            name: user.name.clone(),
            session,
            method: method.to_owned(),
        },
        membership: None,
        is_server_admin: user.is_server_admin,
    }
}

/// Begins a session of somebody who has proved who they are, in the change in which they did, and commits it.
pub(super) async fn begin<N: crate::access::OutsideTenancy>(
    api: &Api,
    allowed: &Allowed<N>,
    mut change: Change,
    id: UserId,
    method: &'static str,
) -> Answer<Tokens> {
    let (refresh, hash) = opaque::generate(REFRESH);
    let new = NewSession {
        user: id,
        method,
        address: allowed.origin.address.map(|address| address.to_string()),
        user_agent: allowed.origin.user_agent.as_deref(),
        refresh_hash: &hash,
        lifetime: api.installation.settings.refresh_expiry,
    };
    let session = sessions::create(&mut change, &new).await?;
    users::signed_in(&mut change, id).await?;
    let user = account(&mut change, id).await?;
    let records = records(&mut change, id).await?;
    change.by(principal(&user, session, method));
    let act = Act::new("auth.login").on("user", id, &user.email);
    change
        .commit_for(&records, act.after(&serde_json::json!({ "method": method })))
        .await?;
    attempts::take_back(allowed, attempts::Of::Address(allowed.origin.address)).await?;
    Ok(Tokens {
        access: access(api, id, session)?,
        user: User::from(&user),
        refresh: Some(refresh),
    })
}

/// An access token of a session.
pub(super) fn access(api: &Api, user: UserId, session: SessionId) -> Answer<SecretString> {
    let ttl: TimeDelta = api.installation.settings.access_expiry;
    Ok(api.installation.signer.sign(user.uuid(), session.uuid(), ttl)?)
}
