//! `GET /api/auth/me`: who asks.

use axum::Json;
use ocore_domain::{
    OrganizationId,
    access::{Permissions, Scope},
};
use ocore_store::users;
use serde::Serialize;
use utoipa::ToSchema;

use super::{User, account};
use crate::{
    access::{Allowed, SignedIn},
    problem::Answer,
    user::who,
};

/// Who asks, and where they are.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Me {
    user: User,
    /// Every organization they are in, the one they joined first first.
    organizations: Vec<MyOrganization>,
    /// The one this request is about: named by `X-Org-Slug`, else the first.
    organization: Option<CurrentOrganization>,
}

/// An organization that somebody is in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MyOrganization {
    id: OrganizationId,
    name: String,
    slug: String,
    role: String,
    is_owner: bool,
}

/// An organization, and what who asks may do in it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CurrentOrganization {
    id: OrganizationId,
    slug: String,
    is_owner: bool,
    permissions: Permissions,
    scope: Scope,
    /// Whether it asks for a login by passkey, and this was none: nothing may be done in it then.
    requires_passkey: bool,
}

/// Who asks
#[utoipa::path(
    get, path = "/api/auth/me", operation_id = "whoAmI", tag = "auth", responses((status = 200, body = Me))
)]
pub(super) async fn me(allowed: Allowed<SignedIn>) -> Answer<Json<Me>> {
    let (user, _) = who(&allowed)?;
    let mut tx = allowed.read_outside().await?;
    let account = account(&mut tx, user).await?;
    let organizations = users::organizations(&mut tx, user).await?;
    let organization = allowed
        .signed()?
        .membership
        .as_ref()
        .map(|of| CurrentOrganization {
            id: of.organization,
            slug: of.slug.clone(),
            is_owner: of.is_owner,
            permissions: of.permissions(),
            scope: of.scope.clone(),
            requires_passkey: of.lacks_passkey,
        });
    let mine = |of: users::OrganizationOf| MyOrganization {
        id: of.id,
        name: of.name,
        slug: of.slug,
        role: of.role,
        is_owner: of.is_owner,
    };
    Ok(Json(Me {
        user: User::from(&account),
        organizations: organizations.into_iter().map(mine).collect(),
        organization,
    }))
}
