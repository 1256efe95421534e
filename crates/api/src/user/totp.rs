//! `/api/user/totp`: codes of an app beside the password.

use axum::{
    Json as Answered,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::Utc;
use ocore_domain::{Code, Problem, UserId};
use ocore_identity::{recovery, totp};
use ocore_store::{PgConnection, recovery_codes, users};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{confirm, who};
use crate::{
    Api,
    access::{Act, Allowed, SignedIn},
    auth::{
        account,
        attempts::{self, Of},
        factor, no_store, records, wrong,
    },
    body::Json,
    problem::{Answer, Failure},
};

/// The password, to show that it is oneself.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirmation {
    /// Not needed by an account that has none and was signed in to just now.
    #[schema(value_type = Option<String>, write_only)]
    password: Option<SecretString>,
}

/// What the app has to know. Shown this once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct TotpSetUp {
    /// To be typed where no camera is.
    secret: String,
    /// What the QR code says.
    uri: String,
    /// The QR code, as an SVG.
    qr_svg: String,
}

/// Begin to use codes of an app
///
/// They are asked for once one of them was sent to `POST /api/user/totp/enable`.
#[utoipa::path(
    post, path = "/api/user/totp/setup", operation_id = "setUpTotp", tag = "user", request_body = Confirmation,
    responses((status = 200, body = TotpSetUp))
)]
pub(super) async fn set_up(
    allowed: Allowed<SignedIn>,
    State(api): State<Api>,
    Json(body): Json<Confirmation>,
) -> Answer<Response> {
    let user = confirm(&allowed, body.password).await?;
    let secret = totp::generate();
    let place = users::totp_place(user.id);
    let sealed = api.store.sealer().seal(place, secret.expose_secret())?;
    let mut change = allowed.change_outside().await?;
    if !users::prepare_totp(&mut change, user.id, &sealed).await? {
        return Err(in_use());
    }
    let records = records(&mut change, user.id).await?;
    let act = Act::new("auth.totp_set_up").on("user", user.id, &user.email);
    change.commit_for(&records, act).await?;
    let uri = totp::uri(&secret, &user.email)?;
    let answer = TotpSetUp {
        secret: totp::base32(&secret).expose_secret().to_owned(),
        qr_svg: totp::qr_svg(&uri)?.expose_secret().to_owned(),
        uri: uri.expose_secret().to_owned(),
    };
    Ok((no_store(), Answered(answer)).into_response())
}

fn in_use() -> Failure {
    Problem::new(
        Code::StateConflict,
        "Codes of an app are asked for already",
        "Switch them off first (POST /api/user/totp/disable).",
    )
    .into()
}

/// A code of the app.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TotpCode {
    #[schema(value_type = String, write_only)]
    code: SecretString,
}

/// Ways in for whoever lost the phone, each good for once. Shown this once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RecoveryCodes {
    recovery_codes: Vec<String>,
}

/// Use codes of an app from now on
#[utoipa::path(
    post, path = "/api/user/totp/enable", operation_id = "enableTotp", tag = "user", request_body = TotpCode,
    responses((status = 200, body = RecoveryCodes))
)]
pub(super) async fn enable(
    allowed: Allowed<SignedIn>,
    State(api): State<Api>,
    Json(body): Json<TotpCode>,
) -> Answer<Response> {
    let (id, _) = who(&allowed)?;
    attempts::count(&allowed, Of::Confirmation(id)).await?;
    let mut change = allowed.change_outside().await?;
    let user = account(&mut change, id).await?;
    if user.totp_enabled_at.is_some() {
        return Err(in_use());
    }
    let Some(sealed) = &user.totp_secret_sealed else {
        return Err(Problem::new(
            Code::StateConflict,
            "The app has no secret yet",
            "Get one first (POST /api/user/totp/setup).",
        )
        .into());
    };
    let secret = api.store.sealer().open(users::totp_place(id), sealed)?;
    let code = body.code.expose_secret();
    let step = totp::check(&secret, code, Utc::now(), None).ok_or_else(wrong)?;
    if !users::enable_totp(&mut change, id, sealed, step).await? {
        return Err(in_use());
    }
    let codes = new_codes(&mut change, id).await?;
    let records = records(&mut change, id).await?;
    let act = Act::new("auth.totp_enabled").on("user", id, &user.email);
    change.commit_for(&records, act).await?;
    attempts::clear(&allowed, Of::Confirmation(id)).await?;
    Ok((no_store(), Answered(codes)).into_response())
}

async fn new_codes(conn: &mut PgConnection, user: UserId) -> Answer<RecoveryCodes> {
    let codes = recovery::generate();
    let hashes: Vec<Vec<u8>> = codes.iter().map(recovery::hash).collect();
    recovery_codes::replace(conn, user, &hashes).await?;
    Ok(RecoveryCodes {
        recovery_codes: codes.iter().map(|code| code.expose_secret().to_owned()).collect(),
    })
}

/// The password and a code, to show that it is oneself.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DisableTotp {
    /// Not needed by an account that has none and was signed in to just now.
    #[schema(value_type = Option<String>, write_only)]
    password: Option<SecretString>,
    /// Of the app, or a recovery code.
    #[schema(value_type = String, write_only)]
    code: SecretString,
}

/// Use no codes any more
#[utoipa::path(
    post, path = "/api/user/totp/disable", operation_id = "disableTotp", tag = "user", request_body = DisableTotp,
    responses((status = 204))
)]
pub(super) async fn disable(
    allowed: Allowed<SignedIn>,
    State(api): State<Api>,
    Json(body): Json<DisableTotp>,
) -> Answer<StatusCode> {
    let user = confirm(&allowed, body.password).await?;
    if user.totp_enabled_at.is_none() {
        return Err(not_in_use());
    }
    attempts::count(&allowed, Of::SecondFactor(user.id)).await?;
    let mut change = allowed.change_outside().await?;
    if !factor::take(&api, &mut change, &user, &body.code).await? {
        return Err(wrong());
    }
    users::disable_totp(&mut change, user.id).await?;
    recovery_codes::forget(&mut change, user.id).await?;
    let records = records(&mut change, user.id).await?;
    let act = Act::new("auth.totp_disabled").on("user", user.id, &user.email);
    change.commit_for(&records, act).await?;
    attempts::clear(&allowed, Of::SecondFactor(user.id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn not_in_use() -> Failure {
    Problem::new(
        Code::StateConflict,
        "No codes of an app are asked for",
        "Begin with POST /api/user/totp/setup.",
    )
    .into()
}

/// Get new recovery codes
///
/// Those there were are good for nothing any more.
#[utoipa::path(
    post, path = "/api/user/totp/recovery-codes", operation_id = "renewRecoveryCodes", tag = "user",
    request_body = Confirmation, responses((status = 200, body = RecoveryCodes))
)]
pub(super) async fn renew_recovery_codes(
    allowed: Allowed<SignedIn>,
    Json(body): Json<Confirmation>,
) -> Answer<Response> {
    let user = confirm(&allowed, body.password).await?;
    let mut change = allowed.change_outside().await?;
    // Locked, so that they are not switched off at the same time.
    let now = users::by_id_for_update(&mut change, user.id).await?;
    if now.is_none_or(|now| now.totp_enabled_at.is_none()) {
        return Err(not_in_use());
    }
    let codes = new_codes(&mut change, user.id).await?;
    let records = records(&mut change, user.id).await?;
    let act = Act::new("auth.recovery_codes_renewed").on("user", user.id, &user.email);
    change.commit_for(&records, act).await?;
    Ok((no_store(), Answered(codes)).into_response())
}
