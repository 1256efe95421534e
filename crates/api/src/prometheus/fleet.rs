//! `GET /metrics/fleet`: every server and instance.

use std::sync::atomic::AtomicU64;

use axum::response::Response;
use chrono::Utc;
use ocore_store::{metrics::fleet as rows, operations};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};

use super::exposition;
use crate::{
    access::{Allowed, ServerAdmin},
    problem::Answer,
};

type Of<L> = Family<L, Gauge<f64, AtomicU64>>;

/// Of how many organizations the queue is told.
const ORGANIZATIONS: i64 = 200;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Share {
    organization: String,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Server {
    organization: String,
    server: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
#[expect(clippy::struct_field_names, reason = "they are the names of the labels")]
struct Instance {
    organization: String,
    server: String,
    instance: String,
}

/// The last figures of every server and instance, for Prometheus
///
/// With the token of `OCORE_METRICS_TOKEN` or as a server administrator. What was not measured in the last three minutes has no figures but `_up` and its age.
#[utoipa::path(
    get, path = "/metrics/fleet", operation_id = "fleetMetrics", tag = "health",
    responses((status = 200, content_type = "application/openmetrics-text", body = String))
)]
pub(super) async fn fleet(allowed: Allowed<ServerAdmin>) -> Answer<Response> {
    let mut conn = allowed.read_outside().await?;
    let servers = rows::servers(&mut conn).await?;
    let instances = rows::instances(&mut conn).await?;
    let queue = operations::queue_by_organization(&mut conn, ORGANIZATIONS).await?;
    drop(conn);
    let mut registry = Registry::default();
    of_servers(&mut registry, &servers);
    of_instances(&mut registry, &instances);
    of_organizations(&mut registry, &queue);
    exposition([&registry])
}

/// What each organization has of the queue.
#[expect(clippy::cast_precision_loss, reason = "counts of operations")]
fn of_organizations(registry: &mut Registry, queue: &[operations::OfOrganization]) {
    let (open, age) = (Of::<Share>::default(), Of::<Share>::default());
    for of in queue {
        let share = |state| Share {
            organization: of.slug.to_string(),
            state,
        };
        open.get_or_create(&share("waiting")).set(of.waiting as f64);
        open.get_or_create(&share("running")).set(of.running as f64);
        let seconds = of
            .oldest
            .map_or(0, |since| (Utc::now() - since).num_seconds().max(0));
        age.get_or_create(&share("waiting")).set(seconds as f64);
    }
    registry.register(
        "ocore_organization_operations",
        "Operations of an organization that have not ended; of the 200 with the most",
        open,
    );
    registry.register(
        "ocore_organization_operations_age_seconds",
        "For how long the oldest of them could have been taken up",
        age,
    );
}

#[expect(clippy::cast_precision_loss, reason = "bytes; 2^53 of them are 8 PiB")]
fn of_servers(registry: &mut Registry, servers: &[rows::Server]) {
    type Figure = fn(&rows::Server) -> Option<f64>;
    let figures: &[(&str, &str, Figure)] = &[
        ("ocore_server_up", "Whether it answers over SSH", |s| {
            Some(f64::from(u8::from(s.is_active)))
        }),
        (
            "ocore_server_sample_age_seconds",
            "How long ago it was measured",
            |s| s.age_seconds,
        ),
        ("ocore_server_cpu_usage_percent", "Of all cores together", |s| {
            s.cpu_usage.map(Into::into)
        }),
        ("ocore_server_cpu_iowait_percent", "Of all cores together", |s| {
            s.cpu_iowait.map(Into::into)
        }),
        ("ocore_server_cpu_steal_percent", "Of all cores together", |s| {
            s.cpu_steal.map(Into::into)
        }),
        ("ocore_server_load1", "Load over a minute", |s| {
            s.load_1m.map(Into::into)
        }),
        ("ocore_server_memory_total_bytes", "Memory", |s| {
            s.ram_total.map(|n| n as f64)
        }),
        (
            "ocore_server_memory_available_bytes",
            "Memory that could be had",
            |s| s.ram_available.map(|n| n as f64),
        ),
        ("ocore_server_swap_used_bytes", "Swap in use", |s| {
            s.swap_used.map(|n| n as f64)
        }),
        (
            "ocore_server_disk_total_bytes",
            "The file system with Docker's data",
            |s| s.disk_total.map(|n| n as f64),
        ),
        ("ocore_server_disk_available_bytes", "What is free on it", |s| {
            s.disk_available.map(|n| n as f64)
        }),
        (
            "ocore_server_disk_await_milliseconds",
            "A request to the slowest disk",
            |s| s.disk_await_ms.map(Into::into),
        ),
        (
            "ocore_server_pressure_io_percent",
            "Time in which some task waited for a disk",
            |s| s.pressure_io.map(Into::into),
        ),
        ("ocore_server_network_receive_bytes_per_second", "Received", |s| {
            s.network_rx_per_second
        }),
        ("ocore_server_network_transmit_bytes_per_second", "Sent", |s| {
            s.network_tx_per_second
        }),
        (
            "ocore_server_postgres_connections",
            "Connections to its PostgreSQL",
            |s| s.pg_connections.map(Into::into),
        ),
        ("ocore_server_uptime_seconds", "Since boot", |s| {
            s.uptime_seconds.map(|n| n as f64)
        }),
    ];
    for (name, help, figure) in figures {
        let family = Of::<Server>::default();
        for server in servers {
            if let Some(value) = figure(server) {
                let labels = Server {
                    organization: server.organization.clone(),
                    server: server.name.clone(),
                };
                family.get_or_create(&labels).set(value);
            }
        }
        registry.register(*name, *help, family);
    }
}

#[expect(clippy::cast_precision_loss, reason = "bytes; 2^53 of them are 8 PiB")]
fn of_instances(registry: &mut Registry, instances: &[rows::Instance]) {
    type Figure = fn(&rows::Instance) -> Option<f64>;
    let figures: &[(&str, &str, Figure)] = &[
        (
            "ocore_instance_up",
            "Whether it serves; not told of those that are not meant to run",
            |i| i.is_meant_to_run.then(|| f64::from(u8::from(i.is_healthy))),
        ),
        ("ocore_instance_cpu_usage_percent", "Of one core", |i| {
            i.cpu_usage.map(Into::into)
        }),
        ("ocore_instance_memory_bytes", "Memory in use", |i| {
            i.memory_bytes.map(|n| n as f64)
        }),
        ("ocore_instance_memory_limit_bytes", "The most it may use", |i| {
            i.memory_limit_bytes.map(|n| n as f64)
        }),
        (
            "ocore_instance_throttled_percent",
            "Held back by its CPU limit",
            |i| i.throttled.map(Into::into),
        ),
        (
            "ocore_instance_restarts",
            "How often Docker started it again",
            |i| Some(i.restart_count as f64),
        ),
    ];
    for (name, help, figure) in figures {
        let family = Of::<Instance>::default();
        for instance in instances {
            if let Some(value) = figure(instance) {
                let labels = Instance {
                    organization: instance.organization.clone(),
                    server: instance.server.clone(),
                    instance: instance.slug.clone(),
                };
                family.get_or_create(&labels).set(value);
            }
        }
        registry.register(*name, *help, family);
    }
}
