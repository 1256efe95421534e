//! The last sample of a server with everything in it, as `server_latest.detail` holds it: names are written out, numbers are
//! such that JSON and PostgreSQL can hold them.

use ocore_telemetry::{self as wire, Batch};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! details {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "camelCase", default)]
        #[schema(as = measured::$name)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $kind,)+
        }
    )+};
}

details! {
    /// Everything that was last seen of a server.
    Detail {
        /// The agent's version; empty when it was asked over SSH.
        agent_version: String,
        /// Names one boot of the machine.
        boot_id: String,
        /// Seconds that rates and amounts are over.
        interval_seconds: f32,
        /// Seconds since boot.
        uptime_seconds: i64,
        /// All cores together.
        cpu: Cpu,
        /// Percent in use of each core.
        cores_percent: Vec<f32>,
        /// Over 1, 5 and 15 minutes.
        load: Vec<f32>,
        /// Memory and swap.
        memory: Memory,
        /// Pressure, where the kernel tells.
        pressure: Option<Pressure>,
        /// The one with Docker's data first.
        filesystems: Vec<Filesystem>,
        /// Whole disks.
        disks: Vec<Disk>,
        /// Interfaces to the outside.
        networks: Vec<Network>,
        /// How many processes there are.
        processes: i64,
        /// How many of them wait for a disk.
        blocked_processes: i64,
        /// Killed for want of memory in the interval.
        oom_kills: i64,
        /// Those that use most CPU or memory.
        top: Vec<Process>,
        /// Containers that run.
        containers: Vec<Container>,
        /// The PostgreSQL that oCore runs there.
        postgres: Option<Postgres>,
        /// The instances by their processes, databases and logs.
        odoo: Vec<Odoo>,
    }

    /// Percent of the time of all cores.
    Cpu {
        /// All but idle and waiting for disks.
        usage_percent: f32,
        /// Programs.
        user_percent: f32,
        /// Kernel.
        system_percent: f32,
        /// Waiting for disks.
        iowait_percent: f32,
        /// Taken by the hypervisor for others.
        steal_percent: f32,
    }

    /// Memory and swap.
    Memory {
        /// All.
        total_bytes: i64,
        /// What could be had without swapping.
        available_bytes: i64,
        /// Cache of files.
        cached_bytes: i64,
        /// Swap, all.
        swap_total_bytes: i64,
        /// Swap in use.
        swap_used_bytes: i64,
    }

    /// Percent of the last 10 seconds in which some task had to wait.
    Pressure {
        /// For a core.
        cpu_percent: f32,
        /// For memory.
        memory_percent: f32,
        /// For a disk.
        io_percent: f32,
    }

    /// A mounted file system.
    Filesystem {
        /// Where it is mounted.
        mount: String,
        /// All.
        total_bytes: i64,
        /// Free for an unprivileged user.
        available_bytes: i64,
        /// All; 0 where there is no fixed number.
        inodes: i64,
        /// Free.
        inodes_free: i64,
    }

    /// A disk, over the interval.
    Disk {
        /// As the kernel names it.
        name: String,
        /// Read.
        read_bytes: i64,
        /// Written.
        written_bytes: i64,
        /// Requests done.
        requests: i64,
        /// Milliseconds a request took on average, waiting included.
        await_ms: f32,
        /// Percent of the time it was busy.
        utilization_percent: f32,
    }

    /// A network interface, over the interval.
    Network {
        /// As the kernel names it.
        name: String,
        /// Received.
        rx_bytes: i64,
        /// Sent.
        tx_bytes: i64,
        /// Packets lost or faulty, both ways.
        errors: i64,
    }

    /// A process.
    Process {
        /// Its number.
        pid: i64,
        /// Its name, without arguments.
        name: String,
        /// Percent of one core.
        cpu_percent: f32,
        /// Resident.
        memory_bytes: i64,
        /// The container it runs in.
        container: Option<String>,
    }

    /// A container, over the interval.
    Container {
        /// Its name.
        name: String,
        /// The identifier of the instance it says it belongs to.
        instance: Option<String>,
        /// Percent of one core.
        cpu_percent: f32,
        /// In use, without the cache of files.
        memory_bytes: i64,
        /// The most it may use; none: no limit.
        memory_limit_bytes: Option<i64>,
        /// Percent of the scheduling periods in which its CPU limit held it back.
        throttled_percent: f32,
        /// Killed for want of memory.
        oom_kills: i64,
        /// Received.
        rx_bytes: i64,
        /// Sent.
        tx_bytes: i64,
        /// Read from disks.
        read_bytes: i64,
        /// Written to disks.
        written_bytes: i64,
        /// Processes in it.
        processes: i64,
    }

    /// What PostgreSQL tells of itself.
    Postgres {
        /// Connections of clients.
        connections: i64,
        /// How many there may be.
        max_connections: i64,
        /// Seconds the longest running query has run.
        longest_query_seconds: f32,
        /// Seconds the longest open transaction has been open.
        longest_transaction_seconds: f32,
        /// Locks that are waited for.
        waiting_locks: i64,
        /// Percent of the blocks that were found in the cache.
        cache_hits_percent: Option<f32>,
        /// The databases of instances.
        databases: Vec<Database>,
    }

    /// One database.
    Database {
        /// Its name.
        name: String,
        /// On disk.
        size_bytes: i64,
        /// Connections to it.
        connections: i64,
    }

    /// An instance as its processes, its database and its log tell.
    Odoo {
        /// Its identifier.
        instance: String,
        /// Worker processes.
        workers: Option<i64>,
        /// Of the largest worker: what Odoo holds against `limit_memory_soft`.
        worker_memory_bytes: Option<i64>,
        /// Resident, of all workers.
        workers_resident_bytes: Option<i64>,
        /// By how many seconds the scheduled action that waits longest is late.
        cron_lag_seconds: Option<f32>,
        /// Since the last push.
        longest_request_ms: Option<f32>,
        /// Since the last push.
        requests: Option<i64>,
        /// Of files.
        filestore_bytes: Option<i64>,
        /// Of the database.
        database_bytes: Option<i64>,
    }
}

