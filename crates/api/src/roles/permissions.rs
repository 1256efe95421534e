//! `GET /api/permissions`: what a role or an API key can permit.

use axum::Json;
use ocore_domain::access::{Action, Permission, Resource};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::{Allowed, Roles, View},
    page::List,
};

/// A permission: an action on a kind of resource. To manage implies to view.
#[derive(Serialize, ToSchema)]
pub(super) struct PermissionEntry {
    /// What stands in roles and API keys.
    id: Permission,
    action: Action,
    resource: Resource,
}

/// Every permission
#[utoipa::path(
    get, path = "/api/permissions", operation_id = "listPermissions", tag = "roles",
    responses((status = 200, body = List<PermissionEntry>))
)]
pub(super) async fn list(_: Allowed<View<Roles>>) -> Json<List<PermissionEntry>> {
    let entry = |permission: Permission| PermissionEntry {
        id: permission,
        action: permission.action,
        resource: permission.resource,
    };
    Json(List::whole(Permission::all().map(entry).collect()))
}
