//! `POST /api/api-keys`: a key for a program.

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use ocore_domain::access::{Permission, Scope};
use ocore_store::api_keys::{self as rows, NewApiKey};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ApiKey, find};
use crate::{
    access::{Act, Allowed, ApiKeys, Manage},
    body::Json,
    checks::Checks,
    grants,
    problem::Answer,
};

/// A key to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateApiKey {
    /// What it is for.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// One or more of those that GET /api/permissions lists. Of the organization as a whole, a key that is limited holds
    /// none.
    #[schema(value_type = Vec<Permission>)]
    permissions: Vec<String>,
    /// What it is to be kept to; without it, nothing.
    scope: Option<Scope>,
    /// Without it, it is good until it is revoked.
    expires_at: Option<DateTime<Utc>>,
}

/// A key that was made, and what it is.
#[derive(Serialize, ToSchema)]
pub(super) struct ApiKeyCreated {
    #[serde(flatten)]
    api_key: ApiKey,
    /// Shown only this once.
    key: String,
}

/// Make an API key
///
/// It permits nothing that who makes it may not do.
#[utoipa::path(
    post, path = "/api/api-keys", operation_id = "createApiKey", tag = "api-keys", request_body = CreateApiKey,
    responses((status = 201, body = ApiKeyCreated))
)]
pub(super) async fn create(
    allowed: Allowed<Manage<ApiKeys>>,
    Json(body): Json<CreateApiKey>,
) -> Answer<(StatusCode, axum::Json<ApiKeyCreated>)> {
    let scope = body.scope.unwrap_or_default();
    let mut checks = Checks::default();
    checks.name(&body.name);
    let permissions = grants::permissions(&mut checks, "permissions", &body.permissions);
    checks.that(
        body.expires_at.is_none_or(|at| at > Utc::now()),
        "expiresAt",
        "must be in the future",
    );
    grants::limits(&mut checks, &scope);
    checks.done()?;
    // What a limited key cannot hold would only look as if it did.
    let permissions = permissions.within(&scope);
    let mut checks = Checks::default();
    checks.that(
        permissions.iter().next().is_some(),
        "permissions",
        "must name one that a limited key can hold, for example `view:instances`",
    );
    checks.done()?;
    allowed.may_grant(&permissions, &scope)?;
    let organization = allowed.organization()?;
    let mut change = allowed.change().await?;
    grants::named(&mut change, organization, &scope).await?;
    let new = NewApiKey {
        organization,
        name: body.name,
        permissions,
        scope,
        is_server_admin: false,
        created_by: grants::person(&allowed),
        for_user: None,
        expires_at: body.expires_at,
    };
    let (id, key) = rows::create(&mut change, &new).await?;
    let api_key = ApiKey::from(find(&mut change, organization, &id.to_string()).await?);
    let act = Act::new("api_key.created").on("api_key", id, &new.name);
    change.commit(act.after(&api_key)).await?;
    let answer = ApiKeyCreated {
        api_key,
        key: key.expose_secret().to_owned(),
    };
    Ok((StatusCode::CREATED, axum::Json(answer)))
}
