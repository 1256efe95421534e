//! `GET /api/invite-links`.

use axum::{Json, extract::State};
use ocore_domain::InviteLinkId;
use ocore_store::{Page, invite_links as rows};
use serde::Deserialize;
use utoipa::IntoParams;

use super::OpenInviteLink;
use crate::{
    Api,
    access::{Allowed, Manage, Members},
    body::Query,
    page::{self, List},
    problem::Answer,
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// How many at most, 1 to 200.
    limit: Option<i64>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// Invite links that are not revoked, newest first
#[utoipa::path(
    get, path = "/api/invite-links", operation_id = "listInviteLinks", tag = "invitations", params(Wanted),
    responses((status = 200, body = List<OpenInviteLink>))
)]
pub(super) async fn list(
    allowed: Allowed<Manage<Members>>,
    State(api): State<Api>,
    Query(query): Query<Wanted>,
) -> Answer<Json<List<OpenInviteLink>>> {
    let page = page::wanted::<InviteLinkId>(query.limit, query.cursor)?;
    let organization = allowed.organization()?;
    let Page {
        data,
        next_cursor,
        has_more,
    } = rows::list(&mut *allowed.read().await?, organization, &page).await?;
    let shown = data
        .iter()
        .map(|row| OpenInviteLink::shown(row, &allowed, &api, organization));
    Ok(Json(
        Page {
            data: shown.collect::<Answer<_>>()?,
            next_cursor,
            has_more,
        }
        .into(),
    ))
}
