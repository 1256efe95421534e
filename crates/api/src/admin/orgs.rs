//! `/api/admin/orgs`: every organization of the installation.

use axum::{
    Json as Answered,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use chrono::{DateTime, Utc};
use ocore_domain::{OrganizationId, OrganizationSlug, UserId};
use ocore_store::{PgConnection, admin as rows, organizations, users};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::WantedOrganizations;
use crate::{
    Api,
    access::{Act, Allowed, ServerAdmin},
    body::{Json, Query},
    checks::Checks,
    organizations::{check_name, check_slug, delete as deletion, lock},
    page::List,
    problem::{Answer, Failure},
};

/// An organization, as who administers the installation sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrganizationOverview {
    id: OrganizationId,
    name: String,
    slug: OrganizationSlug,
    logo_url: Option<String>,
    /// Null for the one that an installation begins with, until somebody signs up.
    owner: Option<OrganizationOwner>,
    member_count: i64,
    server_count: i64,
    instance_count: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// Since when nobody is let in to it.
    deactivated_at: Option<DateTime<Utc>>,
}

/// Whose an organization is.
#[derive(Serialize, ToSchema)]
pub(super) struct OrganizationOwner {
    id: UserId,
    email: String,
    name: String,
}

impl From<rows::Organization> for OrganizationOverview {
    fn from(row: rows::Organization) -> Self {
        let owner = row.owner.zip(row.owner_email).zip(row.owner_name);
        Self {
            id: row.id,
            name: row.name,
            slug: row.slug,
            logo_url: row.logo_url,
            owner: owner.map(|((id, email), name)| OrganizationOwner { id, email, name }),
            member_count: row.members,
            server_count: row.servers,
            instance_count: row.instances,
            created_at: row.created_at,
            updated_at: row.updated_at,
            deactivated_at: row.deactivated_at,
        }
    }
}

/// The organization that a path names.
pub(super) fn id(named: &str) -> Answer<OrganizationId> {
    named
        .parse()
        .map_err(|_| Failure::not_found("organization", named))
}

async fn find(conn: &mut PgConnection, id: OrganizationId) -> Answer<OrganizationOverview> {
    let found = rows::organization(conn, id).await?;
    found
        .map(OrganizationOverview::from)
        .ok_or_else(|| Failure::not_found("organization", &id.to_string()))
}

/// All organizations, by slug unless told otherwise
#[utoipa::path(
    get, path = "/api/admin/orgs", operation_id = "listAllOrganizations", tag = "administration", params(WantedOrganizations),
    responses((status = 200, body = List<OrganizationOverview>))
)]
pub(super) async fn list(
    allowed: Allowed<ServerAdmin>,
    Query(query): Query<WantedOrganizations>,
) -> Answer<Answered<List<OrganizationOverview>>> {
    let page = query.page()?;
    let mut conn = allowed.read_outside().await?;
    let rows = rows::organizations(&mut conn, query.search.as_deref(), &page).await?;
    Ok(Answered(rows.map(OrganizationOverview::from).into()))
}

/// One organization
#[utoipa::path(
    get, path = "/api/admin/orgs/{id}", operation_id = "showAnyOrganization", tag = "administration",
    params(("id" = String, Path, description = "Id")), responses((status = 200, body = OrganizationOverview))
)]
pub(super) async fn show(
    allowed: Allowed<ServerAdmin>,
    Path(named): Path<String>,
) -> Answer<Answered<OrganizationOverview>> {
    let id = id(&named)?;
    Ok(Answered(find(&mut *allowed.read_outside().await?, id).await?))
}

/// An organization to be made for somebody.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateOrganizationFor {
    #[schema(min_length = 2, max_length = 100)]
    name: String,
    /// 3 to 50 lower-case letters, digits and inner hyphens; made from the name if not given.
    slug: Option<String>,
    /// Whose it is to be.
    owner_user_id: UserId,
}

