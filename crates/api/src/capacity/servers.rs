//! `GET /api/capacity`: the servers of the organization, held against what they bear.

use std::mem::take;

use axum::Json;
use chrono::{DateTime, Utc};
use ocore_domain::{
    ServerId,
    capacity::{Assessment, Machine, assess},
    placement::memory_reserve,
};
use ocore_store::advice::{self, Bearing, ServerGrowth};
use serde::Serialize;
use utoipa::ToSchema;

use super::Use;
use crate::{
    access::{Allowed, Monitoring, View},
    body::Query,
    page::{List, Part},
    problem::Answer,
};

/// A server: how large it is, how large it should be, and when it will be too small.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServerCapacity {
    id: ServerId,
    name: String,
    /// Held against the resource guide, by the instances it bears; null until it was validated.
    assessment: Option<Assessment>,
    /// Bytes of memory promised to instances: what they may take, not what they take now.
    promised_memory_bytes: u64,
    /// Bytes of memory that can be promised: what the server does not keep for itself and its PostgreSQL.
    promisable_memory_bytes: u64,
    /// Of the file system with Docker's data.
    disk: Use,
    memory: Use,
    /// When the first of them is used up, if it goes on as it did; null: none within a year, or too little was seen.
    runs_out_at: Option<DateTime<Utc>>,
}

/// Servers by name, each with its tier of the resource guide
///
/// The tier follows from the instances that the server bears. When disk or memory will be used up is drawn from how they
/// grew over the last 14 days; it takes a day of measurements.
#[utoipa::path(
    get, path = "/api/capacity", operation_id = "listCapacity", tag = "capacity", params(Part),
    responses((status = 200, body = List<ServerCapacity>))
)]
pub(super) async fn list(
    allowed: Allowed<View<Monitoring>>,
    Query(part): Query<Part>,
) -> Answer<Json<List<ServerCapacity>>> {
    let part = part.of::<String>()?;
    let mut conn = allowed.read().await?;
    let mut page = advice::bearing(&mut conn, allowed.organization()?, &part).await?;
    let servers = take(&mut page.data);
    let ids: Vec<ServerId> = servers.iter().map(|server| server.id).collect();
    let growth = advice::server_growth(&mut conn, &ids).await?;
    let data = servers
        .into_iter()
        .zip(&growth)
        .map(|(server, growth)| held(server, growth))
        .collect();
    Ok(Json(page.holding(data).into()))
}

fn held(server: Bearing, growth: &ServerGrowth) -> ServerCapacity {
    let facts = server.facts.map(|facts| facts.0);
    let (ram, disk) = facts
        .as_ref()
        .map_or((0, 0), |facts| (facts.ram_total_bytes, facts.disk_total_bytes));
    let instances = u32::try_from(server.instances).unwrap_or(u32::MAX);
    let disk = Use::new(disk, server.disk_available, &growth.disk);
    let memory = Use::new(ram, server.ram_available, &growth.memory);
    ServerCapacity {
        id: server.id,
        name: server.name,
        assessment: facts.map(|facts| {
            let has = Machine {
                cpu_cores: facts.cpu_cores,
                ram_total_bytes: facts.ram_total_bytes,
                storage_bytes: Some(facts.disk_total_bytes),
                storage_kind: None,
            };
            assess(instances, has)
        }),
        promised_memory_bytes: u64::try_from(server.promised_memory).unwrap_or(0),
        promisable_memory_bytes: ram.saturating_sub(memory_reserve(ram)),
        runs_out_at: [disk.runs_out_at(), memory.runs_out_at()]
            .into_iter()
            .flatten()
            .min(),
        disk,
        memory,
    }
}
