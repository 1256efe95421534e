//! `DELETE /api/roles/{id}`.

use axum::{extract::Path, http::StatusCode};
use ocore_domain::{Code, Problem, access::Scope};
use ocore_store::roles as rows;

use super::{Role, changeable};
use crate::{
    access::{Act, Allowed, Manage, Roles},
    grants, organizations,
    problem::Answer,
};

/// Delete a role
///
/// One that nobody has, and that no open invitation offers.
#[utoipa::path(
    delete, path = "/api/roles/{id}", operation_id = "deleteRole", tag = "roles",
    params(("id" = String, Path, description = "Id")),
    responses((status = 204))
)]
pub(super) async fn delete(allowed: Allowed<Manage<Roles>>, Path(id): Path<String>) -> Answer<StatusCode> {
    let organization = allowed.organization()?;
    let mut change = allowed.change().await?;
    organizations::lock(&mut change, organization).await?;
    let role = changeable(&mut change, organization, &id).await?;
    grants::may_touch(&allowed, &role.permissions, &Scope::default())?;
    let uses = rows::uses(&mut change, role.id).await?;
    if !uses.none() {
        return Err(Problem::new(
            Code::InUse,
            format!(
                "The role {} is that of {} members, {} open invitations and {} invite links",
                role.name, uses.members, uses.invitations, uses.invite_links
            ),
            "Give the members another role; cancel the invitations and revoke the links.",
        )
        .into());
    }
    rows::delete(&mut change, role.id).await?;
    let act = Act::new("role.deleted").on("role", role.id, &role.name);
    change.commit(act.before(&Role::from(role))).await?;
    Ok(StatusCode::NO_CONTENT)
}
