//! `GET /api/members`: who is in the organization.

use axum::Json;
use ocore_domain::sort::MemberSort;
use ocore_store::members as rows;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Member;
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
    /// In which order; `email` if not given. A hyphen turns it round.
    #[param(inline)]
    sort: Option<MemberSort>,
    /// A part of name or e-mail address.
    search: Option<String>,
}

/// Members, by e-mail address unless told otherwise
#[utoipa::path(
    get, path = "/api/members", operation_id = "listMembers", tag = "members", params(Wanted),
    responses((status = 200, body = List<Member>))
)]
pub(super) async fn list(
    allowed: Allowed<View<Members>>,
    Query(query): Query<Wanted>,
) -> Answer<Json<List<Member>>> {
    let page = page::sorted(query.limit, query.cursor.as_deref(), query.sort)?;
    let organization = allowed.organization()?;
    let mut conn = allowed.read().await?;
    let rows = rows::list(&mut conn, organization, query.search.as_deref(), &page).await?;
    Ok(Json(rows.map(Member::from).into()))
}
