//! `POST /api/auth/verify-email` and `…/resend-verification`: whether an address is its owner's.

use axum::{Json as Answered, extract::State, http::StatusCode};
use ocore_domain::{Code, UserId};
use ocore_mail::Message;
use ocore_store::{
    invite_links,
    one_time_tokens::{self, Purpose},
    organizations, users,
};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    User, account,
    attempts::{self, Of},
    bad_link, commit, once, records,
    signup::{self, Wishes},
};
use crate::{
    Api, Signup,
    access::{Act, Allowed, Anyone, Change},
    body::Json,
    problem::Answer,
};

/// A link from a mail.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyEmail {
    #[schema(value_type = String, write_only)]
    token: SecretString,
}

/// Verify the e-mail address of a new account
///
/// Who was invited is in the organization from then on; where anybody may sign up, others get one of their own.
#[utoipa::path(
    post, path = "/api/auth/verify-email", operation_id = "verifyEmail", tag = "auth", request_body = VerifyEmail,
    responses((status = 204))
)]
pub(super) async fn verify(
    allowed: Allowed<Anyone>,
    State(api): State<Api>,
    Json(body): Json<VerifyEmail>,
) -> Answer<StatusCode> {
    let mut change = allowed.change_outside().await?;
    let (user, sealed) = once::take_of_user(&mut change, Purpose::VerifyEmail, &body.token).await?;
    let wishes = signup::wishes(&api, user, &sealed)?;
    if !users::verify(&mut change, user).await? {
        return Err(bad_link());
    }
    one_time_tokens::forget(&mut change, user, Purpose::VerifyEmail).await?;
    if let Some(hash) = &wishes.password_hash {
        users::set_password(&mut change, user, hash).await?;
    }
    settle(&mut change, user, &wishes).await?;
    let user = User::from(&account(&mut change, user).await?);
    let records = records(&mut change, user.id).await?;
    let act = Act::new("auth.email_verified").on("user", user.id, &user.email);
    change.commit_for(&records, act.after(&user)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Brings a new account to where it belongs. An invitation that has become bad meanwhile is no reason to refuse the
/// address.
async fn settle(change: &mut Change, user: UserId, wishes: &Wishes) -> Answer<()> {
    if let Some(code) = &wishes.invite_code {
        match invite_links::join(change, &code.as_str().into(), user).await {
            Ok(_) => return Ok(()),
            Err(ocore_store::Error::Problem(problem)) if problem.code == Code::InvalidLink => (),
            Err(error) => return Err(error.into()),
        }
    }
    if wishes.is_open {
        let name = match &wishes.organization_name {
            Some(name) => name.clone(),
            None => own_name(&account(change, user).await?.name),
        };
        organizations::create(change, &name, None, user).await?;
    }
    Ok(())
}

/// What an organization of somebody's own is called, when they have not said.
pub(super) fn own_name(name: &str) -> String {
    format!("{name}'s organization").chars().take(100).collect()
}

/// Who did not get a mail.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResendVerification {
    email: String,
}

/// Have the mail sent again that verifies an address
///
/// The same answer, whether the address is known or not.
#[utoipa::path(
    post, path = "/api/auth/resend-verification", operation_id = "resendVerification", tag = "auth",
    request_body = ResendVerification, responses((status = 202, body = Object))
)]
pub(super) async fn resend(
    allowed: Allowed<Anyone>,
    State(api): State<Api>,
    Json(body): Json<ResendVerification>,
) -> Answer<(StatusCode, Answered<Value>)> {
    api.installation.post.must_be_open()?;
    attempts::count(&allowed, Of::Begun(allowed.origin.address)).await?;
    // Beside the answer, so that its time tells nothing.
    let post = api.installation.post.clone();
    post.beside(async move {
        if let Err(failure) = again(&api, &allowed, &body.email).await {
            tracing::error!(?failure, "a verification was not sent again");
        }
    });
    Ok((StatusCode::ACCEPTED, Answered(json!({}))))
}

async fn again(api: &Api, allowed: &Allowed<Anyone>, email: &str) -> Answer<()> {
    let user = users::by_email(&mut *allowed.read_outside().await?, email).await?;
    let is_waiting = |user: &users::User| user.email_verified_at.is_none() && user.deactivated_at.is_none();
    let Some(user) = user.filter(is_waiting) else {
        return Ok(());
    };
    if attempts::count(allowed, Of::Mail(email)).await.is_err() {
        return Ok(());
    }
    let mut tx = allowed.read_outside().await?;
    let before = one_time_tokens::newest(&mut tx, user.id, Purpose::VerifyEmail).await?;
    let wishes = match before {
        // But for the password: it stays the first one, whoever has signed up since.
        Some(sealed) => Wishes {
            password_hash: None,
            ..signup::wishes(api, user.id, &sealed)?
        },
        None => Wishes {
            is_open: api.installation.settings.signup == Signup::Open,
            ..Wishes::default()
        },
    };
    let token = signup::ask(api, &mut tx, user.id, &wishes).await?;
    commit(tx).await?;
    let link = once::link(api, "verify-email", &token);
    api.installation
        .post
        .send(&user.email, Message::VerifyEmail { link });
    Ok(())
}
