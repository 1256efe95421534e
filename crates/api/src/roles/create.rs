//! `POST /api/roles`: a role of the organization's own.

use axum::http::StatusCode;
use ocore_domain::access::{Permission, Scope};
use ocore_store::roles as rows;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Role, check_description, find, taken};
use crate::{
    access::{Act, Allowed, Manage, Roles},
    body::Json,
    checks::Checks,
    grants, organizations,
    problem::Answer,
    revision::Tagged,
};

/// A role to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateRole {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[serde(default)]
    #[schema(max_length = 500)]
    description: String,
    /// One or more of those that GET /api/permissions lists.
    #[schema(value_type = Vec<Permission>)]
    permission_ids: Vec<String>,
}

/// Make a role
///
/// It permits nothing that who makes it may not do.
#[utoipa::path(
    post, path = "/api/roles", operation_id = "createRole", tag = "roles", request_body = CreateRole,
    responses((status = 201, body = Role, headers(("ETag" = String, description = "Its revision"))))
)]
pub(super) async fn create(
    allowed: Allowed<Manage<Roles>>,
    Json(body): Json<CreateRole>,
) -> Answer<(StatusCode, Tagged<Role>)> {
    let mut checks = Checks::default();
    checks.name(&body.name);
    check_description(&mut checks, &body.description);
    let permissions = grants::permissions(&mut checks, "permissionIds", &body.permission_ids);
    checks.done()?;
    allowed.may_grant(&permissions, &Scope::default())?;
    let organization = allowed.organization()?;
    let mut change = allowed.change().await?;
    organizations::lock(&mut change, organization).await?;
    let id = rows::insert(
        &mut change,
        organization,
        &body.name,
        &body.description,
        &permissions,
    )
    .await
    .map_err(|error| taken(error, &body.name))?;
    let role = Role::from(find(&mut change, organization, &id.to_string()).await?);
    let act = Act::new("role.created").on("role", id, &role.name);
    change.commit(act.after(&role)).await?;
    Ok((StatusCode::CREATED, role.tagged()))
}
