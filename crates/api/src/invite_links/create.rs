//! `POST /api/invite-links`: a link that lets in whoever has it.

use axum::{extract::State, http::StatusCode};
use chrono::{TimeDelta, Utc};
use ocore_domain::{RoleId, access::Scope};
use ocore_store::invite_links::{self as rows, NewInviteLink};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{InviteLink, OpenInviteLink, find};
use crate::{
    Api,
    access::{Act, Allowed, Manage, Members},
    body::Json,
    checks::Checks,
    grants, organizations,
    problem::Answer,
    secrets,
};

/// A link to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateInviteLink {
    role_id: RoleId,
    /// What its members are to be kept to; without it, nothing.
    scope: Option<Scope>,
    /// How often it can be used; 0, or not given: as often as one likes.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 10000)]
    max_uses: i32,
    /// Without it, it is good until it is revoked.
    #[schema(minimum = 1, maximum = 365)]
    expires_in_days: Option<i64>,
}

/// Make an invite link
///
/// Nobody offers more than they may do themselves.
#[utoipa::path(
    post, path = "/api/invite-links", operation_id = "createInviteLink", tag = "invitations",
    request_body = CreateInviteLink, responses((status = 201, body = OpenInviteLink))
)]
pub(super) async fn create(
    allowed: Allowed<Manage<Members>>,
    State(api): State<Api>,
    Json(body): Json<CreateInviteLink>,
) -> Answer<(StatusCode, axum::Json<OpenInviteLink>)> {
    let scope = body.scope.unwrap_or_default();
    let mut checks = Checks::default();
    checks.that(
        (0..=10_000).contains(&body.max_uses),
        "maxUses",
        "must be from 0 to 10000",
    );
    checks.that(
        body.expires_in_days.is_none_or(|days| (1..=365).contains(&days)),
        "expiresInDays",
        "must be from 1 to 365",
    );
    grants::limits(&mut checks, &scope);
    checks.done()?;
    let organization = allowed.organization()?;
    let mut change = allowed.change().await?;
    organizations::lock(&mut change, organization).await?;
    let role = grants::role(&allowed, &mut change, body.role_id, &scope).await?;
    let code = secrets::password();
    let new = NewInviteLink {
        organization,
        role: role.id,
        scope,
        code: code.clone(),
        max_uses: body.max_uses,
        created_by: grants::person(&allowed),
        expires_at: body
            .expires_in_days
            .map(|days| Utc::now() + TimeDelta::days(days)),
    };
    let id = rows::insert(&mut change, api.store.sealer(), &new).await?;
    let link = InviteLink::from(&find(&mut change, organization, &id.to_string()).await?);
    let act = Act::new("invite_link.created").on("invite_link", id, &role.name);
    change.commit(act.after(&link)).await?;
    let answer = OpenInviteLink::new(link, Some(&code), &api);
    Ok((StatusCode::CREATED, axum::Json(answer)))
}
