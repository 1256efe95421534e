//! `DELETE /api/members/{userId}`: takes somebody out of the organization.

use axum::{extract::Path, http::StatusCode};
use ocore_domain::{Code, Problem};
use ocore_store::members as rows;

use super::{Member, changeable};
use crate::{
    access::{Act, Allowed, Manage, Members},
    grants, organizations,
    problem::Answer,
};

/// Remove a member
///
/// Their account stays, and so do the API keys they made: those are the organization's. The keys of devices that they
/// signed in are revoked.
#[utoipa::path(
    delete, path = "/api/members/{userId}", operation_id = "removeMember", tag = "members",
    params(("userId" = String, Path, description = "Id of the member")),
    responses((status = 204))
)]
pub(super) async fn remove(
    allowed: Allowed<Manage<Members>>,
    Path(user): Path<String>,
) -> Answer<StatusCode> {
    let organization = allowed.organization()?;
    let mut change = allowed.change().await?;
    organizations::lock(&mut change, organization).await?;
    let member = changeable(&allowed, &mut change, &user).await?;
    if grants::person(&allowed) == Some(member.user_id) {
        return Err(Problem::new(
            Code::StateConflict,
            "Nobody removes themselves",
            "Leave by POST /api/members/leave.",
        )
        .into());
    }
    rows::remove(&mut change, organization, member.user_id).await?;
    let act = Act::new("member.removed").on("member", member.user_id, &member.email);
    change.commit(act.before(&Member::from(member))).await?;
    Ok(StatusCode::NO_CONTENT)
}
