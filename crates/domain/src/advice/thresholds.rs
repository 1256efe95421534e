//! From where on a figure tells of a bottleneck. Each is an average over the minutes that were looked at.

/// Milliseconds: an API that answers more slowly is felt to be slow.
pub(super) const API_P95_MS: f64 = 500.0;
/// Requests: of fewer nothing is concluded.
pub(super) const REQUESTS: u64 = 20;
/// Milliseconds of a round trip to a database that is near and well.
pub(super) const DATABASE_P95_MS: f64 = 50.0;
/// Milliseconds one waits for a connection of a pool that is large enough.
pub(super) const POOL_WAIT_MS: f64 = 50.0;
/// Percent of all cores.
pub(super) const CPU: f64 = 85.0;
/// Percent of the time that tasks wait for a core.
pub(super) const PRESSURE_CPU: f64 = 50.0;
/// Percent of the time that a hypervisor may take.
pub(super) const STEAL: f64 = 10.0;
/// Percent of memory that is left.
pub(super) const RAM_LEFT: f64 = 10.0;
/// Percent of the time that tasks wait for memory.
pub(super) const PRESSURE_MEMORY: f64 = 10.0;
/// Milliseconds of a request to a disk: flash takes less than 5 even when busy.
pub(super) const DISK_AWAIT_MS: f64 = 20.0;
/// Percent of the time a disk is busy.
pub(super) const DISK_UTILIZATION: f64 = 80.0;
/// Percent of the time that tasks wait for a disk.
pub(super) const PRESSURE_IO: f64 = 30.0;
/// Percent of a disk in use: in time, and now.
pub(super) const DISK_USED: [f64; 2] = [85.0, 95.0];
/// Percent of `max_connections`: in time, and now.
pub(super) const CONNECTIONS: [f64; 2] = [80.0, 95.0];
/// Percent of scheduling periods in which an instance is held back.
pub(super) const THROTTLED: f64 = 25.0;
/// Percent of its memory limit.
pub(super) const MEMORY_OF_LIMIT: f64 = 95.0;
/// Percent of the tries over SSH.
pub(super) const SSH_TIMEOUTS: f64 = 5.0;
/// Timeouts within the hour: fewer are chance.
pub(super) const SSH_TIMEOUTS_LEAST: u64 = 3;
/// Packets lost or faulty within the minutes.
pub(super) const NETWORK_ERRORS: u64 = 100;
