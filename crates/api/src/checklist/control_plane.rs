//! `GET /api/admin/checklist`: the list for oCore itself.

use axum::Json;
use chrono::TimeDelta;
use ocore_domain::advice::{of_control_plane, sorted};
use ocore_store::advice;

use super::{BACKUPS, Checklist, INVENTORY, Item, State, bottleneck, database};
use crate::{
    access::{Allowed, ServerAdmin},
    problem::Answer,
};

/// What should be known and done before one scales oCore itself
#[utoipa::path(
    get, path = "/api/admin/checklist", operation_id = "checklistOfControlPlane", tag = "capacity",
    responses((status = 200, body = Checklist))
)]
pub(super) async fn check(allowed: Allowed<ServerAdmin>) -> Answer<Json<Checklist>> {
    let mut conn = allowed.read_outside().await?;
    let seen = advice::control_plane(&mut conn, TimeDelta::minutes(15)).await?;
    let processes = advice::processes(&mut conn).await?;
    let managed = advice::managed(&mut conn).await?;
    let settings = advice::settings(&mut conn).await?;
    let measured = usize::from(seen.is_some());
    let findings = seen.map_or_else(Vec::new, |seen| sorted(of_control_plane(&seen)));
    let items = vec![
        bottleneck(findings, &[], measured),
        database::of_control_plane(&settings, &processes),
        Item::new(BACKUPS, State::Attention, "oCore makes no backup of its own database yet")
            .action("Back it up with pg_dump, and keep SSH_ENCRYPTION_KEY apart: without it the secrets in it cannot be read."),
        Item::new(
            INVENTORY,
            State::Done,
            format!("{} servers with {} instances are managed", managed.servers, managed.instances),
        ),
    ];
    Ok(Json(Checklist { items }))
}
