//! `GET /api/auth/providers`: other providers by which people sign in.

use std::sync::Arc;

use axum::{Json, extract::State};
use ocore_sso::Login;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Api,
    access::{Allowed, Anyone},
    problem::Failure,
};

/// Another provider.
#[derive(Serialize, ToSchema)]
pub(super) struct Provider {
    /// Its name in addresses.
    id: String,
    /// Its name on a button.
    name: String,
}

/// Other providers by which people sign in
#[utoipa::path(
    get, path = "/api/auth/providers", operation_id = "listProviders", tag = "auth",
    responses((status = 200, body = Vec<Provider>))
)]
pub(super) async fn list(_: Allowed<Anyone>, State(api): State<Api>) -> Json<Vec<Provider>> {
    Json(all(&api))
}

pub(super) fn all(api: &Api) -> Vec<Provider> {
    let provider = |login: &Arc<dyn Login>| Provider {
        id: login.id().to_owned(),
        name: login.name().to_owned(),
    };
    api.installation.logins.iter().map(provider).collect()
}

/// The provider of this id.
pub(super) fn find(api: &Api, id: &str) -> Result<Arc<dyn Login>, Failure> {
    let found = api.installation.logins.iter().find(|login| login.id() == id);
    found.cloned().ok_or_else(|| Failure::not_found("provider", id))
}
