//! `GET /api/admin/advice`: the bottlenecks of oCore itself.

use axum::Json;
use ocore_domain::advice::of_control_plane;
use ocore_store::advice;

use super::{Advice, Wanted};
use crate::{
    access::{Allowed, ServerAdmin},
    body::Query,
    problem::Answer,
};

/// What oCore's own bottleneck is, and what to do
#[utoipa::path(
    get, path = "/api/admin/advice", operation_id = "adviseControlPlane", tag = "capacity", params(Wanted),
    responses((status = 200, body = Advice))
)]
pub(super) async fn advise(
    allowed: Allowed<ServerAdmin>,
    Query(wanted): Query<Wanted>,
) -> Answer<Json<Advice>> {
    let over = wanted.minutes()?;
    let seen = advice::control_plane(&mut *allowed.read_outside().await?, over).await?;
    let (findings, unmeasured) = match seen {
        Some(seen) => (of_control_plane(&seen), Vec::new()),
        None => (Vec::new(), vec!["oCore".to_owned()]),
    };
    Ok(Json(Advice::new(over, findings, unmeasured)))
}
