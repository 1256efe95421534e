//! `GET /metrics`: this process, its database and the queue.

use std::sync::atomic::AtomicU64;

use axum::{extract::State, response::Response};
use chrono::Utc;
use ocore_store::{backups, metrics, operations};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::{exposition, http, process::Process};
use crate::{
    Api,
    access::{Allowed, ServerAdmin},
    problem::Answer,
};

type Real = Gauge<f64, AtomicU64>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: String,
    state: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfScope {
    scope: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfResolution {
    resolution: i32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfSource {
    source: &'static str,
}

/// Figures of oCore itself, for Prometheus
///
/// With the token of `OCORE_METRICS_TOKEN` or as a server administrator. Nothing in it names an organization, a server or an instance.
#[utoipa::path(
    get, path = "/metrics", operation_id = "ownMetrics", tag = "health",
    responses((status = 200, content_type = "application/openmetrics-text", body = String))
)]
pub(super) async fn own(allowed: Allowed<ServerAdmin>, State(api): State<Api>) -> Answer<Response> {
    let mut registry = Registry::default();
    of_process(&mut registry);
    of_api(&mut registry, &api);
    let mut conn = allowed.read_outside().await?;
    let queue = metrics::own::queue(&mut conn).await?;
    let ended = metrics::own::created_within_a_day(&mut conn).await?;
    let rolled = metrics::own::rollup_ages(&mut conn).await?;
    let led = metrics::own::is_led(&mut conn).await?;
    let depth = operations::queue_depth(&mut conn).await?;
    let pauses = operations::pauses(&mut conn).await?;
    let standing = backups::standing(&mut conn).await?;
    drop(conn);
    of_queue(&mut registry, &depth, &pauses);

    let (waiting, age) = (
        Family::<OfKind, Gauge>::default(),
        Family::<OfKind, Real>::default(),
    );
    for row in queue {
        let kind = OfKind {
            kind: row.kind,
            state: row.state,
        };
        waiting.get_or_create(&kind).set(row.count);
        age.get_or_create(&kind).set(row.oldest_seconds);
    }
    registry.register("ocore_operations_open", "Operations that have not ended", waiting);
    registry.register(
        "ocore_operations_open_age_seconds",
        "For how long the oldest of them could have been taken up, or is at work",
        age,
    );
    let by_state = Family::<OfKind, Gauge>::default();
    for row in ended {
        let kind = OfKind {
            kind: row.kind,
            state: row.state,
        };
        by_state.get_or_create(&kind).set(row.count);
    }
    registry.register(
        "ocore_operations_of_a_day",
        "Operations asked for in the last 24 hours, by what became of them",
        by_state,
    );
    let ages = Family::<OfResolution, Real>::default();
    for (resolution, seconds) in rolled {
        ages.get_or_create(&OfResolution { resolution }).set(seconds);
    }
    registry.register(
        "ocore_rollup_age_seconds",
        "Up to how long ago rollups were made; at most two of their resolutions and two minutes",
        ages,
    );
    gauge(
        &mut registry,
        "ocore_led",
        "Whether any process leads",
        f64::from(u8::from(led)),
    );
    of_backups(&mut registry, &standing);
    exposition([&registry, http::registry()])
}

