//! `POST /api/user/change-email`: the first half of changing an e-mail address.

use axum::{Json as Answered, extract::State, http::StatusCode};
use ocore_mail::Message;
use ocore_store::{
    one_time_tokens::{self, Purpose},
    users,
};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::confirm;
use crate::{
    Api,
    access::{Act, Allowed, SignedIn},
    auth::{
        attempts::{self, Of},
        once, records,
    },
    body::Json,
    checks::Checks,
    problem::Answer,
};

/// Another e-mail address.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ChangeEmail {
    #[schema(max_length = 254)]
    new_email: String,
    /// Not needed by an account that has none and was signed in to just now.
    #[schema(value_type = Option<String>, write_only)]
    password: Option<SecretString>,
}

/// Change one's e-mail address
///
/// The new address gets a mail; the account keeps the old one until the link in it is followed. The answer is the same
/// when another account has it.
#[utoipa::path(
    post, path = "/api/user/change-email", operation_id = "changeEmail", tag = "user", request_body = ChangeEmail,
    responses((status = 202, body = Object))
)]
pub(super) async fn change(
    allowed: Allowed<SignedIn>,
    State(api): State<Api>,
    Json(body): Json<ChangeEmail>,
) -> Answer<(StatusCode, Answered<Value>)> {
    let mut checks = Checks::default();
    checks.email("newEmail", &body.new_email);
    checks.done()?;
    api.installation.post.must_be_open()?;
    let user = confirm(&allowed, body.password).await?;
    attempts::count(&allowed, Of::Mail(&body.new_email)).await?;
    let mut change = allowed.change_outside().await?;
    let owner = users::by_email(&mut change, &body.new_email).await?;
    let is_free = owner.is_none_or(|owner| owner.id == user.id);
    one_time_tokens::forget(&mut change, user.id, Purpose::ChangeEmail).await?;
    let data = body.new_email.as_bytes();
    let (person, lifetime) = (Some(user.id), once::VERIFICATION);
    let token = once::give(&mut change, Purpose::ChangeEmail, person, data, lifetime).await?;
    let records = records(&mut change, user.id).await?;
    let act = Act::new("auth.email_change_requested").on("user", user.id, &user.email);
    change.commit_for(&records, act).await?;
    if is_free {
        let message = Message::ChangeEmail {
            link: once::link(&api, "verify-email-change", &token),
            address: body.new_email.clone(),
        };
        api.installation.post.send(&body.new_email, message);
    }
    Ok((StatusCode::ACCEPTED, Answered(json!({}))))
}
