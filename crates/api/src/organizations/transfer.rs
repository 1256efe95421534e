//! `POST /api/org/transfer`: hands the organization over to another member.

use ocore_domain::{Code, Problem, UserId};
use ocore_store::members as rows;
use serde::Deserialize;
use utoipa::ToSchema;

use super::lock;
use crate::{
    access::{Act, Allowed, Owner},
    body::Json,
    grants,
    members::{self, Member},
    page::List,
    problem::{Answer, Failure},
};

/// Who is to be the owner.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TransferOrganization {
    /// A member.
    user_id: UserId,
}

/// Hand the organization over
///
/// The member becomes the owner, without limits, and the owner an Admin. Answers the two.
#[utoipa::path(
    post, path = "/api/org/transfer", operation_id = "transferOrganization", tag = "organizations",
    request_body = TransferOrganization, responses((status = 200, body = List<Member>))
)]
pub(super) async fn transfer(
    allowed: Allowed<Owner>,
    Json(body): Json<TransferOrganization>,
) -> Answer<axum::Json<List<Member>>> {
    let id = allowed.organization()?;
    let mut change = allowed.change().await?;
    let organization = lock(&mut change, id).await?;
    // Another transfer may have been quicker than this one.
    let owner = match grants::person(&allowed) {
        Some(user) => rows::get(&mut change, id, user)
            .await?
            .filter(|member| member.is_owner),
        None => None,
    };
    let owner = owner.ok_or_else(|| {
        Failure::from(Problem::new(
            Code::Forbidden,
            "Only the organization's owner may do this",
            "Ask the owner.",
        ))
    })?;
    let heir = rows::get(&mut change, id, body.user_id)
        .await?
        .ok_or_else(|| Failure::field("userId", "must be the id of a member"))?;
    let obstacle = if heir.is_owner {
        Some("You are the owner already")
    } else if heir.deactivated_at.is_some() {
        Some("The member's account is deactivated")
    } else {
        None
    };
    if let Some(obstacle) = obstacle {
        return Err(Problem::new(Code::StateConflict, obstacle, "Name another member.").into());
    }
    rows::transfer(&mut change, id, owner.user_id, heir.user_id).await?;
    let mut two = Vec::new();
    for user in [heir.user_id, owner.user_id] {
        two.push(members::find(&mut change, id, user).await?);
    }
    let act = Act::new("org.transferred").on("organization", id, &organization.name);
    let before = [Member::from(heir), Member::from(owner)];
    let after: Vec<Member> = two.into_iter().map(Member::from).collect();
    change.commit(act.before(&before).after(&after)).await?;
    Ok(axum::Json(List::whole(after)))
}
