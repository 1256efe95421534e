//! `GET` and `PUT /api/org/settings`: how the organization works.

use ocore_domain::{Code, Problem, placement::Policy};
use ocore_store::organizations as rows;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{again, lock};
use crate::{
    access::{Act, Actor, Allowed, Manage, Organization as OfOrganization, View},
    body::Json,
    checks::Checks,
    problem::Answer,
    revision::{IfMatch, Tagged},
};

/// How an organization works.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrganizationSettings {
    /// How long the record of who did what is kept.
    audit_retention_days: i32,
    /// How many instances are worked on at once when something is done to many.
    bulk_batch_size: i32,
    /// Whether members must sign in by passkey to do anything here. API keys are not concerned.
    require_passkey: bool,
    /// Which of the servers that can take an instance is preferred.
    placement_policy: Policy,
}

impl OrganizationSettings {
    const fn tagged(row: &rows::Organization) -> Tagged<Self> {
        Tagged {
            revision: row.revision,
            body: Self {
                audit_retention_days: row.audit_retention_days,
                bulk_batch_size: row.bulk_batch_size,
                require_passkey: row.require_passkey,
                placement_policy: row.placement_policy,
            },
        }
    }
}

/// The organization's settings
#[utoipa::path(
    get, path = "/api/org/settings", operation_id = "showOrganizationSettings", tag = "organizations",
    responses((status = 200, body = OrganizationSettings,
        headers(("ETag" = String, description = "The organization's revision"))))
)]
pub(super) async fn show(allowed: Allowed<View<OfOrganization>>) -> Answer<Tagged<OrganizationSettings>> {
    let row = again(&mut *allowed.read().await?, allowed.organization()?).await?;
    Ok(OrganizationSettings::tagged(&row))
}

/// What is to change; what is not given stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateOrganizationSettings {
    #[schema(minimum = 1, maximum = 3650)]
    audit_retention_days: Option<i32>,
    #[schema(minimum = 1, maximum = 100)]
    bulk_batch_size: Option<i32>,
    /// Turned on by a person only when they are signed in by passkey themselves.
    require_passkey: Option<bool>,
    placement_policy: Option<Policy>,
}

/// Change the organization's settings
#[utoipa::path(
    put, path = "/api/org/settings", operation_id = "updateOrganizationSettings", tag = "organizations",
    request_body = UpdateOrganizationSettings,
    params(("If-Match" = Option<String>, Header, description = "The `ETag` that was read; without it, whatever changed meanwhile")),
    responses((status = 200, body = OrganizationSettings,
        headers(("ETag" = String, description = "The organization's revision"))))
)]
pub(super) async fn update(
    allowed: Allowed<Manage<OfOrganization>>,
    if_match: IfMatch,
    Json(body): Json<UpdateOrganizationSettings>,
) -> Answer<Tagged<OrganizationSettings>> {
    let mut checks = Checks::default();
    let days = body.audit_retention_days;
    checks.that(
        days.is_none_or(|days| (1..=3650).contains(&days)),
        "auditRetentionDays",
        "must be from 1 to 3650",
    );
    let batch = body.bulk_batch_size;
    checks.that(
        batch.is_none_or(|batch| (1..=100).contains(&batch)),
        "bulkBatchSize",
        "must be from 1 to 100",
    );
    checks.done()?;
    let id = allowed.organization()?;
    let mut change = allowed.change().await?;
    let before = lock(&mut change, id).await?;
    if_match.check(before.revision)?;
    let settings = rows::Settings {
        audit_retention_days: days.unwrap_or(before.audit_retention_days),
        bulk_batch_size: batch.unwrap_or(before.bulk_batch_size),
        require_passkey: body.require_passkey.unwrap_or(before.require_passkey),
        placement_policy: body.placement_policy.unwrap_or(before.placement_policy),
    };
    if settings.require_passkey
        && !before.require_passkey
        && matches!(&allowed.signed()?.actor, Actor::User { method, .. } if method != "passkey")
    {
        return Err(Problem::new(
            Code::PasskeyRequired,
            "You would shut yourself out: you are not signed in by passkey",
            "Register a passkey, sign in with it, and turn this on then.",
        )
        .into());
    }
    rows::set_settings(&mut change, id, settings).await?;
    let after = OrganizationSettings::tagged(&again(&mut change, id).await?);
    let act = Act::new("org.settings_updated").on("organization", id, &before.name);
    let act = act.before(&OrganizationSettings::tagged(&before).body);
    change.commit(act.after(&after.body)).await?;
    Ok(after)
}
