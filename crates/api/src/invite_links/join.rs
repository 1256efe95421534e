//! `POST /api/invite-links/join`: whoever has the code comes in.

use axum::Json as Answered;
use ocore_store::invite_links as rows;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    access::{Allowed, SignedIn},
    body::Json,
    invitations::{self, InvitationAccepted},
    problem::Answer,
    user::who,
};

/// By which code somebody comes.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct JoinOrganization {
    /// From the link.
    #[schema(value_type = String, write_only)]
    code: SecretString,
}

/// Join an organization
#[utoipa::path(
    post, path = "/api/invite-links/join", operation_id = "joinOrganization", tag = "invitations",
    request_body = JoinOrganization, responses((status = 200, body = InvitationAccepted))
)]
pub(super) async fn join(
    allowed: Allowed<SignedIn>,
    Json(body): Json<JoinOrganization>,
) -> Answer<Answered<InvitationAccepted>> {
    let (user, _) = who(&allowed)?;
    let mut change = allowed.change_outside().await?;
    let joined = rows::join(&mut change, &body.code, user).await?;
    invitations::joined(change, joined, user).await
}
