//! `GET /api/user/orgs`: the organizations of who asks.

use axum::Json;
use chrono::{DateTime, Utc};
use ocore_domain::{OrganizationId, OrganizationSlug};
use ocore_store::organizations as rows;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::{Allowed, SignedIn},
    body::Query,
    page::{List, Part},
    problem::Answer,
    user::who,
};

/// An organization, and what one is in it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MyOrganization {
    id: OrganizationId,
    name: String,
    slug: OrganizationSlug,
    logo_url: Option<String>,
    /// The name of one's role there.
    role: String,
    is_owner: bool,
    joined_at: DateTime<Utc>,
}

impl From<rows::OfUser> for MyOrganization {
    fn from(row: rows::OfUser) -> Self {
        Self {
            id: row.id,
            name: row.name,
            slug: row.slug,
            logo_url: row.logo_url,
            role: row.role,
            is_owner: row.is_owner,
            joined_at: row.joined_at,
        }
    }
}

/// One's own organizations, by slug
#[utoipa::path(
    get, path = "/api/user/orgs", operation_id = "listMyOrganizations", tag = "organizations", params(Part),
    responses((status = 200, body = List<MyOrganization>))
)]
pub(super) async fn list(
    allowed: Allowed<SignedIn>,
    Query(part): Query<Part>,
) -> Answer<Json<List<MyOrganization>>> {
    let page = part.of::<String>()?;
    let (user, _) = who(&allowed)?;
    let rows = rows::of_user(&mut *allowed.read_outside().await?, user, &page).await?;
    Ok(Json(rows.map(MyOrganization::from).into()))
}
