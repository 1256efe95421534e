//! `/api/admin/api-keys`: every key to the API.

use axum::{Json as Answered, extract::Path, http::StatusCode};
use ocore_store::{admin as rows, api_keys};
use serde::Serialize;
use utoipa::ToSchema;

use super::WantedApiKeys;
use crate::{
    access::{Act, Allowed, ServerAdmin},
    api_keys::ApiKey,
    body::Query,
    organizations::OrganizationName,
    page::List,
    problem::{Answer, Failure},
};

/// An API key, and to which organization.
#[derive(Serialize, ToSchema)]
pub(super) struct ApiKeyOfOrganization {
    #[serde(flatten)]
    api_key: ApiKey,
    organization: OrganizationName,
}

impl From<rows::ApiKey> for ApiKeyOfOrganization {
    fn from(row: rows::ApiKey) -> Self {
        Self {
            api_key: ApiKey::from(api_keys::ApiKey {
                id: row.id,
                name: row.name,
                prefix: row.prefix,
                permissions: row.permissions,
                scope: row.scope,
                is_server_admin: row.is_server_admin,
                created_by: row.created_by,
                creator: row.creator,
                created_at: row.created_at,
                expires_at: row.expires_at,
                last_used_at: row.last_used_at,
            }),
            organization: OrganizationName {
                id: row.organization_id,
                name: row.organization_name,
                slug: row.organization_slug,
            },
        }
    }
}

/// All API keys that are not revoked, newest first unless told otherwise
///
/// `search` looks at the names of key and organization, and at how the key begins.
#[utoipa::path(
    get, path = "/api/admin/api-keys", operation_id = "listAllApiKeys", tag = "administration", params(WantedApiKeys),
    responses((status = 200, body = List<ApiKeyOfOrganization>))
)]
pub(super) async fn list(
    allowed: Allowed<ServerAdmin>,
    Query(query): Query<WantedApiKeys>,
) -> Answer<Answered<List<ApiKeyOfOrganization>>> {
    let page = query.page()?;
    let mut conn = allowed.read_outside().await?;
    let rows = rows::api_keys(&mut conn, query.search.as_deref(), &page).await?;
    Ok(Answered(rows.map(ApiKeyOfOrganization::from).into()))
}

/// Revoke any API key
///
/// It opens nothing from the next request on.
#[utoipa::path(
    delete, path = "/api/admin/api-keys/{id}", operation_id = "revokeAnyApiKey", tag = "administration",
    params(("id" = String, Path, description = "Id")), responses((status = 204))
)]
pub(super) async fn revoke(allowed: Allowed<ServerAdmin>, Path(named): Path<String>) -> Answer<StatusCode> {
    let not_found = || Failure::not_found("API key", &named);
    let id = named.parse().map_err(|_| not_found())?;
    let mut change = allowed.change_outside().await?;
    let key = rows::api_key(&mut change, id).await?.ok_or_else(not_found)?;
    api_keys::revoke(&mut change, id).await?;
    let organization = key.organization_id;
    let act = Act::new("api_key.revoked").on("api_key", id, &key.name);
    let act = act.before(&ApiKeyOfOrganization::from(key));
    change.commit_for(&[Some(organization)], act).await?;
    Ok(StatusCode::NO_CONTENT)
}
