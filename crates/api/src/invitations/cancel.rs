//! `DELETE /api/invitations/{id}`: takes an invitation back.

use axum::{extract::Path, http::StatusCode};
use ocore_domain::{Code, Problem, access::InvitationStatus};
use ocore_store::{PgConnection, invitations as rows};

use super::{Invitation, find};
use crate::{
    access::{Act, Allowed, InTenancy, Manage, Members},
    grants, organizations,
    problem::Answer,
};

/// Cancel an invitation
#[utoipa::path(
    delete, path = "/api/invitations/{id}", operation_id = "cancelInvitation", tag = "invitations",
    params(("id" = String, Path, description = "Id")),
    responses((status = 204))
)]
pub(super) async fn cancel(allowed: Allowed<Manage<Members>>, Path(id): Path<String>) -> Answer<StatusCode> {
    let mut change = allowed.change().await?;
    let invitation = open(&allowed, &mut change, &id).await?;
    rows::cancel(&mut change, invitation.id).await?;
    let act = Act::new("invitation.cancelled").on("invitation", invitation.id, &invitation.email);
    change.commit(act.before(&Invitation::from(invitation))).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The invitation of this id, if nobody has answered it and who asks may do what it offers. Nobody can answer it until the
/// transaction ends.
pub(super) async fn open<N: InTenancy>(
    allowed: &Allowed<N>,
    conn: &mut PgConnection,
    id: &str,
) -> Answer<rows::Invitation> {
    let organization = allowed.organization()?;
    organizations::lock(conn, organization).await?;
    let invitation = find(conn, organization, id).await?;
    if !matches!(
        invitation.status,
        InvitationStatus::Pending | InvitationStatus::Expired
    ) {
        return Err(Problem::new(
            Code::StateConflict,
            format!("The invitation is {} already", invitation.status),
            "Invite again if somebody is to be invited.",
        )
        .into());
    }
    let permissions = invitation.permissions.as_deref().unwrap_or_default();
    grants::may_touch(allowed, permissions, &invitation.scope())?;
    Ok(invitation)
}
