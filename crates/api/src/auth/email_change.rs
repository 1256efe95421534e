//! `GET /api/auth/verify-email-change`: the second half of changing an e-mail address.

use axum::{extract::State, http::StatusCode};
use ocore_mail::Message;
use ocore_store::{
    one_time_tokens::{self, Purpose},
    users,
};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

use super::{account, bad_link, once, records, signup::EMAIL};
use crate::{
    Api,
    access::{Act, Allowed, Anyone},
    body::Query,
    problem::Answer,
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Link {
    /// From the mail.
    #[param(value_type = String)]
    token: SecretString,
}

/// Verify the new e-mail address of an account
#[utoipa::path(
    get, path = "/api/auth/verify-email-change", operation_id = "verifyEmailChange", tag = "auth", params(Link),
    responses((status = 204))
)]
pub(super) async fn verify(
    allowed: Allowed<Anyone>,
    State(api): State<Api>,
    Query(link): Query<Link>,
) -> Answer<StatusCode> {
    let mut change = allowed.change_outside().await?;
    let (id, address) = once::take_of_user(&mut change, Purpose::ChangeEmail, &link.token).await?;
    let before = account(&mut change, id).await?;
    let address = String::from_utf8(address).map_err(|_| bad_link())?;
    if before.deactivated_at.is_some() {
        return Err(bad_link());
    }
    users::set_email(&mut change, id, &address)
        .await
        .map_err(|error| {
            // Somebody else has made an account with it meanwhile.
            if error.constraint() == Some(EMAIL) {
                bad_link()
            } else {
                error.into()
            }
        })?;
    // What was sent to the old address is good for nothing any more.
    for purpose in [Purpose::ChangeEmail, Purpose::ResetPassword] {
        one_time_tokens::forget(&mut change, id, purpose).await?;
    }
    let records = records(&mut change, id).await?;
    let act = Act::new("auth.email_changed")
        .on("user", id, &address)
        .before(&json!({ "email": before.email }))
        .after(&json!({ "email": address }));
    change.commit_for(&records, act).await?;
    api.installation.post.send(&before.email, Message::EmailChanged);
    Ok(StatusCode::NO_CONTENT)
}
