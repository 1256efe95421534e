//! `GET /api/admin/capacity`: oCore itself, held against what it manages.

use axum::Json;
use chrono::{DateTime, Utc};
use ocore_domain::capacity::{Assessment, Machine, assess};
use ocore_store::{
    PgConnection,
    advice::{self, Process},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Use;
use crate::{
    access::{Allowed, ServerAdmin},
    problem::Answer,
};

/// oCore: how large it is, how large it should be, and when it will be too small.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ControlPlaneCapacity {
    /// Instances of all organizations.
    managed_instances: u32,
    /// Servers of all organizations.
    servers: u32,
    /// The smallest of its machines, held against the resource guide; null until a process has told of itself.
    assessment: Option<Assessment>,
    /// The disk with oCore's data, by how its database grew; null where it is not on a machine of oCore's.
    storage: Option<Use>,
    connections: Connections,
    /// Its processes that live, one each.
    processes: Vec<ProcessSeen>,
}

/// Connections to oCore's database.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Connections {
    /// What all pools of all processes together may hold.
    pools: u64,
    /// `max_connections`, less those kept for superusers.
    most: u64,
}

/// One process.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ProcessSeen {
    id: Uuid,
    host: String,
    version: String,
    cpu_cores: i32,
    /// Percent of all cores of its machine.
    cpu_usage_percent: Option<f32>,
    /// Percent of one core, by this process.
    process_cpu_percent: Option<f32>,
    /// Of its machine, or of its container's limit.
    ram_total_bytes: i64,
    ram_available_bytes: i64,
    /// Of this process.
    process_memory_bytes: i64,
    /// When it told.
    observed_at: DateTime<Utc>,
}

/// oCore itself, with its tier of the resource guide
#[utoipa::path(
    get, path = "/api/admin/capacity", operation_id = "showControlPlaneCapacity", tag = "capacity",
    responses((status = 200, body = ControlPlaneCapacity))
)]
pub(super) async fn show(allowed: Allowed<ServerAdmin>) -> Answer<Json<ControlPlaneCapacity>> {
    let mut conn = allowed.read_outside().await?;
    let processes = advice::processes(&mut conn).await?;
    let managed = advice::managed(&mut conn).await?;
    let assessment = smallest(&processes).map(|has| assess(managed.instances, has));
    let storage = storage(&mut conn, &processes).await?;
    let connections = connections(&mut conn, &processes).await?;
    Ok(Json(ControlPlaneCapacity {
        managed_instances: managed.instances,
        servers: managed.servers,
        assessment,
        storage,
        connections,
        processes: processes.into_iter().map(seen).collect(),
    }))
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// The machine that is the first to be too small.
fn smallest(processes: &[Process]) -> Option<Machine> {
    let least = processes.iter().min_by_key(|process| process.ram_total)?;
    Some(Machine {
        cpu_cores: u32::try_from(least.cpu_cores).unwrap_or(0),
        ram_total_bytes: unsigned(least.ram_total),
        storage_bytes: least.storage_total.map(unsigned),
        storage_kind: None,
    })
}

/// The disk is used up when the database has grown by what is free on it.
async fn storage(conn: &mut PgConnection, processes: &[Process]) -> Answer<Option<Use>> {
    let fullest = processes
        .iter()
        .filter_map(|process| Some((process.storage_total?, process.storage_available?)))
        .min_by_key(|(_, available)| *available);
    let Some((total, available)) = fullest else {
        return Ok(None);
    };
    let mut growth = advice::database_growth(conn).await?;
    if let Some(now) = growth.last().map(|point| point.used) {
        #[expect(clippy::cast_precision_loss, reason = "bytes for a trend")]
        let rest = unsigned(total - available) as f64 - now;
        for point in &mut growth {
            point.used += rest;
        }
    }
    Ok(Some(Use::new(unsigned(total), Some(available), &growth)))
}

async fn connections(conn: &mut PgConnection, processes: &[Process]) -> Answer<Connections> {
    let settings = advice::settings(conn).await?;
    Ok(Connections {
        pools: processes
            .iter()
            .map(|process| u64::try_from(process.pool_max).unwrap_or(0))
            .sum(),
        most: unsigned(settings.max_connections - settings.superuser_reserved_connections),
    })
}

fn seen(process: Process) -> ProcessSeen {
    ProcessSeen {
        id: process.process_id,
        host: process.host,
        version: process.version,
        cpu_cores: process.cpu_cores,
        cpu_usage_percent: process.cpu_usage,
        process_cpu_percent: process.process_cpu,
        ram_total_bytes: process.ram_total,
        ram_available_bytes: process.ram_available,
        process_memory_bytes: process.process_memory,
        observed_at: process.at,
    }
}
