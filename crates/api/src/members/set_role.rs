//! `PUT /api/members/{userId}/role`: another role, other limits.

use axum::extract::Path;
use ocore_domain::{RoleId, access::Scope};
use ocore_store::members as rows;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Member, changeable, find};
use crate::{
    access::{Act, Allowed, Manage, Members},
    body::{Json, given},
    checks::Checks,
    grants, organizations,
    problem::Answer,
    revision::{IfMatch, Tagged},
};

/// What a member is to be.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SetRole {
    role_id: RoleId,
    /// What the member is to be kept to; null: nothing. What is not given stays.
    #[serde(default, deserialize_with = "given")]
    #[expect(clippy::option_option, reason = "not given, null, or a value: three cases")]
    #[schema(value_type = Option<Scope>)]
    scope: Option<Option<Scope>>,
}

/// Give a member another role
///
/// Nobody gives more than they may do themselves, nor takes it from who may do more. The owner's role is handed over, not
/// given.
#[utoipa::path(
    put, path = "/api/members/{userId}/role", operation_id = "setMemberRole", tag = "members", request_body = SetRole,
    params(
        ("userId" = String, Path, description = "Id of the member"),
        ("If-Match" = Option<String>, Header, description = "The `revision` that was read, in quotes; without it, whatever changed meanwhile"),
    ),
    responses((status = 200, body = Member, headers(("ETag" = String, description = "The member's revision"))))
)]
pub(super) async fn set_role(
    allowed: Allowed<Manage<Members>>,
    Path(user): Path<String>,
    if_match: IfMatch,
    Json(body): Json<SetRole>,
) -> Answer<Tagged<Member>> {
    let mut checks = Checks::default();
    if let Some(Some(scope)) = &body.scope {
        grants::limits(&mut checks, scope);
    }
    checks.done()?;
    let organization = allowed.organization()?;
    let mut change = allowed.change().await?;
    organizations::lock(&mut change, organization).await?;
    let before = changeable(&allowed, &mut change, &user).await?;
    if_match.check(before.revision)?;
    let id = before.user_id;
    let scope = match body.scope {
        Some(scope) => scope.unwrap_or_default(),
        None => before.scope(),
    };
    let role = grants::role(&allowed, &mut change, body.role_id, &scope).await?;
    rows::set_role(&mut change, organization, id, role.id, &scope).await?;
    let after = Member::from(find(&mut change, organization, id).await?);
    let act = Act::new("member.role_changed").on("member", id, &after.email);
    change
        .commit(act.before(&Member::from(before)).after(&after))
        .await?;
    Ok(after.tagged())
}
