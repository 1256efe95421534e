//! `DELETE /api/org`: deletes an organization of which nothing is left.

use axum::http::StatusCode;
use ocore_domain::{Code, OrganizationId, Problem};
use ocore_store::organizations as rows;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Organization, lock};
use crate::{
    access::{Act, Allowed, Change, Owner},
    body::Query,
    confirm,
    problem::Answer,
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// The organization's name or slug, to show that it is meant.
    #[param(required)]
    confirm: Option<String>,
}

/// Delete the organization
///
/// Its servers and instances go first. Members are out of it, API keys and invitations are good for nothing, and its slug
/// is free again; the record of who did what stays.
#[utoipa::path(
    delete, path = "/api/org", operation_id = "deleteOrganization", tag = "organizations", params(Wanted),
    responses((status = 204))
)]
pub(super) async fn delete(allowed: Allowed<Owner>, Query(query): Query<Wanted>) -> Answer<StatusCode> {
    let id = allowed.organization()?;
    finish(allowed.change().await?, id, query.confirm.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes an organization, if nothing is left of it and its name or slug was repeated.
pub(crate) async fn finish(mut change: Change, id: OrganizationId, confirmed: Option<&str>) -> Answer<()> {
    let organization = lock(&mut change, id).await?;
    confirm::by_name(confirmed, &[&organization.name, organization.slug.as_str()])?;
    stays(id)?;
    let left = rows::left(&mut change, id).await?;
    if left.servers > 0 || left.instances > 0 {
        return Err(Problem::new(
            Code::InUse,
            format!(
                "{} still has {} and {}",
                organization.name,
                counted(left.servers, "server"),
                counted(left.instances, "instance")
            ),
            "Delete the instances, then remove the servers.",
        )
        .into());
    }
    change.leave_tenancy().await?;
    rows::delete(&mut change, id).await?;
    let organization = Organization::from(organization);
    let act = Act::new("org.deleted").on("organization", id, &organization.name);
    change.commit_for(&[Some(id)], act.before(&organization)).await
}

/// Refuses to take away the organization that the installation began with.
pub(crate) fn stays(id: OrganizationId) -> Answer<()> {
    if id != OrganizationId::DEFAULT {
        return Ok(());
    }
    Err(Problem::new(
        Code::StateConflict,
        "The organization that the installation began with stays: its administrators' keys belong to it",
        "Rename it if it is to be something else.",
    )
    .into())
}

fn counted(count: i64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
