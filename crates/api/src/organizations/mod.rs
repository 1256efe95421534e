//! Organizations: who has servers and instances.

mod create;
pub(crate) mod delete;
mod mine;
mod settings;
mod show;
mod transfer;
mod update;

use chrono::{DateTime, Utc};
use ocore_domain::{OperationId, OrganizationId, OrganizationSlug};
use ocore_store::{PgConnection, organizations as rows};
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
        .with(guarded!(mine::list))
        .with(guarded!(create::create))
        .with(guarded!(show::show))
        .with(guarded!(update::update))
        .with(guarded!(delete::delete))
        .with(guarded!(settings::show))
        .with(guarded!(settings::update))
        .with(guarded!(transfer::transfer))
}

/// An organization.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Organization {
    id: OrganizationId,
    name: String,
    slug: OrganizationSlug,
    logo_url: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// How often name, logo or settings were changed; the same as in the `ETag`.
    revision: i64,
    /// The operation that is deleting it, if one is; nothing new is made in it meanwhile.
    deletion_operation_id: Option<OperationId>,
}

impl From<rows::Organization> for Organization {
    fn from(row: rows::Organization) -> Self {
        Self {
            id: row.id,
            name: row.name,
            slug: row.slug,
            logo_url: row.logo_url,
            created_at: row.created_at,
            updated_at: row.updated_at,
            revision: row.revision,
            deletion_operation_id: row.deletion_operation_id,
        }
    }
}

impl Organization {
    fn tagged(self) -> Tagged<Self> {
        Tagged {
            revision: self.revision,
            body: self,
        }
    }
}

/// An organization, as an invitation names it.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrganizationName {
    pub(crate) id: OrganizationId,
    pub(crate) name: String,
    pub(crate) slug: OrganizationSlug,
}

/// The organization, whose row stays locked until the transaction ends. This comes before every change of its members,
/// roles, invitations and settings, so that these are made one after another.
pub(crate) async fn lock(conn: &mut PgConnection, id: OrganizationId) -> Answer<rows::Organization> {
    rows::lock(conn, id)
        .await?
        .ok_or_else(|| Failure::not_found("organization", &id.to_string()))
}

pub(crate) fn check_name(checks: &mut Checks, name: &str) {
    let length = name.chars().count();
    let fits = (2..=100).contains(&length) && name.trim() == name && !name.chars().any(char::is_control);
    checks.that(
        fits,
        "name",
        "must have 2 to 100 characters, none of them a control character, and no space around",
    );
}

pub(crate) fn check_slug(checks: &mut Checks, slug: Option<String>) -> Option<OrganizationSlug> {
    let slug = slug?;
    let parsed = slug.parse().map_err(|_| OrganizationSlug::RULE.to_owned());
    checks.value("slug", parsed)
}

/// The same after a change.
async fn again(conn: &mut PgConnection, id: OrganizationId) -> Answer<rows::Organization> {
    rows::get(conn, id)
        .await?
        .ok_or_else(|| Failure::not_found("organization", &id.to_string()))
}
