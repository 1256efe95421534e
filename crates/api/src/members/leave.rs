//! `POST /api/members/leave`: goes out of the organization.

use axum::http::StatusCode;
use ocore_domain::{Code, Problem};
use ocore_store::members as rows;

use super::{Member as View, find};
use crate::{
    access::{Act, Allowed, Member},
    grants, organizations,
    problem::{Answer, Failure},
};

/// Leave the organization
///
/// The owner hands it over first, or deletes it. The keys of devices that were signed in are revoked.
#[utoipa::path(
    post, path = "/api/members/leave", operation_id = "leaveOrganization", tag = "members",
    responses((status = 204))
)]
pub(super) async fn leave(allowed: Allowed<Member>) -> Answer<StatusCode> {
    let organization = allowed.organization()?;
    let user = grants::person(&allowed).ok_or_else(|| {
        Failure::from(Problem::new(
            Code::Forbidden,
            "An API key is in no organization as a member is",
            "Sign in as the person who is to leave, or revoke the key.",
        ))
    })?;
    let mut change = allowed.change().await?;
    organizations::lock(&mut change, organization).await?;
    let member = find(&mut change, organization, user).await?;
    if member.is_owner {
        return Err(Problem::new(
            Code::StateConflict,
            "The owner cannot leave the organization",
            "Hand it over first (POST /api/org/transfer), or delete it.",
        )
        .into());
    }
    rows::remove(&mut change, organization, user).await?;
    let act = Act::new("member.left").on("member", user, &member.email);
    change.commit(act.before(&View::from(member))).await?;
    Ok(StatusCode::NO_CONTENT)
}
