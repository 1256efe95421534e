//! What was measured, as far as it was. What is none was not measured, and nothing is concluded from it.

use uuid::Uuid;

/// Percent of the time in which some task waited, by `/proc/pressure`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "each field says what was waited for")]
pub struct Pressures {
    pub cpu: Option<f64>,
    pub memory: Option<f64>,
    pub io: Option<f64>,
}

/// A process or container that uses much.
#[derive(Clone, Debug, PartialEq)]
pub struct Culprit {
    /// Its name, never its arguments.
    pub name: String,
    /// Percent of one core.
    pub cpu_percent: f64,
    /// Bytes in memory.
    pub memory_bytes: u64,
}

/// oCore's processes and their machine, on average over some minutes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ControlPlane {
    /// Requests answered.
    pub requests: u64,
    /// Milliseconds within which 95 of 100 requests were answered.
    pub api_p95_ms: Option<f64>,
    /// Milliseconds of a round trip to the database, 95 of 100.
    pub database_p95_ms: Option<f64>,
    /// Milliseconds requests waited for a connection of the pool, 95 of 100.
    pub pool_wait_p95_ms: Option<f64>,
    /// Connections that a process may hold.
    pub pool_max: u32,
    /// Connections of all clients to the database.
    pub connections: Option<u32>,
    /// `max_connections` of the database, less those kept for superusers.
    pub max_connections: Option<u32>,
    /// Percent of all cores.
    pub cpu_usage: Option<f64>,
    /// Who waits.
    pub pressures: Pressures,
    /// Bytes.
    pub ram_total: u64,
    /// Bytes.
    pub ram_available: u64,
    /// Processes killed for want of memory within a day.
    pub oom_kills: u32,
    /// Tries to reach servers over SSH within the hour.
    pub ssh_tries: u64,
    /// Those of them that got no answer in time.
    pub ssh_timeouts: u64,
    /// How many different servers those were about.
    pub ssh_servers: u32,
}

/// A server, on average over some minutes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Server {
    /// Its identifier.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Cores.
    pub cores: u32,
    /// Percent of all cores.
    pub cpu_usage: Option<f64>,
    /// Percent that the hypervisor gave to others.
    pub cpu_steal: Option<f64>,
    /// Who waits.
    pub pressures: Pressures,
    /// Bytes.
    pub ram_total: Option<u64>,
    /// Bytes.
    pub ram_available: Option<u64>,
    /// Bytes.
    pub swap_used: Option<u64>,
    /// Processes killed for want of memory within a day, on the whole machine.
    pub oom_kills: u32,
    /// Milliseconds a request to the slowest disk took.
    pub disk_await_ms: Option<f64>,
    /// Percent of the time the busiest disk was busy.
    pub disk_utilization: Option<f64>,
    /// Bytes of the file system with Docker's data.
    pub disk_total: Option<u64>,
    /// Bytes free on it.
    pub disk_available: Option<u64>,
    /// Percent.
    pub inodes_used: Option<f64>,
    /// Packets lost or faulty.
    pub network_errors: u64,
    /// Connections of clients to its PostgreSQL, at most.
    pub connections: Option<u32>,
    /// `max_connections` of it.
    pub max_connections: Option<u32>,
    /// Seconds the longest query ran.
    pub longest_query: Option<f64>,
    /// Locks waited for.
    pub waiting_locks: Option<f64>,
    /// Tries to reach it over SSH that got no answer in time, within the hour.
    pub ssh_timeouts: u64,
    /// What uses most.
    pub culprits: Vec<Culprit>,
}

/// An instance, on average over some minutes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Instance {
    /// Its identifier.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Percent of one core.
    pub cpu_usage: Option<f64>,
    /// Percent of the scheduling periods in which its CPU limit held it back.
    pub throttled: Option<f64>,
    /// Bytes.
    pub memory: Option<u64>,
    /// Bytes.
    pub memory_limit: Option<u64>,
    /// Processes in it killed for want of memory within a day.
    pub oom_kills: u32,
    /// Virtual bytes of its largest worker.
    pub worker_memory: Option<u64>,
    /// Odoo's `limit_memory_soft`.
    pub limit_memory_soft: u64,
    /// Seconds by which scheduled actions are late.
    pub cron_lag: Option<f64>,
}