/// Make an organization for somebody
///
/// It begins with the roles Owner, Admin, Developer and Viewer.
#[utoipa::path(
    post, path = "/api/admin/orgs", operation_id = "createOrganizationFor", tag = "administration",
    request_body = CreateOrganizationFor, responses((status = 201, body = OrganizationOverview))
)]
pub(super) async fn create(
    allowed: Allowed<ServerAdmin>,
    Json(body): Json<CreateOrganizationFor>,
) -> Answer<(StatusCode, Answered<OrganizationOverview>)> {
    let mut checks = Checks::default();
    check_name(&mut checks, &body.name);
    let slug = check_slug(&mut checks, body.slug);
    checks.done()?;
    let mut change = allowed.change_outside().await?;
    somebody(&mut change, "ownerUserId", body.owner_user_id).await?;
    let made = organizations::create(&mut change, &body.name, slug.as_ref(), body.owner_user_id).await?;
    let organization = find(&mut change, made.id).await?;
    let act = Act::new("org.created").on("organization", made.id, &made.name);
    change
        .commit_for(&[Some(made.id)], act.after(&organization))
        .await?;
    Ok((StatusCode::CREATED, Answered(organization)))
}

/// Checks that a field names somebody who may sign in.
pub(super) async fn somebody(conn: &mut PgConnection, field: &str, id: UserId) -> Answer<()> {
    match users::by_id(conn, id).await? {
        Some(user) if user.deactivated_at.is_none() => Ok(()),
        _ => Err(Failure::field(
            field,
            "must be the id of an account that is not deactivated",
        )),
    }
}

/// Shut an organization
///
/// Its members and API keys are not let in to it any more, until it is opened again. What runs goes on running.
#[utoipa::path(
    post, path = "/api/admin/orgs/{id}/deactivate", operation_id = "deactivateOrganization", tag = "administration",
    params(("id" = String, Path, description = "Id")), responses((status = 200, body = OrganizationOverview))
)]
pub(super) async fn deactivate(
    allowed: Allowed<ServerAdmin>,
    Path(named): Path<String>,
) -> Answer<Answered<OrganizationOverview>> {
    set_deactivated(&allowed, id(&named)?, true).await
}

/// Open an organization again
#[utoipa::path(
    post, path = "/api/admin/orgs/{id}/activate", operation_id = "activateOrganization", tag = "administration",
    params(("id" = String, Path, description = "Id")), responses((status = 200, body = OrganizationOverview))
)]
pub(super) async fn activate(
    allowed: Allowed<ServerAdmin>,
    Path(named): Path<String>,
) -> Answer<Answered<OrganizationOverview>> {
    set_deactivated(&allowed, id(&named)?, false).await
}

async fn set_deactivated(
    allowed: &Allowed<ServerAdmin>,
    id: OrganizationId,
    is_deactivated: bool,
) -> Answer<Answered<OrganizationOverview>> {
    let mut change = allowed.change_outside().await?;
    lock(&mut change, id).await?;
    if is_deactivated {
        deletion::stays(id)?;
    }
    let before = find(&mut change, id).await?;
    if before.deactivated_at.is_some() == is_deactivated {
        // It is as it is wanted: nothing happens, and nothing is recorded.
        return Ok(Answered(before));
    }
    organizations::set_deactivated(&mut change, id, is_deactivated).await?;
    let after = find(&mut change, id).await?;
    let act = Act::new(if is_deactivated {
        "org.deactivated"
    } else {
        "org.activated"
    });
    let act = act.on("organization", id, &after.name);
    change
        .commit_for(&[Some(id)], act.before(&before).after(&after))
        .await?;
    Ok(Answered(after))
}

/// Delete an organization
///
/// Its servers and instances go first: beforehand, or with `cascade`, by an operation, which GET /api/admin/operations/{id}
/// shows. Then members are out of it, API keys and invitations are good for nothing, and its slug is free again; the record of
/// who did what stays.
#[utoipa::path(
    delete, path = "/api/admin/orgs/{id}", operation_id = "deleteAnyOrganization", tag = "administration",
    params(("id" = String, Path, description = "Id"), deletion::Wanted),
    responses(
        (status = 202, body = deletion::OrganizationAccepted, description = "With `cascade`: it is being deleted"),
        (status = 204, description = "It is deleted"),
    )
)]
pub(super) async fn delete(
    allowed: Allowed<ServerAdmin>,
    State(api): State<Api>,
    Path(named): Path<String>,
    Query(wanted): Query<deletion::Wanted>,
) -> Answer<Response> {
    let id = id(&named)?;
    deletion::finish(&api, allowed.change_outside().await?, id, wanted).await
}
