//! `DELETE /api/api-keys/{id}`.

use axum::{extract::Path, http::StatusCode};
use ocore_domain::{Code, Problem};
use ocore_store::api_keys as rows;

use super::{ApiKey, find};
use crate::{
    access::{Act, Allowed, ApiKeys, Manage},
    grants,
    problem::Answer,
};

/// Revoke an API key
///
/// It opens nothing from the next request on.
#[utoipa::path(
    delete, path = "/api/api-keys/{id}", operation_id = "revokeApiKey", tag = "api-keys",
    params(("id" = String, Path, description = "Id")),
    responses((status = 204))
)]
pub(super) async fn revoke(allowed: Allowed<Manage<ApiKeys>>, Path(id): Path<String>) -> Answer<StatusCode> {
    let mut change = allowed.change().await?;
    let key = find(&mut change, allowed.organization()?, &id).await?;
    grants::may_touch(&allowed, &key.permissions, &key.scope())?;
    if key.is_server_admin {
        if !allowed.signed()?.is_server_admin {
            return Err(Problem::new(
                Code::Forbidden,
                "The key administers the installation, which you do not",
                "Ask who administers it.",
            )
            .into());
        }
        // Within the walls, nobody touches one that administers more than the organization.
        change.leave_tenancy().await?;
    }
    rows::revoke(&mut change, key.id).await?;
    let act = Act::new("api_key.revoked").on("api_key", key.id, &key.name);
    change.commit(act.before(&ApiKey::from(key))).await?;
    Ok(StatusCode::NO_CONTENT)
}
