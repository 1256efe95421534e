//! `GET /api/org`: the organization that the request is about.

use super::{Organization, again};
use crate::{
    access::{Allowed, Member},
    problem::Answer,
    revision::Tagged,
};

/// The organization
#[utoipa::path(
    get, path = "/api/org", operation_id = "showOrganization", tag = "organizations",
    responses((status = 200, body = Organization, headers(("ETag" = String, description = "Its revision"))))
)]
pub(super) async fn show(allowed: Allowed<Member>) -> Answer<Tagged<Organization>> {
    let row = again(&mut *allowed.read().await?, allowed.organization()?).await?;
    Ok(Organization::from(row).tagged())
}
