//! API keys: what programs bear.

mod create;
mod list;
mod revoke;

use chrono::{DateTime, Utc};
use ocore_domain::{
    ApiKeyId, OrganizationId,
    access::{Permissions, Scope},
};
use ocore_store::{PgConnection, api_keys as rows};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::{Routes, guarded},
    grants::{self, PersonName},
    problem::{Answer, Failure},
};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .with(guarded!(list::list))
        .with(guarded!(create::create))
        .with(guarded!(revoke::revoke))
}

/// An API key, without what it is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApiKey {
    id: ApiKeyId,
    name: String,
    /// How it begins.
    prefix: String,
    permissions: Permissions,
    /// What it is kept to; null: nothing.
    scope: Option<Scope>,
    /// Whether it administers the installation too.
    is_server_admin: bool,
    created_at: DateTime<Utc>,
    /// Null: it is good until it is revoked.
    expires_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
    /// Null for one made by a program or on oCore's own machine.
    created_by: Option<PersonName>,
}

impl From<rows::ApiKey> for ApiKey {
    fn from(row: rows::ApiKey) -> Self {
        Self {
            permissions: grants::words(&row.permissions),
            id: row.id,
            name: row.name,
            prefix: row.prefix,
            scope: row.scope.map(|scope| scope.0),
            is_server_admin: row.is_server_admin,
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            created_by: PersonName::of(row.created_by, row.creator),
        }
    }
}

async fn find(conn: &mut PgConnection, organization: OrganizationId, id: &str) -> Answer<rows::ApiKey> {
    let found = match id.parse() {
        Ok(id) => rows::get(conn, organization, id).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| Failure::not_found("API key", id))
}
