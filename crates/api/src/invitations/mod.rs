//! Invitations, each to one e-mail address.

mod accept;
mod cancel;
mod invite;
mod list;
mod lookup;
mod resend;

use chrono::{DateTime, TimeDelta, Utc};
use ocore_domain::{
    InvitationId, OrganizationId,
    access::{InvitationStatus, Scope},
};
use ocore_store::{PgConnection, invitations as rows};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::{Routes, guarded},
    grants::{PersonName, RoleName},
    organizations::OrganizationName,
    problem::{Answer, Failure},
};

pub(crate) use accept::commit as joined;

/// How long an invitation can be accepted.
const DAYS: TimeDelta = TimeDelta::days(7);

pub(crate) fn routes() -> Routes {
    Routes::default()
        .with(guarded!(invite::invite))
        .with(guarded!(list::list))
        .with(guarded!(lookup::lookup))
        .with(guarded!(accept::accept))
        .with(guarded!(cancel::cancel))
        .with(guarded!(resend::resend))
}

/// An invitation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Invitation {
    id: InvitationId,
    email: String,
    /// Null once it is over and the role was deleted.
    role: Option<RoleName>,
    /// What the member will be kept to; null: nothing.
    scope: Option<Scope>,
    status: InvitationStatus,
    /// Null for a program.
    invited_by: Option<PersonName>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl From<rows::Invitation> for Invitation {
    fn from(row: rows::Invitation) -> Self {
        Self {
            id: row.id,
            email: row.email,
            role: row
                .role_id
                .zip(row.role_name)
                .map(|(id, name)| RoleName { id, name }),
            scope: row.scope.map(|scope| scope.0),
            status: row.status,
            invited_by: PersonName::of(row.invited_by, row.inviter),
            created_at: row.created_at,
            expires_at: row.expires_at,
        }
    }
}

/// An invitation that was sent.
#[derive(Serialize, ToSchema)]
pub(super) struct InvitationSent {
    #[serde(flatten)]
    invitation: Invitation,
    /// Where it is accepted, to be passed on; null when it was sent by mail.
    link: Option<String>,
}

/// Where somebody is now.
#[derive(Serialize, ToSchema)]
pub(crate) struct InvitationAccepted {
    pub(crate) organization: OrganizationName,
}

async fn find(conn: &mut PgConnection, organization: OrganizationId, id: &str) -> Answer<rows::Invitation> {
    let found = match id.parse() {
        Ok(id) => rows::get(conn, organization, id).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| Failure::not_found("invitation", id))
}
