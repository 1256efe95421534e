//! `POST /api/invitations/accept`: who was invited comes in.

use axum::Json as Answered;
use ocore_domain::{Problem, UserId};
use ocore_store::invitations::{self as rows, Joined};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::InvitationAccepted;
use crate::{
    access::{Act, Actor, Allowed, Change, SignedIn},
    body::Json,
    members::{self, Member},
    organizations::OrganizationName,
    problem::Answer,
};

/// An invitation to be accepted.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AcceptInvitation {
    /// From the link.
    #[schema(value_type = String, write_only)]
    token: SecretString,
}

/// Accept an invitation
///
/// By the account with the e-mail address that was invited.
#[utoipa::path(
    post, path = "/api/invitations/accept", operation_id = "acceptInvitation", tag = "invitations",
    request_body = AcceptInvitation, responses((status = 200, body = InvitationAccepted))
)]
pub(super) async fn accept(
    allowed: Allowed<SignedIn>,
    Json(body): Json<AcceptInvitation>,
) -> Answer<Answered<InvitationAccepted>> {
    let Actor::User { id, email, .. } = &allowed.signed()?.actor else {
        return Err(Problem::internal("nobody is signed in").into());
    };
    let mut change = allowed.change_outside().await?;
    let joined = rows::accept(&mut change, &body.token, *id, email).await?;
    commit(change, joined, *id).await
}

/// Records that somebody came in, and answers where they are now.
pub(crate) async fn commit(
    mut change: Change,
    joined: Joined,
    user: UserId,
) -> Answer<Answered<InvitationAccepted>> {
    let organization = joined.organization;
    let member = Member::from(members::find(&mut change, organization.id, user).await?);
    let act = Act::new("member.joined").on("member", user, member.email());
    change
        .commit_for(&[Some(organization.id)], act.after(&member))
        .await?;
    Ok(Answered(InvitationAccepted {
        organization: OrganizationName {
            id: organization.id,
            name: organization.name,
            slug: organization.slug,
        },
    }))
}
