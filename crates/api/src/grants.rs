//! What somebody gives to others: permissions, limits, roles.

use std::collections::BTreeSet;

use ocore_domain::{
    Code, OrganizationId, Problem, RoleId, UserId,
    access::{Permissions, Scope},
};
use ocore_store::{PgConnection, roles, scopes};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::{Actor, Allowed, InTenancy, Need},
    checks::Checks,
    problem::{Answer, Failure},
};

/// The most servers or instances that a grant is limited to by name.
const NAMED: usize = 100;

/// A role, as others name it.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct RoleName {
    pub(crate) id: RoleId,
    pub(crate) name: String,
}

/// A person, as others name them.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct PersonName {
    pub(crate) id: UserId,
    /// Null when they are not a member any more.
    pub(crate) name: Option<String>,
}

impl PersonName {
    /// The person of this id, if there is one.
    pub(crate) fn of(id: Option<UserId>, name: Option<String>) -> Option<Self> {
        id.map(|id| Self { id, name })
    }
}

/// The person who asks; nobody when it is a program.
pub(crate) fn person<N: Need>(allowed: &Allowed<N>) -> Option<UserId> {
    match allowed.principal()?.actor {
        Actor::User { id, .. } => Some(id),
        Actor::ApiKey { .. } | Actor::Agent { .. } => None,
    }
}

/// Refuses to touch what permits more than who asks may do: it could be neither given nor, once taken away, given back.
pub(crate) fn may_touch<N: InTenancy>(
    allowed: &Allowed<N>,
    permissions: &[String],
    scope: &Scope,
) -> Answer<()> {
    let permissions = Permissions::from_words(permissions).within(scope);
    allowed.may_grant(&permissions, scope).map_err(|_| {
        Problem::new(
            Code::Forbidden,
            "It permits more than you may do yourself",
            "Ask somebody who may do at least as much.",
        )
        .into()
    })
}

/// The permissions that a request names.
pub(crate) fn permissions(checks: &mut Checks, field: &str, named: &[String]) -> Permissions {
    let permissions: Result<Permissions, ()> = named.iter().map(|word| word.parse().map_err(drop)).collect();
    let fits = permissions.as_ref().is_ok_and(|p| p.iter().next().is_some());
    checks.that(
        fits,
        field,
        "must name one permission or more as GET /api/permissions lists them, for example `view:servers`",
    );
    permissions.unwrap_or_default()
}

/// Checks the limits of a grant, as far as that can be done without looking.
pub(crate) fn limits(checks: &mut Checks, scope: &Scope) {
    let detail = "must have 1 to 100 entries, or be left out";
    let fits = |count: Option<usize>| count.is_none_or(|count| (1..=NAMED).contains(&count));
    for (field, count) in [
        ("scope.servers", scope.servers.as_ref().map(BTreeSet::len)),
        ("scope.instances", scope.instances.as_ref().map(BTreeSet::len)),
        ("scope.environments", scope.environments.as_ref().map(Vec::len)),
    ] {
        checks.that(fits(count), field, detail);
    }
}

/// Checks that there is what limits name.
pub(crate) async fn named(
    conn: &mut PgConnection,
    organization: OrganizationId,
    scope: &Scope,
) -> Answer<()> {
    let unknown = scopes::unknown(conn, organization, scope).await?;
    let mut checks = Checks::default();
    checks.that(
        unknown.servers.is_empty(),
        "scope.servers",
        "must be ids of servers of this organization",
    );
    checks.that(
        unknown.instances.is_empty(),
        "scope.instances",
        "must be ids of instances of this organization",
    );
    checks.done()
}

/// The role that is to be given within limits, if who asks may give it.
pub(crate) async fn role<N: InTenancy>(
    allowed: &Allowed<N>,
    conn: &mut PgConnection,
    id: RoleId,
    scope: &Scope,
) -> Answer<roles::Role> {
    let organization = allowed.organization()?;
    let role = roles::get(conn, organization, id)
        .await?
        .ok_or_else(|| Failure::field("roleId", "must be the id of a role of this organization"))?;
    if role.is_owner {
        return Err(Problem::new(
            Code::Forbidden,
            "The owner's role is given by handing the organization over, and in no other way",
            "Give another role; the owner hands over by POST /api/org/transfer.",
        )
        .into());
    }
    named(conn, organization, scope).await?;
    allowed.may_grant(&role.permissions().within(scope), scope)?;
    Ok(role)
}

/// A permission list from the words the database keeps.
pub(crate) fn words(words: &[String]) -> Permissions {
    Permissions::from_words(words)
}
