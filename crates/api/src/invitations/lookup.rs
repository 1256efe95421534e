//! `GET /api/invitations/lookup`: what the link of an invitation is good for.

use axum::Json;
use chrono::{DateTime, Utc};
use ocore_store::invitations as rows;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    access::{Allowed, Anyone},
    body::Query,
    organizations::OrganizationName,
    problem::Answer,
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// From the link.
    #[param(value_type = String)]
    token: SecretString,
}

/// What somebody is invited to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct InvitationShown {
    organization: OrganizationName,
    /// Whose account can accept it.
    email: String,
    /// The name of the role.
    role: String,
    /// Who invited; null for a program.
    inviter: Option<String>,
    expires_at: DateTime<Utc>,
}

/// Look at an invitation
#[utoipa::path(
    get, path = "/api/invitations/lookup", operation_id = "lookUpInvitation", tag = "invitations", params(Wanted),
    responses((status = 200, body = InvitationShown))
)]
pub(super) async fn lookup(
    allowed: Allowed<Anyone>,
    Query(query): Query<Wanted>,
) -> Answer<Json<InvitationShown>> {
    let shown = rows::show(&mut *allowed.read_outside().await?, &query.token)
        .await?
        .ok_or_else(rows::not_good)?;
    Ok(Json(InvitationShown {
        organization: OrganizationName {
            id: shown.organization,
            name: shown.organization_name,
            slug: shown.organization_slug,
        },
        email: shown.email,
        role: shown.role,
        inviter: shown.inviter,
        expires_at: shown.expires_at,
    }))
}
