//! `/api/user/connected-accounts`: somebody's accounts at other providers.

use axum::{Json, extract::Path, http::StatusCode};
use chrono::{DateTime, Utc};
use ocore_domain::{Code, Problem, UserId};
use ocore_store::{PgConnection, connected_accounts as rows, users};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::who;
use crate::{
    access::{Act, Allowed, SignedIn},
    auth::records,
    page::List,
    problem::{Answer, Failure},
};

/// An account at another provider.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConnectedAccount {
    /// The provider's id.
    provider: String,
    /// The address the provider knew when it was connected.
    email: Option<String>,
    created_at: DateTime<Utc>,
}

/// One's accounts at other providers
#[utoipa::path(
    get, path = "/api/user/connected-accounts", operation_id = "listConnectedAccounts", tag = "user",
    responses((status = 200, body = List<ConnectedAccount>))
)]
pub(super) async fn list(allowed: Allowed<SignedIn>) -> Answer<Json<List<ConnectedAccount>>> {
    let (user, _) = who(&allowed)?;
    let rows = rows::list(&mut *allowed.read_outside().await?, user).await?;
    let view = |row: rows::Connected| ConnectedAccount {
        provider: row.provider,
        email: row.email,
        created_at: row.created_at,
    };
    Ok(Json(List::whole(rows.into_iter().map(view).collect())))
}

/// Disconnect an account at another provider
///
/// Not the last way in.
#[utoipa::path(
    delete, path = "/api/user/connected-accounts/{provider}", operation_id = "disconnectAccount", tag = "user",
    params(("provider" = String, Path, description = "Its id")), responses((status = 204))
)]
pub(super) async fn disconnect(
    allowed: Allowed<SignedIn>,
    Path(provider): Path<String>,
) -> Answer<StatusCode> {
    let (user, _) = who(&allowed)?;
    let mut change = allowed.change_outside().await?;
    users::by_id_for_update(&mut change, user).await?;
    if rows::remove(&mut change, user, &provider).await? == 0 {
        return Err(Failure::not_found("connected account", &provider));
    }
    keep_a_way_in(&mut change, user).await?;
    let records = records(&mut change, user).await?;
    let act = Act::new("auth.account_disconnected").on("user", user, "");
    change
        .commit_for(&records, act.before(&json!({ "provider": provider })))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Refuses what leaves somebody outside. The account is locked before.
pub(super) async fn keep_a_way_in(conn: &mut PgConnection, user: UserId) -> Answer<()> {
    if users::ways_in(conn, user).await? > 0 {
        return Ok(());
    }
    Err(Problem::new(
        Code::StateConflict,
        "It is the last way into the account",
        "Set a password, make another passkey or connect another account first.",
    )
    .into())
}
