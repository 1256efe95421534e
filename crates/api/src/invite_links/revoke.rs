//! `DELETE /api/invite-links/{id}`.

use axum::{extract::Path, http::StatusCode};
use ocore_store::invite_links as rows;

use super::{InviteLink, find};
use crate::{
    access::{Act, Allowed, Manage, Members},
    grants, organizations,
    problem::Answer,
};

/// Revoke an invite link
///
/// Who came in by it stays.
#[utoipa::path(
    delete, path = "/api/invite-links/{id}", operation_id = "revokeInviteLink", tag = "invitations",
    params(("id" = String, Path, description = "Id")),
    responses((status = 204))
)]
pub(super) async fn revoke(allowed: Allowed<Manage<Members>>, Path(id): Path<String>) -> Answer<StatusCode> {
    let organization = allowed.organization()?;
    let mut change = allowed.change().await?;
    organizations::lock(&mut change, organization).await?;
    let link = find(&mut change, organization, &id).await?;
    grants::may_touch(&allowed, &link.permissions, &link.scope())?;
    rows::revoke(&mut change, link.id).await?;
    let act = Act::new("invite_link.revoked").on("invite_link", link.id, &link.role_name);
    change.commit(act.before(&InviteLink::from(&link))).await?;
    Ok(StatusCode::NO_CONTENT)
}
