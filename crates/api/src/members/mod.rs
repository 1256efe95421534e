//! Members: people in an organization, each with a role, and limits if need be.

mod leave;
mod list;
mod remove;
mod set_role;

use chrono::{DateTime, Utc};
use ocore_domain::{Code, OrganizationId, Problem, UserId, access::Scope};
use ocore_store::{PgConnection, members as rows};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::{Allowed, InTenancy, Routes, guarded},
    grants::{self, RoleName},
    problem::{Answer, Failure},
    revision::Tagged,
};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .with(guarded!(list::list))
        .with(guarded!(set_role::set_role))
        .with(guarded!(remove::remove))
        .with(guarded!(leave::leave))
}

/// A member.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Member {
    user_id: UserId,
    email: String,
    name: String,
    role: RoleName,
    is_owner: bool,
    /// What the member is kept to; null: nothing.
    scope: Option<Scope>,
    joined_at: DateTime<Utc>,
    last_login_at: Option<DateTime<Utc>>,
    /// How often role or scope were changed; `If-Match: "…"` of a change takes it.
    revision: i64,
}

impl From<rows::Member> for Member {
    fn from(row: rows::Member) -> Self {
        Self {
            user_id: row.user_id,
            email: row.email,
            name: row.name,
            role: RoleName {
                id: row.role_id,
                name: row.role_name,
            },
            is_owner: row.is_owner,
            scope: row.scope.map(|scope| scope.0),
            joined_at: row.joined_at,
            last_login_at: row.last_login_at,
            revision: row.revision,
        }
    }
}

impl Member {
    pub(crate) fn email(&self) -> &str {
        &self.email
    }

    fn tagged(self) -> Tagged<Self> {
        Tagged {
            revision: self.revision,
            body: self,
        }
    }
}

/// The member of this id.
pub(crate) async fn find(
    conn: &mut PgConnection,
    organization: OrganizationId,
    user: UserId,
) -> Answer<rows::Member> {
    rows::get(conn, organization, user)
        .await?
        .ok_or_else(|| Failure::not_found("member", &user.to_string()))
}

/// The member that a path names, if who asks may change them: not the owner, and nobody who may do more.
async fn changeable<N: InTenancy>(
    allowed: &Allowed<N>,
    conn: &mut PgConnection,
    user: &str,
) -> Answer<rows::Member> {
    let id = user.parse().map_err(|_| Failure::not_found("member", user))?;
    let member = find(conn, allowed.organization()?, id).await?;
    if member.is_owner {
        return Err(Problem::new(
            Code::StateConflict,
            format!("{} owns the organization", member.name),
            "The owner first hands it over (POST /api/org/transfer).",
        )
        .into());
    }
    grants::may_touch(allowed, &member.permissions, &member.scope())?;
    Ok(member)
}
