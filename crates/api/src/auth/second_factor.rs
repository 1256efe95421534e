//! `POST /api/auth/login/2fa`: the second half of a login by password.

use axum::{extract::State, http::HeaderMap, response::Response};
use ocore_identity::opaque;
use ocore_store::one_time_tokens::{self, Purpose};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    account,
    attempts::{self, Of},
    bad_link, commit, factor,
    login::failed,
    once,
    session::{self, Delivery, SignedIn},
    wrong,
};
use crate::{
    Api,
    access::{Allowed, Anyone},
    body::{Json, Query},
    problem::Answer,
};

/// A code for a login whose password was right.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct LogInByCode {
    /// From `POST /api/auth/login`.
    #[schema(value_type = String, write_only)]
    partial_token: SecretString,
    /// Of the app, or a recovery code.
    #[schema(value_type = String, write_only)]
    code: SecretString,
}

/// Go on with a login by a code
#[utoipa::path(
    post, path = "/api/auth/login/2fa", operation_id = "logInByCode", tag = "auth", params(Delivery),
    request_body = LogInByCode, responses((status = 200, body = SignedIn))
)]
pub(super) async fn log_in(
    allowed: Allowed<Anyone>,
    State(api): State<Api>,
    headers: HeaderMap,
    Query(delivery): Query<Delivery>,
    Json(body): Json<LogInByCode>,
) -> Answer<Response> {
    attempts::count(&allowed, Of::Address(allowed.origin.address)).await?;
    let hash = opaque::hash(&body.partial_token);
    let mut trying = allowed.read_outside().await?;
    let user = one_time_tokens::try_code(&mut trying, &hash).await?;
    commit(trying).await?;
    let user = user.ok_or_else(bad_link)?;
    attempts::count(&allowed, Of::SecondFactor(user)).await?;
    let mut change = allowed.change_outside().await?;
    let person = account(&mut change, user).await?;
    let is_right =
        person.deactivated_at.is_none() && factor::take(&api, &mut change, &person, &body.code).await?;
    if !is_right {
        drop(change);
        failed(&allowed, &person.email).await?;
        return Err(wrong());
    }
    once::take(&mut change, Purpose::SecondFactor, &body.partial_token).await?;
    let tokens = session::begin(&api, &allowed, change, user, "totp").await?;
    attempts::clear(&allowed, Of::SecondFactor(user)).await?;
    Ok(tokens.answer(&api, delivery.by_cookie_only(&headers)))
}
