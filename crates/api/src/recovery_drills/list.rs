//! `GET /api/recovery-drills`: the drills there were.

use std::str::FromStr;

use axum::Json;
use ocore_store::advice as rows;

use super::RecoveryDrill;
use crate::{
    access::{Allowed, Organization, View},
    body::Query,
    page::{List, Part},
    problem::Answer,
};

/// A cursor of this list: `<microseconds>.<id>`.
struct Cursor;

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (at, id) = text.split_once('.').ok_or(())?;
        let fits = at.parse::<i64>().is_ok() && id.parse::<uuid::Uuid>().is_ok();
        fits.then_some(Self).ok_or(())
    }
}

/// Recovery drills, the newest first
#[utoipa::path(
    get, path = "/api/recovery-drills", operation_id = "listRecoveryDrills", tag = "capacity", params(Part),
    responses((status = 200, body = List<RecoveryDrill>))
)]
pub(super) async fn list(
    allowed: Allowed<View<Organization>>,
    Query(part): Query<Part>,
) -> Answer<Json<List<RecoveryDrill>>> {
    let part = part.of::<Cursor>()?;
    let drills = rows::drills(&mut *allowed.read().await?, allowed.organization()?, &part).await?;
    Ok(Json(drills.map(RecoveryDrill::from).into()))
}
