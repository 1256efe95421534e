//! `POST /api/auth/logout`: ends the session.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use ocore_store::sessions;

use super::{records, session::without_cookies};
use crate::{
    Api,
    access::{Act, Allowed, SignedIn},
    problem::Answer,
    user::who,
};

/// Sign out
#[utoipa::path(
    post, path = "/api/auth/logout", operation_id = "logOut", tag = "auth", responses((status = 204))
)]
pub(super) async fn log_out(allowed: Allowed<SignedIn>, State(api): State<Api>) -> Answer<Response> {
    let (user, session) = who(&allowed)?;
    let mut change = allowed.change_outside().await?;
    sessions::revoke(&mut change, user, session).await?;
    let records = records(&mut change, user).await?;
    let act = Act::new("auth.logout").on("session", session, "");
    change.commit_for(&records, act).await?;
    Ok((StatusCode::NO_CONTENT, without_cookies(&api)).into_response())
}
