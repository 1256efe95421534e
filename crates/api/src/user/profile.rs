//! `PUT /api/user`: somebody's name.

use axum::Json as Answered;
use ocore_store::users;
use serde::Deserialize;
use utoipa::ToSchema;

use super::who;
use crate::{
    access::{Act, Allowed, SignedIn},
    auth::{User, account, records},
    body::Json,
    checks::Checks,
    problem::Answer,
};

/// What is to be another.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateUser {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

/// Change one's name
#[utoipa::path(
    put, path = "/api/user", operation_id = "updateUser", tag = "user", request_body = UpdateUser,
    responses((status = 200, body = User))
)]
pub(super) async fn update(
    allowed: Allowed<SignedIn>,
    Json(body): Json<UpdateUser>,
) -> Answer<Answered<User>> {
    let mut checks = Checks::default();
    checks.name(&body.name);
    checks.done()?;
    let (id, _) = who(&allowed)?;
    let mut change = allowed.change_outside().await?;
    let before = User::from(&account(&mut change, id).await?);
    users::set_name(&mut change, id, &body.name).await?;
    let row = account(&mut change, id).await?;
    let after = User::from(&row);
    let records = records(&mut change, id).await?;
    let act = Act::new("auth.profile_updated").on("user", id, &row.email);
    change
        .commit_for(&records, act.before(&before).after(&after))
        .await?;
    Ok(Answered(after))
}
