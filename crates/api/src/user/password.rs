//! `POST /api/user/change-password`.

use axum::{extract::State, http::StatusCode};
use ocore_domain::{Code, Problem};
use ocore_identity::password;
use ocore_mail::Message;
use ocore_store::{
    one_time_tokens::{self, Purpose},
    sessions, users,
};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{confirm, who};
use crate::{
    Api,
    access::{Act, Allowed, SignedIn},
    auth::{account, records},
    body::Json,
    checks::Checks,
    problem::Answer,
};

/// Another password.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ChangePassword {
    #[schema(value_type = String, write_only)]
    current_password: SecretString,
    /// 8 to 256 characters, with a letter and a digit.
    #[schema(value_type = String, write_only)]
    new_password: SecretString,
    /// Whether every other session ends; so it is if not given.
    #[serde(default = "yes")]
    revoke_other_sessions: bool,
}

const fn yes() -> bool {
    true
}

/// Change one's password
///
/// Who has none gets one by `POST /api/auth/forgot-password`.
#[utoipa::path(
    post, path = "/api/user/change-password", operation_id = "changePassword", tag = "user",
    request_body = ChangePassword, responses((status = 204))
)]
pub(super) async fn change(
    allowed: Allowed<SignedIn>,
    State(api): State<Api>,
    Json(body): Json<ChangePassword>,
) -> Answer<StatusCode> {
    let mut checks = Checks::default();
    checks.password("newPassword", &body.new_password);
    checks.done()?;
    let (id, session) = who(&allowed)?;
    if account(&mut *allowed.read_outside().await?, id)
        .await?
        .password_hash
        .is_none()
    {
        return Err(Problem::new(
            Code::StateConflict,
            "The account has no password yet",
            "Have a link sent by which you choose one (POST /api/auth/forgot-password).",
        )
        .into());
    }
    let user = confirm(&allowed, Some(body.current_password)).await?;
    let hash = password::hash(body.new_password).await?;
    let mut change = allowed.change_outside().await?;
    users::set_password(&mut change, id, &hash).await?;
    if body.revoke_other_sessions {
        sessions::revoke_others(&mut change, id, Some(session)).await?;
    }
    for purpose in [Purpose::ResetPassword, Purpose::SecondFactor] {
        one_time_tokens::forget(&mut change, id, purpose).await?;
    }
    let records = records(&mut change, id).await?;
    let act = Act::new("auth.password_changed").on("user", id, &user.email);
    change.commit_for(&records, act).await?;
    api.installation.post.send(&user.email, Message::PasswordChanged);
    Ok(StatusCode::NO_CONTENT)
}
