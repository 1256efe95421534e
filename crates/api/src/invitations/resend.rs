//! `POST /api/invitations/{id}/resend`: sends an invitation again, with a new link.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use chrono::Utc;
use ocore_store::invitations as rows;

use super::{DAYS, Invitation, InvitationSent, cancel::open, find, invite::deliver};
use crate::{
    Api,
    access::{Act, Allowed, Manage, Members},
    organizations,
    problem::Answer,
    secrets,
};

/// Send an invitation again
///
/// It is good for 7 days from now, by the new link only.
#[utoipa::path(
    post, path = "/api/invitations/{id}/resend", operation_id = "resendInvitation", tag = "invitations",
    params(("id" = String, Path, description = "Id")),
    responses((status = 202, body = InvitationSent))
)]
pub(super) async fn resend(
    allowed: Allowed<Manage<Members>>,
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Answer<(StatusCode, Json<InvitationSent>)> {
    let mut change = allowed.change().await?;
    let place = organizations::lock(&mut change, allowed.organization()?).await?;
    let before = open(&allowed, &mut change, &id).await?;
    let token = secrets::key();
    rows::renew(&mut change, before.id, &token, Utc::now() + DAYS).await?;
    let invitation = Invitation::from(find(&mut change, allowed.organization()?, &id).await?);
    let act = Act::new("invitation.resent").on("invitation", invitation.id, &invitation.email);
    change
        .commit(act.before(&Invitation::from(before)).after(&invitation))
        .await?;
    let link = deliver(&api, &place.name, &invitation, &token);
    Ok((StatusCode::ACCEPTED, Json(InvitationSent { invitation, link })))
}