/// A number that JSON can hold and that is none below zero: an agent may send anything.
pub(super) fn real(of: f32) -> f32 {
    if of.is_finite() { of.max(0.0) } else { 0.0 }
}

/// A number as PostgreSQL can hold it.
pub(super) fn big(of: u64) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}

/// A text as PostgreSQL can hold it.
fn text(of: &str) -> String {
    of.replace('\0', "")
}

impl Detail {
    /// The last sample of a batch, with what is not in every sample from the last that has it.
    pub fn of(batch: &Batch) -> Option<Self> {
        let last = batch.samples.last()?;
        let host = &last.host;
        let newest_first = || batch.samples.iter().rev();
        let top = newest_first().find(|sample| !sample.host.top.is_empty());
        let odoo = newest_first().find(|sample| !sample.odoo.is_empty());
        let postgres = newest_first().find_map(|sample| sample.postgres.as_ref());
        Some(Self {
            agent_version: text(&batch.version),
            boot_id: text(&batch.boot_id),
            interval_seconds: real(host.interval),
            uptime_seconds: big(host.uptime),
            cpu: Cpu {
                usage_percent: real(host.cpu.usage),
                user_percent: real(host.cpu.user),
                system_percent: real(host.cpu.system),
                iowait_percent: real(host.cpu.iowait),
                steal_percent: real(host.cpu.steal),
            },
            cores_percent: host.cores.iter().copied().map(real).collect(),
            load: host.load.iter().copied().map(real).collect(),
            memory: Memory {
                total_bytes: big(host.memory.total),
                available_bytes: big(host.memory.available),
                cached_bytes: big(host.memory.cached),
                swap_total_bytes: big(host.memory.swap_total),
                swap_used_bytes: big(host.memory.swap_used),
            },
            pressure: host.pressure.map(|pressure| Pressure {
                cpu_percent: real(pressure.cpu),
                memory_percent: real(pressure.memory),
                io_percent: real(pressure.io),
            }),
            filesystems: host.filesystems.iter().map(Into::into).collect(),
            disks: host.disks.iter().map(Into::into).collect(),
            networks: host.networks.iter().map(Into::into).collect(),
            processes: host.processes.into(),
            blocked_processes: host.blocked.into(),
            oom_kills: host.oom_kills.into(),
            top: top.map_or_else(Vec::new, |sample| {
                sample.host.top.iter().map(Into::into).collect()
            }),
            containers: last.containers.iter().map(Into::into).collect(),
            postgres: postgres.map(Into::into),
            odoo: odoo.map_or_else(Vec::new, |sample| sample.odoo.iter().map(Into::into).collect()),
        })
    }
}

