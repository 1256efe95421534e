//! `GET /api/counts/instances`.

use axum::Json;
use ocore_domain::instance::{Health, InstanceStatus};
use ocore_store::instances as rows;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::{Allowed, Instances, View},
    problem::Answer,
};

/// How many instances there are that the caller may see.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct InstanceCounts {
    total: i64,
    /// A status that no instance is in is left out.
    by_status: Vec<InstancesIn>,
    /// Of those that are to run: nobody expects it of the others. What none shows is left out.
    by_health: Vec<InstancesOf>,
}

/// How many instances are in a status.
#[derive(Serialize, ToSchema)]
struct InstancesIn {
    status: InstanceStatus,
    count: i64,
}

/// How many running instances were seen in this health.
#[derive(Serialize, ToSchema)]
struct InstancesOf {
    health: Health,
    count: i64,
}

/// How many instances there are, by status and by health
#[utoipa::path(
    get, path = "/api/counts/instances", operation_id = "countInstances", tag = "instances",
    responses((status = 200, body = InstanceCounts))
)]
pub(super) async fn show(allowed: Allowed<View<Instances>>) -> Answer<Json<InstanceCounts>> {
    let mut conn = allowed.read().await?;
    let counts = rows::count(&mut conn, allowed.organization()?).await?;
    let of_status = |status| {
        counts
            .iter()
            .filter(move |of| of.status == status)
            .map(|of| of.count)
    };
    let of_health = |health| {
        counts
            .iter()
            .filter(move |of| of.status == InstanceStatus::Running && of.health == health)
            .map(|of| of.count)
    };
    Ok(Json(InstanceCounts {
        total: counts.iter().map(|of| of.count).sum(),
        by_status: InstanceStatus::ALL
            .iter()
            .map(|&status| InstancesIn {
                status,
                count: of_status(status).sum(),
            })
            .filter(|of| of.count > 0)
            .collect(),
        by_health: Health::ALL
            .iter()
            .map(|&health| InstancesOf {
                health,
                count: of_health(health).sum(),
            })
            .filter(|of| of.count > 0)
            .collect(),
    }))
}