/// How long the queue is, for whoever decides how many processes there are to be.
#[expect(clippy::cast_precision_loss, reason = "counts of operations")]
fn of_queue(registry: &mut Registry, depth: &operations::Depth, pauses: &[operations::Pause]) {
    let age = depth.oldest.map_or(0.0, |since| {
        (Utc::now() - since).num_milliseconds().max(0) as f64 / 1000.0
    });
    for (name, help, value) in [
        (
            "ocore_queue_waiting",
            "Operations that could be taken up and are not, paused ones among them",
            depth.waiting as f64,
        ),
        (
            "ocore_queue_paused",
            "Those of them that are kept back by a pause",
            depth.paused as f64,
        ),
        (
            "ocore_queue_running",
            "Operations that a process holds",
            depth.running as f64,
        ),
        (
            "ocore_queue_age_seconds",
            "For how long the one that has waited longest could have been taken up; what is paused does not count",
            age,
        ),
    ] {
        gauge(registry, name, help, value);
    }
    let by_scope = Family::<OfScope, Gauge>::default();
    for scope in ["all", "kind", "server", "organization"] {
        let count = pauses.iter().filter(|pause| pause.scope == scope).count();
        let of = OfScope {
            scope: scope.to_owned(),
        };
        by_scope
            .get_or_create(&of)
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    registry.register("ocore_queue_pauses", "What is paused, by what it is", by_scope);
}

/// Without a good one there is no figure: an alert asks for its absence too.
fn of_backups(registry: &mut Registry, standing: &backups::Standing) {
    for (name, help, at) in [
        (
            "ocore_backup_age_seconds",
            "How old the newest good backup of oCore's own database is",
            standing.last_good,
        ),
        (
            "ocore_recovery_drill_age_seconds",
            "How long ago a drill with such a backup succeeded",
            standing.last_drill,
        ),
    ] {
        let Some(at) = at else { continue };
        #[expect(clippy::cast_precision_loss, reason = "seconds")]
        let seconds = (chrono::Utc::now() - at).num_seconds() as f64;
        gauge(registry, name, help, seconds);
    }
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: f64) {
    let gauge = Real::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

fn of_process(registry: &mut Registry) {
    let process = Process::now();
    let cpu = Counter::<f64, AtomicU64>::default();
    cpu.inc_by(process.cpu_seconds);
    registry.register("process_cpu_seconds", "CPU time, user and system", cpu);
    gauge(
        registry,
        "process_resident_memory_bytes",
        "Resident memory",
        process.resident_bytes,
    );
    gauge(registry, "process_threads", "Threads", process.threads);
    gauge(registry, "process_open_fds", "Open files", process.open_files);
}

fn of_api(registry: &mut Registry, api: &Api) {
    let pool = api.hands.store().pool();
    let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
    gauge(
        registry,
        "ocore_database_connections",
        "Connections to the database",
        pool.size().into(),
    );
    gauge(
        registry,
        "ocore_database_connections_idle",
        "Those that wait for work",
        idle.into(),
    );
    gauge(
        registry,
        "ocore_database_connections_max",
        "How many there may be",
        pool.options().get_max_connections().into(),
    );
    #[expect(clippy::cast_precision_loss, reason = "some connections")]
    let connections = api.hands.connections() as f64;
    gauge(
        registry,
        "ocore_ssh_connections",
        "SSH connections to servers",
        connections,
    );
    #[expect(clippy::cast_precision_loss, reason = "some agents, and some logs of each")]
    let (agents, logs) = {
        let links = api.hands.agent_links();
        (links.count() as f64, links.logs() as f64)
    };
    gauge(
        registry,
        "ocore_agents_connected",
        "Agents that keep a stream open to this process",
        agents,
    );
    gauge(
        registry,
        "ocore_agent_logs",
        "Logs that are read over such streams",
        logs,
    );
    gauge(
        registry,
        "ocore_leader",
        "Whether this process leads: rolls up, looks at servers, deletes what is over",
        f64::from(u8::from(api.hands.leads())),
    );
    let totals = metrics::totals();
    let samples = Family::<OfSource, Counter>::default();
    samples
        .get_or_create(&OfSource { source: "agent" })
        .inc_by(totals.agent);
    samples
        .get_or_create(&OfSource { source: "ssh" })
        .inc_by(totals.ssh);
    registry.register("ocore_samples", "Samples of servers that were written", samples);
    for (name, help, value) in [
        (
            "ocore_instance_samples",
            "Samples of instances that were written",
            totals.instances,
        ),
        (
            "ocore_samples_repeated",
            "Samples that were there already",
            totals.repeated,
        ),
        (
            "ocore_samples_dropped",
            "Samples too old or ahead of their time",
            totals.dropped,
        ),
    ] {
        let counter = Counter::<u64>::default();
        counter.inc_by(value);
        registry.register(name, help, counter);
    }
    let build = Family::<Vec<(String, String)>, Gauge>::default();
    build
        .get_or_create(&vec![(
            "version".to_owned(),
            env!("CARGO_PKG_VERSION").to_owned(),
        )])
        .set(1);
    registry.register("ocore_build", "This program", build);
}
