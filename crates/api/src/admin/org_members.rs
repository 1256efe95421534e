//! `/api/admin/orgs/{id}/members`: who is in an organization, whosever it is.

use axum::{Json as Answered, extract::Path, http::StatusCode};
use ocore_domain::{Code, Problem, UserId};
use ocore_store::{members as rows, organizations as organization_rows, roles};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    WantedMembers,
    orgs::{id, somebody},
};
use crate::{
    access::{Act, Allowed, ServerAdmin},
    body::{Json, Query},
    members::{Member, find},
    organizations::lock,
    page::List,
    problem::{Answer, Failure},
};

/// The members of an organization, by e-mail address unless told otherwise
#[utoipa::path(
    get, path = "/api/admin/orgs/{id}/members", operation_id = "listAnyMembers", tag = "administration",
    params(("id" = String, Path, description = "Id of the organization"), WantedMembers),
    responses((status = 200, body = List<Member>))
)]
pub(super) async fn list(
    allowed: Allowed<ServerAdmin>,
    Path(named): Path<String>,
    Query(query): Query<WantedMembers>,
) -> Answer<Answered<List<Member>>> {
    let page = query.page()?;
    let organization = id(&named)?;
    let mut conn = allowed.read_outside().await?;
    if organization_rows::get(&mut conn, organization).await?.is_none() {
        return Err(Failure::not_found("organization", &named));
    }
    let rows = rows::list(&mut conn, organization, query.search.as_deref(), &page).await?;
    Ok(Answered(rows.map(Member::from).into()))
}

/// Who is to be in an organization, and as what.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AddMember {
    user_id: UserId,
    /// The name of one of its roles, but not the owner's.
    #[schema(example = "Developer")]
    role_name: String,
}

/// Put somebody in an organization
///
/// They are not asked.
#[utoipa::path(
    post, path = "/api/admin/orgs/{id}/members", operation_id = "addMember", tag = "administration",
    params(("id" = String, Path, description = "Id of the organization")), request_body = AddMember,
    responses((status = 201, body = Member))
)]
pub(super) async fn add(
    allowed: Allowed<ServerAdmin>,
    Path(named): Path<String>,
    Json(body): Json<AddMember>,
) -> Answer<(StatusCode, Answered<Member>)> {
    let organization = id(&named)?;
    let mut change = allowed.change_outside().await?;
    lock(&mut change, organization).await?;
    somebody(&mut change, "userId", body.user_id).await?;
    let role = roles::by_name(&mut change, organization, &body.role_name)
        .await?
        .filter(|role| !role.is_owner)
        .ok_or_else(|| {
            Failure::field(
                "roleName",
                "must be the name of a role of this organization, and not the owner's, which is only handed over",
            )
        })?;
    if !rows::add(&mut change, organization, body.user_id, role.id, None).await? {
        return Err(Problem::new(
            Code::StateConflict,
            "They are in the organization already",
            "Have their role changed in the organization, or remove them first.",
        )
        .into());
    }
    let member = Member::from(find(&mut change, organization, body.user_id).await?);
    let act = Act::new("member.joined").on("member", body.user_id, member.email());
    change
        .commit_for(&[Some(organization)], act.after(&member))
        .await?;
    Ok((StatusCode::CREATED, Answered(member)))
}

/// Take somebody out of an organization
///
/// Not its owner. The keys of devices that they signed in are revoked.
#[utoipa::path(
    delete, path = "/api/admin/orgs/{id}/members/{userId}", operation_id = "removeAnyMember", tag = "administration",
    params(
        ("id" = String, Path, description = "Id of the organization"),
        ("userId" = String, Path, description = "Id of the member"),
    ),
    responses((status = 204))
)]
pub(super) async fn remove(
    allowed: Allowed<ServerAdmin>,
    Path((named, user)): Path<(String, String)>,
) -> Answer<StatusCode> {
    let organization = id(&named)?;
    let user = user.parse().map_err(|_| Failure::not_found("member", &user))?;
    let mut change = allowed.change_outside().await?;
    lock(&mut change, organization).await?;
    let member = find(&mut change, organization, user).await?;
    if member.is_owner {
        return Err(Problem::new(
            Code::StateConflict,
            format!("{} owns the organization", member.name),
            "The owner first hands it over (POST /api/org/transfer); or delete the organization.",
        )
        .into());
    }
    rows::remove(&mut change, organization, user).await?;
    let act = Act::new("member.removed").on("member", user, &member.email);
    change
        .commit_for(&[Some(organization)], act.before(&Member::from(member)))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
