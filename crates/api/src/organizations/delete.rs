//! `DELETE /api/org`: deletes an organization, of which nothing is left or with all it has.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use ocore_domain::{Code, OrganizationId, Problem};
use ocore_operations::organization_delete;
use ocore_store::{operations as operation_rows, organizations as rows};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Organization, again, lock};
use crate::{
    Api,
    access::{Act, Allowed, Change, Owner},
    body::Query,
    checks::Checks,
    confirm,
    operations::{self, Operation},
    problem::{Answer, Failure},
    words::counted,
};

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// The organization's name or slug, to show that it is meant.
    #[param(required)]
    confirm: Option<String>,
    /// Delete its instances and remove its servers first.
    #[serde(default)]
    cascade: bool,
    /// With `cascade`: whether each instance leaves a last dump behind until its server is removed, for the case that the
    /// deletion stops half way; it does unless this is false.
    keep_dump: Option<bool>,
}

/// An organization, and the operation that deletes it.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrganizationAccepted {
    organization: Organization,
    operation: Operation,
}

/// Delete the organization
///
/// Its servers and instances go first: beforehand, or with `cascade`, by an operation. While that is at work nothing new is
/// made in the organization. Then members are out of it, API keys and invitations are good for nothing, and its slug is free
/// again; the record of who did what stays.
#[utoipa::path(
    delete, path = "/api/org", operation_id = "deleteOrganization", tag = "organizations", params(Wanted),
    responses(
        (status = 202, body = OrganizationAccepted, description = "With `cascade`: it is being deleted"),
        (status = 204, description = "It is deleted"),
    )
)]
pub(super) async fn delete(
    allowed: Allowed<Owner>,
    State(api): State<Api>,
    Query(wanted): Query<Wanted>,
) -> Answer<Response> {
    let id = allowed.organization()?;
    finish(&api, allowed.change().await?, id, wanted).await
}

/// Deletes an organization whose name or slug was repeated: at once if nothing is left of it, or by an operation.
pub(crate) async fn finish(
    api: &Api,
    mut change: Change,
    id: OrganizationId,
    wanted: Wanted,
) -> Answer<Response> {
    let organization = lock(&mut change, id).await?;
    confirm::by_name(
        wanted.confirm.as_deref(),
        &[&organization.name, organization.slug.as_str()],
    )?;
    let mut checks = Checks::default();
    checks.that(
        wanted.cascade || wanted.keep_dump.is_none(),
        "keepDump",
        "goes with `cascade=true` only",
    );
    checks.done()?;
    stays(id)?;
    change.leave_tenancy().await?;
    if wanted.cascade {
        return cascade(api, change, organization, wanted.keep_dump.unwrap_or(true)).await;
    }
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
            "Delete the instances, then remove the servers; or send `cascade=true`, which does both.",
        )
        .into());
    }
    rows::delete(&mut change, id).await?;
    let organization = Organization::from(organization);
    change.commit_for(&[Some(id)], deleted(&organization)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn cascade(
    api: &Api,
    mut change: Change,
    organization: rows::Organization,
    keep_dump: bool,
) -> Answer<Response> {
    let id = organization.id;
    let open = operation_rows::open_for_subject(&mut change, id.uuid()).await?;
    let params = organization_delete::Params {
        keep_dump,
        record: change.entry(deleted(&Organization::from(organization.clone()))),
    };
    let operation = organization_delete::request(&mut change, &organization, &params)
        .await
        .map_err(|problem| match &open {
            Some(open) => Failure::from(problem).with_operation(open.id),
            None => problem.into(),
        })?;
    let answer = OrganizationAccepted {
        organization: Organization::from(again(&mut change, id).await?),
        operation: operations::view_of(&mut change, operation).await?,
    };
    let act = Act::new("org.deletion_requested").on("organization", id, &organization.name);
    operations::begin_for(api, change, id, act.after(&answer.organization)).await?;
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

fn deleted(organization: &Organization) -> Act {
    Act::new("org.deleted")
        .on("organization", organization.id, &organization.name)
        .before(organization)
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
