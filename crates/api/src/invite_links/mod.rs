//! Invitations to whoever has their link.

mod create;
mod join;
mod list;
mod revoke;

use chrono::{DateTime, Utc};
use ocore_domain::{InviteLinkId, OrganizationId, access::Scope};
use ocore_store::{PgConnection, invite_links as rows};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Api,
    access::{Allowed, InTenancy, Routes, guarded},
    grants::{self, RoleName},
    problem::{Answer, Failure},
};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .with(guarded!(list::list))
        .with(guarded!(create::create))
        .with(guarded!(join::join))
        .with(guarded!(revoke::revoke))
}

/// A link that invites, without what makes it one: so it is recorded.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct InviteLink {
    id: InviteLinkId,
    role: RoleName,
    /// What its members will be kept to; null: nothing.
    scope: Option<Scope>,
    /// How often it can be used; 0: as often as one likes.
    max_uses: i32,
    use_count: i32,
    created_at: DateTime<Utc>,
    /// Null: it is good until it is revoked.
    expires_at: Option<DateTime<Utc>>,
}

impl From<&rows::InviteLink> for InviteLink {
    fn from(row: &rows::InviteLink) -> Self {
        Self {
            id: row.id,
            role: RoleName {
                id: row.role_id,
                name: row.role_name.clone(),
            },
            scope: row.scope.as_ref().map(|scope| scope.0.clone()),
            max_uses: row.max_uses,
            use_count: row.use_count,
            created_at: row.created_at,
            expires_at: row.expires_at,
        }
    }
}

/// A link that invites.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OpenInviteLink {
    #[serde(flatten)]
    link: InviteLink,
    /// Null when the link offers more than who asks may do.
    code: Option<String>,
    /// The same as an address; null when the code is.
    url: Option<String>,
}

impl OpenInviteLink {
    fn new(link: InviteLink, code: Option<&SecretString>, api: &Api) -> Self {
        let code = code.map(|code| code.expose_secret().to_owned());
        Self {
            link,
            url: code.as_ref().map(|code| format!("{}/join/{code}", api.app_url())),
            code,
        }
    }

    /// A link as who asks may see it: whoever has the code can come in, so it is a grant to tell it.
    fn shown<N: InTenancy>(
        row: &rows::InviteLink,
        allowed: &Allowed<N>,
        api: &Api,
        organization: OrganizationId,
    ) -> Answer<Self> {
        let may = grants::may_touch(allowed, &row.permissions, &row.scope()).is_ok();
        let code = if may {
            Some(row.code(api.store.sealer(), organization)?)
        } else {
            None
        };
        Ok(Self::new(row.into(), code.as_ref(), api))
    }
}

async fn find(conn: &mut PgConnection, organization: OrganizationId, id: &str) -> Answer<rows::InviteLink> {
    let found = match id.parse() {
        Ok(id) => rows::get(conn, organization, id).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| Failure::not_found("invite link", id))
}
