//! `POST /api/auth/forgot-password` and `…/reset-password`: a new password by mail.

use axum::{Json as Answered, extract::State, http::StatusCode};
use ocore_identity::password;
use ocore_mail::Message;
use ocore_store::{
    one_time_tokens::{self, Purpose},
    sessions, users,
};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    account,
    attempts::{self, Of},
    bad_link, commit, once, records,
};
use crate::{
    Api,
    access::{Act, Allowed, Anyone},
    body::Json,
    checks::Checks,
    problem::Answer,
};

/// Who has no password, or not any more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ForgotPassword {
    email: String,
}

/// Have a link to a new password sent
///
/// The same answer, whether the address is known or not.
#[utoipa::path(
    post, path = "/api/auth/forgot-password", operation_id = "forgotPassword", tag = "auth",
    request_body = ForgotPassword, responses((status = 200, body = Object))
)]
pub(super) async fn forgot(
    allowed: Allowed<Anyone>,
    State(api): State<Api>,
    Json(body): Json<ForgotPassword>,
) -> Answer<Answered<Value>> {
    api.installation.post.must_be_open()?;
    attempts::count(&allowed, Of::Begun(allowed.origin.address)).await?;
    // Beside the answer, so that its time tells nothing.
    let post = api.installation.post.clone();
    post.beside(async move {
        if let Err(failure) = send(&api, &allowed, &body.email).await {
            tracing::error!(?failure, "a link to a new password was not sent");
        }
    });
    Ok(Answered(json!({})))
}

async fn send(api: &Api, allowed: &Allowed<Anyone>, email: &str) -> Answer<()> {
    let user = users::by_email(&mut *allowed.read_outside().await?, email).await?;
    let Some(user) = user.filter(|user| user.deactivated_at.is_none()) else {
        return Ok(());
    };
    if attempts::count(allowed, Of::Mail(email)).await.is_err() {
        return Ok(());
    }
    let mut tx = allowed.read_outside().await?;
    let (person, lifetime) = (Some(user.id), once::RESET);
    let token = once::give(&mut tx, Purpose::ResetPassword, person, &[], lifetime).await?;
    commit(tx).await?;
    let link = once::link(api, "reset-password", &token);
    api.installation
        .post
        .send(&user.email, Message::ResetPassword { link });
    Ok(())
}

/// A new password, and the link from the mail.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResetPassword {
    #[schema(value_type = String, write_only)]
    token: SecretString,
    /// 8 to 256 characters, with a letter and a digit.
    #[schema(value_type = String, write_only)]
    password: SecretString,
}

/// Set a new password by a link from a mail
///
/// Every session ends. The address is verified by it too.
#[utoipa::path(
    post, path = "/api/auth/reset-password", operation_id = "resetPassword", tag = "auth",
    request_body = ResetPassword, responses((status = 204))
)]
pub(super) async fn reset(
    allowed: Allowed<Anyone>,
    State(api): State<Api>,
    Json(body): Json<ResetPassword>,
) -> Answer<StatusCode> {
    // A password that does not do uses up neither the link nor the processor.
    let mut checks = Checks::default();
    checks.password("password", &body.password);
    checks.done()?;
    attempts::count(&allowed, Of::Begun(allowed.origin.address)).await?;
    let hash = password::hash(body.password).await?;
    let mut change = allowed.change_outside().await?;
    let (id, _) = once::take_of_user(&mut change, Purpose::ResetPassword, &body.token).await?;
    let user = account(&mut change, id).await?;
    if user.deactivated_at.is_some() {
        return Err(bad_link());
    }
    users::set_password(&mut change, id, &hash).await?;
    users::verify(&mut change, id).await?;
    sessions::revoke_others(&mut change, id, None).await?;
    for purpose in [
        Purpose::ResetPassword,
        Purpose::SecondFactor,
        Purpose::VerifyEmail,
    ] {
        one_time_tokens::forget(&mut change, id, purpose).await?;
    }
    let records = records(&mut change, id).await?;
    let act = Act::new("auth.password_reset").on("user", id, &user.email);
    change.commit_for(&records, act).await?;
    attempts::clear(&allowed, Of::Account(&user.email)).await?;
    api.installation.post.send(&user.email, Message::PasswordChanged);
    Ok(StatusCode::NO_CONTENT)
}
