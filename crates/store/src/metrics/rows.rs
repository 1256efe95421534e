//! Rows of the tables of raw samples, from what came over the wire. Fields are named as the columns are.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use ocore_telemetry::{Container, Host, Odoo, Postgres, Sample};
use serde::Serialize;
use uuid::Uuid;

use super::{
    Detail, Source,
    detail::{big, real},
    ingest::Given,
};

/// What one statement writes.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) servers: Vec<ServerRow>,
    pub(super) instances: Vec<InstanceRow>,
    pub(super) latest: Vec<LatestRow>,
    /// Samples without a time that can be written.
    pub(super) timeless: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct ServerRow {
    organization_id: Uuid,
    server_id: Uuid,
    at: DateTime<Utc>,
    received_at: DateTime<Utc>,
    source: Source,
    interval_seconds: f32,
    uptime_seconds: i64,
    cpu_usage: f32,
    cpu_user: f32,
    cpu_system: f32,
    cpu_iowait: f32,
    cpu_steal: f32,
    load_1m: f32,
    load_5m: f32,
    load_15m: f32,
    ram_total: i64,
    ram_available: i64,
    swap_total: i64,
    swap_used: i64,
    pressure_cpu: Option<f32>,
    pressure_memory: Option<f32>,
    pressure_io: Option<f32>,
    disk_total: i64,
    disk_available: i64,
    inodes_used_percent: Option<f32>,
    disk_read_bytes: Option<i64>,
    disk_written_bytes: Option<i64>,
    disk_await_ms: Option<f32>,
    disk_utilization: Option<f32>,
    network_rx_bytes: i64,
    network_tx_bytes: i64,
    network_errors: Option<i64>,
    processes: Option<i32>,
    blocked_processes: Option<i32>,
    oom_kills: Option<i32>,
    pg_connections: Option<i32>,
    pg_max_connections: Option<i32>,
    pg_longest_query: Option<f32>,
    pg_waiting_locks: Option<i32>,
    pg_cache_hits: Option<f32>,
    pg_databases_bytes: Option<i64>,
}

#[derive(Debug, Serialize)]
pub(super) struct InstanceRow {
    organization_id: Uuid,
    instance_id: Uuid,
    server_id: Uuid,
    at: DateTime<Utc>,
    received_at: DateTime<Utc>,
    interval_seconds: f32,
    cpu_usage: f32,
    memory_bytes: i64,
    memory_limit_bytes: Option<i64>,
    throttled: f32,
    oom_kills: i32,
    network_rx_bytes: i64,
    network_tx_bytes: i64,
    disk_read_bytes: i64,
    disk_written_bytes: i64,
    processes: Option<i32>,
    workers: Option<i32>,
    worker_memory: Option<i64>,
    cron_lag_seconds: Option<f32>,
    longest_request_ms: Option<f32>,
    requests: Option<i32>,
    filestore_bytes: Option<i64>,
    database_bytes: Option<i64>,
}

#[derive(Debug, Serialize)]
pub(super) struct LatestRow {
    server_id: Uuid,
    organization_id: Uuid,
    at: DateTime<Utc>,
    received_at: DateTime<Utc>,
    source: Source,
    detail: Detail,
}

