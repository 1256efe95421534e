//! `GET /api/auth/setup`: what the first page has to know.

use axum::{Json, extract::State};
use ocore_store::users;
use serde::Serialize;
use utoipa::ToSchema;

use super::providers::{self, Provider};
use crate::{
    Api, Signup,
    access::{Allowed, Anyone},
    problem::Answer,
};

/// What an installation offers to who is not signed in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Setup {
    /// Whether nobody has an account: who signs up first administers the installation.
    needs_first_account: bool,
    /// Who may sign up: `invited` or `open`.
    #[schema(example = "invited")]
    signup: &'static str,
    providers: Vec<Provider>,
    /// Whether people can sign in by passkey.
    passkeys: bool,
    /// Whether mails can be sent.
    mail: bool,
}

/// What the first page has to know
#[utoipa::path(
    get, path = "/api/auth/setup", operation_id = "showSetup", tag = "auth", responses((status = 200, body = Setup))
)]
pub(super) async fn setup(allowed: Allowed<Anyone>, State(api): State<Api>) -> Answer<Json<Setup>> {
    let exist = users::exist(&mut *allowed.read_outside().await?).await?;
    Ok(Json(Setup {
        needs_first_account: !exist,
        signup: match api.installation.settings.signup {
            Signup::Invited => "invited",
            Signup::Open => "open",
        },
        providers: providers::all(&api),
        passkeys: api.installation.passkeys.is_some(),
        mail: api.installation.post.is_open(),
    }))
}