impl From<&wire::Filesystem> for Filesystem {
    fn from(of: &wire::Filesystem) -> Self {
        Self {
            mount: text(&of.mount),
            total_bytes: big(of.total),
            available_bytes: big(of.available),
            inodes: big(of.inodes),
            inodes_free: big(of.inodes_free),
        }
    }
}

impl From<&wire::Disk> for Disk {
    fn from(of: &wire::Disk) -> Self {
        Self {
            name: text(&of.name),
            read_bytes: big(of.read),
            written_bytes: big(of.written),
            requests: big(of.requests),
            await_ms: real(of.await_ms),
            utilization_percent: real(of.utilization),
        }
    }
}

impl From<&wire::Network> for Network {
    fn from(of: &wire::Network) -> Self {
        Self {
            name: text(&of.name),
            rx_bytes: big(of.received),
            tx_bytes: big(of.sent),
            errors: big(of.errors),
        }
    }
}

impl From<&wire::Process> for Process {
    fn from(of: &wire::Process) -> Self {
        Self {
            pid: of.pid.into(),
            name: text(&of.name),
            cpu_percent: real(of.cpu),
            memory_bytes: big(of.memory),
            container: of.container.as_deref().map(text),
        }
    }
}

impl From<&wire::Container> for Container {
    fn from(of: &wire::Container) -> Self {
        Self {
            name: text(&of.name),
            instance: of.instance.as_deref().map(text),
            cpu_percent: real(of.cpu),
            memory_bytes: big(of.memory),
            memory_limit_bytes: of.memory_limit.map(big),
            throttled_percent: real(of.throttled),
            oom_kills: of.oom_kills.into(),
            rx_bytes: big(of.received),
            tx_bytes: big(of.sent),
            read_bytes: big(of.read),
            written_bytes: big(of.written),
            processes: of.processes.into(),
        }
    }
}

impl From<&wire::Postgres> for Postgres {
    fn from(of: &wire::Postgres) -> Self {
        let databases = of.databases.iter().map(|database| Database {
            name: text(&database.name),
            size_bytes: big(database.size),
            connections: database.connections.into(),
        });
        Self {
            connections: of.connections.into(),
            max_connections: of.max_connections.into(),
            longest_query_seconds: real(of.longest_query),
            longest_transaction_seconds: real(of.longest_transaction),
            waiting_locks: of.waiting_locks.into(),
            cache_hits_percent: of.cache_hits.map(real),
            databases: databases.collect(),
        }
    }
}

impl From<&wire::Odoo> for Odoo {
    fn from(of: &wire::Odoo) -> Self {
        Self {
            instance: text(&of.instance),
            workers: of.workers.map(Into::into),
            worker_memory_bytes: of.worker_memory.map(big),
            workers_resident_bytes: of.workers_resident.map(big),
            cron_lag_seconds: of.cron_lag.map(real),
            longest_request_ms: of.longest_request.map(real),
            requests: of.requests.map(Into::into),
            filestore_bytes: of.filestore.map(big),
            database_bytes: of.database.map(big),
        }
    }
}
