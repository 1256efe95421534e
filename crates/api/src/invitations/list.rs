//! `GET /api/invitations`.

use axum::Json;
use ocore_domain::{InvitationId, access::InvitationStatus};
use ocore_store::invitations as rows;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Invitation;
use crate::{
    access::{Allowed, Members, View},
    body::Query,
    page::{self, List},
    problem::Answer,
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// How many at most, 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// Only those of which this became.
    status: Option<InvitationStatus>,
}

/// Invitations, newest first
#[utoipa::path(
    get, path = "/api/invitations", operation_id = "listInvitations", tag = "invitations", params(Wanted),
    responses((status = 200, body = List<Invitation>))
)]
pub(super) async fn list(
    allowed: Allowed<View<Members>>,
    Query(query): Query<Wanted>,
) -> Answer<Json<List<Invitation>>> {
    let page = page::wanted::<InvitationId>(query.limit, query.cursor)?;
    let organization = allowed.organization()?;
    let rows = rows::list(&mut *allowed.read().await?, organization, query.status, &page).await?;
    Ok(Json(rows.map(Invitation::from).into()))
}
