//! `PUT /api/roles/{id}`: another name, other permissions.

use axum::extract::Path;
use ocore_domain::access::{Permission, Scope};
use ocore_store::roles as rows;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Role, changeable, check_description, find, taken};
use crate::{
    access::{Act, Allowed, Manage, Roles},
    body::Json,
    checks::Checks,
    grants, organizations,
    problem::Answer,
    revision::{IfMatch, Tagged},
};

/// What is to change; what is not given stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateRole {
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    #[schema(max_length = 500)]
    description: Option<String>,
    /// All of its permissions: one or more of those that GET /api/permissions lists.
    #[schema(value_type = Option<Vec<Permission>>)]
    permission_ids: Option<Vec<String>>,
}

/// Change a role
///
/// Neither before nor after it permits what who changes it may not do. Members feel it at their next request.
#[utoipa::path(
    put, path = "/api/roles/{id}", operation_id = "updateRole", tag = "roles", request_body = UpdateRole,
    params(
        ("id" = String, Path, description = "Id"),
        ("If-Match" = Option<String>, Header, description = "The `revision` that was read, in quotes; without it, whatever changed meanwhile"),
    ),
    responses((status = 200, body = Role, headers(("ETag" = String, description = "Its revision"))))
)]
pub(super) async fn update(
    allowed: Allowed<Manage<Roles>>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Json(body): Json<UpdateRole>,
) -> Answer<Tagged<Role>> {
    let mut checks = Checks::default();
    if let Some(name) = &body.name {
        checks.name(name);
    }
    if let Some(description) = &body.description {
        check_description(&mut checks, description);
    }
    let permissions = body
        .permission_ids
        .map(|named| grants::permissions(&mut checks, "permissionIds", &named));
    checks.done()?;
    let organization = allowed.organization()?;
    let mut change = allowed.change().await?;
    organizations::lock(&mut change, organization).await?;
    let before = changeable(&mut change, organization, &id).await?;
    if_match.check(before.revision)?;
    grants::may_touch(&allowed, &before.permissions, &Scope::default())?;
    let permissions = permissions.unwrap_or_else(|| before.permissions());
    allowed.may_grant(&permissions, &Scope::default())?;
    let name = body.name.as_ref().unwrap_or(&before.name);
    let description = body.description.as_ref().unwrap_or(&before.description);
    rows::update(&mut change, before.id, name, description, &permissions)
        .await
        .map_err(|error| taken(error, name))?;
    let after = Role::from(find(&mut change, organization, &id).await?);
    let act = Act::new("role.updated").on("role", before.id, &after.name);
    change
        .commit(act.before(&Role::from(before)).after(&after))
        .await?;
    Ok(after.tagged())
}