impl Rows {
    /// The rows of batches that were received at a time.
    pub(super) fn of(given: &[Given<'_>], received_at: DateTime<Utc>) -> Self {
        let mut rows = Self::default();
        for given in given {
            for sample in &given.batch.samples {
                let Some(at) = DateTime::from_timestamp_millis(sample.at) else {
                    rows.timeless += 1;
                    continue;
                };
                rows.servers.push(ServerRow::of(given, sample, at, received_at));
                rows.instances
                    .extend(InstanceRow::all(given, sample, at, received_at));
            }
            let last = given.batch.samples.last();
            let at = last.and_then(|sample| DateTime::from_timestamp_millis(sample.at));
            if let Some((at, detail)) = at.zip(Detail::of(given.batch)) {
                rows.latest.push(LatestRow {
                    server_id: given.server.uuid(),
                    organization_id: given.organization.uuid(),
                    at,
                    received_at,
                    source: given.source,
                    detail,
                });
            }
        }
        rows
    }
}

impl ServerRow {
    fn of(given: &Given<'_>, sample: &Sample, at: DateTime<Utc>, received_at: DateTime<Utc>) -> Self {
        let host = &sample.host;
        let disk = host.filesystems.first();
        let inodes = disk.filter(|disk| disk.inodes > 0);
        let disks = of_disks(host);
        let postgres = sample.postgres.as_ref();
        Self {
            organization_id: given.organization.uuid(),
            server_id: given.server.uuid(),
            at,
            received_at,
            source: given.source,
            interval_seconds: real(host.interval),
            uptime_seconds: big(host.uptime),
            cpu_usage: real(host.cpu.usage),
            cpu_user: real(host.cpu.user),
            cpu_system: real(host.cpu.system),
            cpu_iowait: real(host.cpu.iowait),
            cpu_steal: real(host.cpu.steal),
            load_1m: real(host.load[0]),
            load_5m: real(host.load[1]),
            load_15m: real(host.load[2]),
            ram_total: big(host.memory.total),
            ram_available: big(host.memory.available),
            swap_total: big(host.memory.swap_total),
            swap_used: big(host.memory.swap_used),
            pressure_cpu: host.pressure.map(|pressure| real(pressure.cpu)),
            pressure_memory: host.pressure.map(|pressure| real(pressure.memory)),
            pressure_io: host.pressure.map(|pressure| real(pressure.io)),
            disk_total: disk.map_or(0, |disk| big(disk.total)),
            disk_available: disk.map_or(0, |disk| big(disk.available)),
            inodes_used_percent: inodes
                .map(|disk| percent(disk.inodes.saturating_sub(disk.inodes_free), disk.inodes)),
            disk_read_bytes: disks.map(|disks| disks.read),
            disk_written_bytes: disks.map(|disks| disks.written),
            disk_await_ms: disks.map(|disks| disks.await_ms),
            disk_utilization: disks.map(|disks| disks.utilization),
            network_rx_bytes: sum(host.networks.iter().map(|network| network.received)),
            network_tx_bytes: sum(host.networks.iter().map(|network| network.sent)),
            network_errors: Some(sum(host.networks.iter().map(|network| network.errors))),
            processes: Some(int(host.processes)),
            blocked_processes: Some(int(host.blocked)),
            oom_kills: Some(int(host.oom_kills)),
            pg_connections: postgres.map(|postgres| int(postgres.connections)),
            pg_max_connections: postgres.map(|postgres| int(postgres.max_connections)),
            pg_longest_query: postgres.map(|postgres| real(postgres.longest_query)),
            pg_waiting_locks: postgres.map(|postgres| int(postgres.waiting_locks)),
            pg_cache_hits: postgres.and_then(|postgres| postgres.cache_hits.map(real)),
            pg_databases_bytes: postgres.map(of_databases),
        }
    }
}

/// All disks together; the slowest one's wait.
#[derive(Clone, Copy)]
struct Disks {
    read: i64,
    written: i64,
    await_ms: f32,
    utilization: f32,
}

fn of_disks(host: &Host) -> Option<Disks> {
    let disks = &host.disks;
    (!disks.is_empty()).then(|| Disks {
        read: sum(disks.iter().map(|disk| disk.read)),
        written: sum(disks.iter().map(|disk| disk.written)),
        await_ms: disks.iter().map(|disk| real(disk.await_ms)).fold(0.0, f32::max),
        utilization: disks
            .iter()
            .map(|disk| real(disk.utilization))
            .fold(0.0, f32::max),
    })
}

fn of_databases(postgres: &Postgres) -> i64 {
    sum(postgres.databases.iter().map(|database| database.size))
}

impl InstanceRow {
    /// One row for each instance whose containers were seen: while one is replaced there are two for a moment.
    fn all(
        given: &Given<'_>,
        sample: &Sample,
        at: DateTime<Utc>,
        received_at: DateTime<Utc>,
    ) -> impl Iterator<Item = Self> {
        let mut rows: BTreeMap<Uuid, Self> = BTreeMap::new();
        for container in &sample.containers {
            let Some(instance) = container.instance.as_deref().and_then(|id| id.parse().ok()) else {
                continue;
            };
            rows.entry(instance)
                .or_insert_with(|| Self::new(given, instance, at, received_at, sample.host.interval))
                .add(container);
        }
        for odoo in &sample.odoo {
            if let Some(row) = odoo.instance.parse().ok().and_then(|id: Uuid| rows.get_mut(&id)) {
                row.tell(odoo);
            }
        }
        rows.into_values()
    }

    fn new(
        given: &Given<'_>,
        instance: Uuid,
        at: DateTime<Utc>,
        received_at: DateTime<Utc>,
        interval: f32,
    ) -> Self {
        Self {
            organization_id: given.organization.uuid(),
            instance_id: instance,
            server_id: given.server.uuid(),
            at,
            received_at,
            interval_seconds: real(interval),
            cpu_usage: 0.0,
            memory_bytes: 0,
            memory_limit_bytes: None,
            throttled: 0.0,
            oom_kills: 0,
            network_rx_bytes: 0,
            network_tx_bytes: 0,
            disk_read_bytes: 0,
            disk_written_bytes: 0,
            processes: Some(0),
            workers: None,
            worker_memory: None,
            cron_lag_seconds: None,
            longest_request_ms: None,
            requests: None,
            filestore_bytes: None,
            database_bytes: None,
        }
    }

    fn add(&mut self, container: &Container) {
        self.cpu_usage = real(self.cpu_usage + real(container.cpu));
        self.memory_bytes = self.memory_bytes.saturating_add(big(container.memory));
        let limit = container.memory_limit.map(big);
        self.memory_limit_bytes = self.memory_limit_bytes.max(limit);
        self.throttled = self.throttled.max(real(container.throttled));
        self.oom_kills = self.oom_kills.saturating_add(int(container.oom_kills));
        self.network_rx_bytes = self.network_rx_bytes.saturating_add(big(container.received));
        self.network_tx_bytes = self.network_tx_bytes.saturating_add(big(container.sent));
        self.disk_read_bytes = self.disk_read_bytes.saturating_add(big(container.read));
        self.disk_written_bytes = self.disk_written_bytes.saturating_add(big(container.written));
        let processes = int(container.processes);
        self.processes = self.processes.map(|before| before.saturating_add(processes));
    }

    fn tell(&mut self, odoo: &Odoo) {
        self.workers = odoo.workers.map(int);
        self.worker_memory = odoo.worker_memory.map(big);
        self.cron_lag_seconds = odoo.cron_lag.map(real);
        self.longest_request_ms = odoo.longest_request.map(real);
        self.requests = odoo.requests.map(int);
        self.filestore_bytes = odoo.filestore.map(big);
        self.database_bytes = odoo.database.map(big);
    }
}

fn int(of: u32) -> i32 {
    i32::try_from(of).unwrap_or(i32::MAX)
}

fn sum(of: impl Iterator<Item = u64>) -> i64 {
    big(of.fold(0, u64::saturating_add))
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a percentage is not that exact"
)]
fn percent(part: u64, whole: u64) -> f32 {
    (part as f64 * 100.0 / whole as f64) as f32
}
