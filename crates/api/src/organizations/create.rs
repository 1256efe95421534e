//! `POST /api/user/orgs`: makes an organization, of which who asks is the owner.

use axum::http::StatusCode;
use ocore_store::organizations as rows;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Organization, check_name, check_slug};
use crate::{
    access::{Act, Allowed, SignedIn},
    body::Json,
    checks::Checks,
    problem::Answer,
    revision::Tagged,
    user::who,
};

/// An organization to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateOrganization {
    #[schema(min_length = 2, max_length = 100)]
    name: String,
    /// 3 to 50 lower-case letters, digits and inner hyphens; made from the name if not given.
    slug: Option<String>,
}

/// Make an organization
///
/// Whoever makes it is its owner. It begins with the roles Owner, Admin, Developer and Viewer.
#[utoipa::path(
    post, path = "/api/user/orgs", operation_id = "createOrganization", tag = "organizations",
    request_body = CreateOrganization,
    responses((status = 201, body = Organization, headers(("ETag" = String, description = "Its revision"))))
)]
pub(super) async fn create(
    allowed: Allowed<SignedIn>,
    Json(body): Json<CreateOrganization>,
) -> Answer<(StatusCode, Tagged<Organization>)> {
    let mut checks = Checks::default();
    check_name(&mut checks, &body.name);
    let slug = check_slug(&mut checks, body.slug);
    checks.done()?;
    let (user, _) = who(&allowed)?;
    let mut change = allowed.change_outside().await?;
    let organization = rows::create(&mut change, &body.name, slug.as_ref(), user).await?;
    let organization = Organization::from(organization);
    let act = Act::new("org.created").on("organization", organization.id, &organization.name);
    change
        .commit_for(&[Some(organization.id)], act.after(&organization))
        .await?;
    Ok((StatusCode::CREATED, organization.tagged()))
}
