//! Roles: what members may do, by name.

mod create;
mod delete;
mod list;
mod permissions;
mod update;

use ocore_domain::{Code, OrganizationId, Problem, RoleId, access::Permissions};
use ocore_store::{PgConnection, roles as rows};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::{Routes, guarded},
    checks::Checks,
    problem::{Answer, Failure},
    revision::Tagged,
};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .with(guarded!(permissions::list))
        .with(guarded!(list::list))
        .with(guarded!(create::create))
        .with(guarded!(update::update))
        .with(guarded!(delete::delete))
}

/// A role.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Role {
    id: RoleId,
    name: String,
    description: String,
    /// Whether every organization has it; such a role is neither changed nor deleted.
    is_system: bool,
    permissions: Permissions,
    member_count: i64,
    /// How often it was changed; `If-Match: "…"` of a change takes it.
    revision: i64,
}

impl From<rows::Role> for Role {
    fn from(row: rows::Role) -> Self {
        Self {
            permissions: row.permissions(),
            id: row.id,
            name: row.name,
            description: row.description,
            is_system: row.is_system,
            member_count: row.member_count,
            revision: row.revision,
        }
    }
}

impl Role {
    fn tagged(self) -> Tagged<Self> {
        Tagged {
            revision: self.revision,
            body: self,
        }
    }
}

fn check_description(checks: &mut Checks, description: &str) {
    checks.that(
        description.chars().count() <= 500,
        "description",
        "must have at most 500 characters",
    );
}

async fn find(conn: &mut PgConnection, organization: OrganizationId, id: &str) -> Answer<rows::Role> {
    let found = match id.parse() {
        Ok(id) => rows::get(conn, organization, id).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| Failure::not_found("role", id))
}

/// The role of this id, if it is one of the organization's own.
async fn changeable(conn: &mut PgConnection, organization: OrganizationId, id: &str) -> Answer<rows::Role> {
    let role = find(conn, organization, id).await?;
    if role.is_system {
        return Err(Problem::new(
            Code::StateConflict,
            format!("The role {} is the same in every organization", role.name),
            "Make a role of your own.",
        )
        .into());
    }
    Ok(role)
}

/// What the database says when a name is taken, in words.
fn taken(error: ocore_store::Error, name: &str) -> Failure {
    if error.constraint() != Some("roles_name") {
        return error.into();
    }
    Problem::new(
        Code::NameTaken,
        format!("There is a role named `{name}` already"),
        "Choose another name.",
    )
    .into()
}
