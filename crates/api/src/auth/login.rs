//! `POST /api/auth/login`: signing in by password.

use axum::{
    Json as Answered,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use ocore_domain::{Code, Problem};
use ocore_identity::password;
use ocore_store::{one_time_tokens::Purpose, users};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    attempts::{self, Of},
    commit, once, or_installation,
    session::{self, Delivery, SignedIn},
    wrong,
};
use crate::{
    Api,
    access::{Act, Allowed, Anyone},
    body::{Json, Query},
    problem::Answer,
};

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LogIn {
    email: String,
    #[schema(value_type = String, write_only)]
    password: SecretString,
}

/// The password was right, and a code is asked for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SecondFactorRequired {
    requires_totp: bool,
    /// The same, as older clients know it.
    #[serde(rename = "requiresTOTP")]
    requires_totp_too: bool,
    /// For `POST /api/auth/login/2fa`, for 5 minutes and 5 codes.
    partial_token: String,
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only describes what is answered")]
pub(super) enum LoggedIn {
    SignedIn(SignedIn),
    SecondFactorRequired(SecondFactorRequired),
}

/// Sign in by password
///
/// The same answer, after the same time, to an address that is not known, an account without a password, a wrong password
/// and an account that was deactivated. After some failures an account and an address have to wait.
///
/// The tokens come as cookies, for browsers, and in the body, for programs; with `?cookies=only`, or the header
/// `X-Requested-With: ocore-dashboard`, as cookies only.
#[utoipa::path(
    post, path = "/api/auth/login", operation_id = "logIn", tag = "auth", params(Delivery), request_body = LogIn,
    responses((status = 200, body = LoggedIn))
)]
pub(super) async fn log_in(
    allowed: Allowed<Anyone>,
    State(api): State<Api>,
    headers: HeaderMap,
    Query(delivery): Query<Delivery>,
    Json(body): Json<LogIn>,
) -> Answer<Response> {
    attempts::count(&allowed, Of::Address(allowed.origin.address)).await?;
    attempts::count(&allowed, Of::Account(&body.email)).await?;
    let user = users::by_email(&mut *allowed.read_outside().await?, &body.email).await?;
    let user = user.filter(|user| user.deactivated_at.is_none());
    let kept = user.as_ref().and_then(|user| user.password_hash.clone());
    let is_right = password::verify(body.password.clone(), kept.clone()).await;
    let Some(user) = user.filter(|_| is_right) else {
        failed(&allowed, &body.email).await?;
        return Err(wrong());
    };
    attempts::clear(&allowed, Of::Account(&body.email)).await?;
    if user.email_verified_at.is_none() || user.totp_enabled_at.is_some() {
        // No session begins, and yet it was no failure.
        attempts::take_back(&allowed, Of::Address(allowed.origin.address)).await?;
    }
    if user.email_verified_at.is_none() {
        return Err(Problem::new(
            Code::EmailUnverified,
            "The e-mail address is to be verified first",
            "Follow the link in the mail; POST /api/auth/resend-verification sends it again.",
        )
        .into());
    }
    let mut tx = allowed.read_outside().await?;
    if let Some(old) = kept.filter(|kept| password::needs_rehash(kept)) {
        // A password from before the rules of today goes on as it is.
        if let Ok(new) = password::hash(body.password).await {
            users::rehash(&mut tx, user.id, &old, &new).await?;
        }
    }
    if user.totp_enabled_at.is_none() {
        commit(tx).await?;
        let change = allowed.change_outside().await?;
        let tokens = session::begin(&api, &allowed, change, user.id, "password").await?;
        return Ok(tokens.answer(&api, delivery.by_cookie_only(&headers)));
    }
    let (person, lifetime) = (Some(user.id), once::CEREMONY);
    let token = once::give(&mut tx, Purpose::SecondFactor, person, &[], lifetime).await?;
    commit(tx).await?;
    let answer = SecondFactorRequired {
        requires_totp: true,
        requires_totp_too: true,
        partial_token: token.expose_secret().to_owned(),
    };
    Ok((session::no_store(), Answered(answer)).into_response())
}

/// Records that somebody did not get in. What was typed as an address may be a password: of one that is not known, a
/// hash is kept.
pub(super) async fn failed(allowed: &Allowed<Anyone>, email: &str) -> Answer<()> {
    let mut change = allowed.change_outside().await?;
    let records = users::records_of(&mut change, email).await?;
    let name = if records.is_empty() {
        format!("sha256:{}", attempts::hashed(email))
    } else {
        email.to_owned()
    };
    let act = Act::new("auth.login_failed").on("user", "", name);
    change.commit_for(&or_installation(records), act).await
}
