//! `/api/admin/users`: every account of the installation.

use axum::{Json as Answered, extract::Path, http::StatusCode};
use chrono::{DateTime, Utc};
use ocore_domain::{Code, OrganizationId, OrganizationSlug, Problem, UserId, access::SystemRole};
use ocore_identity::password;
use ocore_store::{
    PgConnection, admin as rows, members, organizations, roles,
    users::{self, NewUser},
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::WantedUsers;
use crate::{
    access::{Act, Allowed, Change, ServerAdmin},
    auth::{EMAIL, User},
    body::{Json, Query},
    checks::Checks,
    grants,
    page::List,
    problem::{Answer, Failure},
};

/// An account, as who administers the installation sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Account {
    #[serde(flatten)]
    user: User,
    /// Since when they may not sign in.
    deactivated_at: Option<DateTime<Utc>>,
}

impl From<&users::User> for Account {
    fn from(row: &users::User) -> Self {
        Self {
            user: User::from(row),
            deactivated_at: row.deactivated_at,
        }
    }
}

/// An account, and where it is a member.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AccountWithOrganizations {
    #[serde(flatten)]
    account: Account,
    /// The 200 they joined first at most.
    organizations: Vec<MembershipOfAccount>,
}

/// What somebody is in an organization.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MembershipOfAccount {
    id: OrganizationId,
    name: String,
    slug: OrganizationSlug,
    /// The name of their role there.
    role: String,
    is_owner: bool,
    joined_at: DateTime<Utc>,
    /// Since when nobody is let in to the organization.
    deactivated_at: Option<DateTime<Utc>>,
}

impl From<rows::Membership> for MembershipOfAccount {
    fn from(row: rows::Membership) -> Self {
        Self {
            id: row.id,
            name: row.name,
            slug: row.slug,
            role: row.role,
            is_owner: row.is_owner,
            joined_at: row.joined_at,
            deactivated_at: row.deactivated_at,
        }
    }
}

/// The account that a path names.
fn id(named: &str) -> Answer<UserId> {
    named.parse().map_err(|_| Failure::not_found("account", named))
}

async fn find(conn: &mut PgConnection, id: UserId) -> Answer<users::User> {
    let found = users::by_id(conn, id).await?;
    found.ok_or_else(|| Failure::not_found("account", &id.to_string()))
}

/// All accounts, by e-mail address unless told otherwise
#[utoipa::path(
    get, path = "/api/admin/users", operation_id = "listUsers", tag = "administration", params(WantedUsers),
    responses((status = 200, body = List<Account>))
)]
pub(super) async fn list(
    allowed: Allowed<ServerAdmin>,
    Query(query): Query<WantedUsers>,
) -> Answer<Answered<List<Account>>> {
    let page = query.page()?;
    let mut conn = allowed.read_outside().await?;
    let rows = rows::users(&mut conn, query.search.as_deref(), &page).await?;
    Ok(Answered(rows.map(|row| Account::from(&row)).into()))
}

/// One account
#[utoipa::path(
    get, path = "/api/admin/users/{id}", operation_id = "showUser", tag = "administration",
    params(("id" = String, Path, description = "Id")), responses((status = 200, body = AccountWithOrganizations))
)]
pub(super) async fn show(
    allowed: Allowed<ServerAdmin>,
    Path(named): Path<String>,
) -> Answer<Answered<AccountWithOrganizations>> {
    let mut conn = allowed.read_outside().await?;
    let user = find(&mut conn, id(&named)?).await?;
    let organizations = rows::memberships(&mut conn, user.id).await?;
    Ok(Answered(AccountWithOrganizations {
        account: Account::from(&user),
        organizations: organizations.into_iter().map(MembershipOfAccount::from).collect(),
    }))
}

/// An account to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateUser {
    #[schema(max_length = 254)]
    email: String,
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// 8 to 256 characters, with a letter and a digit. Without it, they ask for one by POST /api/auth/forgot-password.
    #[schema(value_type = Option<String>, write_only)]
    password: Option<SecretString>,
    /// An organization in which they are to be, as a Viewer.
    org_id: Option<OrganizationId>,
}

