//! `GET /api/invite-links`.

use axum::{Json, extract::State};
use ocore_domain::InviteLinkId;
use ocore_store::invite_links as rows;

use super::OpenInviteLink;
use crate::{
    Api,
    access::{Allowed, Manage, Members},
    body::Query,
    page::{List, Part},
    problem::Answer,
};

/// Invite links that are not revoked, newest first
#[utoipa::path(
    get, path = "/api/invite-links", operation_id = "listInviteLinks", tag = "invitations", params(Part),
    responses((status = 200, body = List<OpenInviteLink>))
)]
pub(super) async fn list(
    allowed: Allowed<Manage<Members>>,
    State(api): State<Api>,
    Query(part): Query<Part>,
) -> Answer<Json<List<OpenInviteLink>>> {
    let page = part.of::<InviteLinkId>()?;
    let organization = allowed.organization()?;
    let page = rows::list(&mut *allowed.read().await?, organization, &page).await?;
    let shown = page
        .data
        .iter()
        .map(|row| OpenInviteLink::shown(row, &allowed, &api, organization));
    let shown = shown.collect::<Answer<_>>()?;
    Ok(Json(page.holding(shown).into()))
}