/// Make an account
///
/// The address is taken for theirs.
#[utoipa::path(
    post, path = "/api/admin/users", operation_id = "createUser", tag = "administration", request_body = CreateUser,
    responses((status = 201, body = Account))
)]
pub(super) async fn create(
    allowed: Allowed<ServerAdmin>,
    Json(body): Json<CreateUser>,
) -> Answer<(StatusCode, Answered<Account>)> {
    let mut checks = Checks::default();
    checks.email("email", &body.email);
    checks.name(&body.name);
    if let Some(password) = &body.password {
        checks.password("password", password);
    }
    checks.done()?;
    let password_hash = match body.password {
        Some(password) => Some(password::hash(password).await?),
        None => None,
    };
    let mut change = allowed.change_outside().await?;
    if let Some(organization) = body.org_id {
        let open = organizations::lock_open(&mut change, organization).await?;
        open.ok_or_else(|| {
            Failure::field(
                "orgId",
                "must be the id of an organization that is not deactivated",
            )
        })?;
    }
    let new = NewUser {
        email: body.email,
        name: body.name,
        password_hash,
        is_verified: true,
        is_server_admin: false,
    };
    let id = users::insert(&mut change, &new)
        .await
        .map_err(|error| match error.constraint() {
            Some(EMAIL) => taken(),
            _ => Failure::from(error),
        })?;
    if let Some(organization) = body.org_id {
        let role = roles::system(&mut change, organization, SystemRole::Viewer)
            .await?
            .ok_or_else(|| Problem::internal("a system role is gone"))?;
        members::add(&mut change, organization, id, role, None).await?;
    }
    let account = Account::from(&find(&mut change, id).await?);
    let act = Act::new("admin.user_created").on("user", id, &new.email);
    let records: Vec<Option<OrganizationId>> = [None].into_iter().chain(body.org_id.map(Some)).collect();
    change.commit_for(&records, act.after(&account)).await?;
    Ok((StatusCode::CREATED, Answered(account)))
}

fn taken() -> Failure {
    Problem::new(
        Code::NameTaken,
        "There is an account with this e-mail address already",
        "Use that account (GET /api/admin/users?search=…), or another address.",
    )
    .into()
}

/// Shut somebody out
///
/// Their sessions end, and the keys of devices that they signed in are revoked. What they are in organizations stays. Nobody
/// shuts out themselves.
#[utoipa::path(
    post, path = "/api/admin/users/{id}/deactivate", operation_id = "deactivateUser", tag = "administration",
    params(("id" = String, Path, description = "Id")), responses((status = 200, body = Account))
)]
pub(super) async fn deactivate(
    allowed: Allowed<ServerAdmin>,
    Path(named): Path<String>,
) -> Answer<Answered<Account>> {
    let id = id(&named)?;
    if grants::person(&allowed) == Some(id) {
        return Err(Problem::new(
            Code::StateConflict,
            "Nobody shuts out themselves",
            "Ask somebody else who administers the installation.",
        )
        .into());
    }
    let (mut change, before) = begin(&allowed, id).await?;
    if before.deactivated_at.is_some() {
        return Ok(Answered(before));
    }
    users::deactivate(&mut change, id).await?;
    finish(change, id, "admin.user_deactivated", before).await
}

/// Let somebody in again
///
/// Sessions and keys that ended stay ended.
#[utoipa::path(
    post, path = "/api/admin/users/{id}/activate", operation_id = "activateUser", tag = "administration",
    params(("id" = String, Path, description = "Id")), responses((status = 200, body = Account))
)]
pub(super) async fn activate(
    allowed: Allowed<ServerAdmin>,
    Path(named): Path<String>,
) -> Answer<Answered<Account>> {
    let id = id(&named)?;
    let (mut change, before) = begin(&allowed, id).await?;
    if before.deactivated_at.is_none() {
        return Ok(Answered(before));
    }
    users::activate(&mut change, id).await?;
    finish(change, id, "admin.user_activated", before).await
}

/// A change of an account, which others wait for.
async fn begin(allowed: &Allowed<ServerAdmin>, id: UserId) -> Answer<(Change, Account)> {
    let mut change = allowed.change_outside().await?;
    let user = users::by_id_for_update(&mut change, id).await?;
    let user = user.ok_or_else(|| Failure::not_found("account", &id.to_string()))?;
    Ok((change, Account::from(&user)))
}

async fn finish(
    mut change: Change,
    id: UserId,
    action: &'static str,
    before: Account,
) -> Answer<Answered<Account>> {
    let user = find(&mut change, id).await?;
    let after = Account::from(&user);
    let act = Act::new(action).on("user", id, &user.email);
    change
        .commit_for(&[None], act.before(&before).after(&after))
        .await?;
    Ok(Answered(after))
}
