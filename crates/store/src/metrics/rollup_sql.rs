//! The statements that make rollups, from a table of columns: the same for every resolution.

use super::{RAW, ROLLUPS};

/// How values of several rows become one.
#[derive(Clone, Copy)]
enum How {
    /// Weighed by the seconds that each is over.
    Average,
    /// The same where some rows have no value.
    AverageOfSome,
    Greatest,
    Least,
    Sum,
}

use How::{Average, AverageOfSome, Greatest, Least, Sum};

/// A column of a rollup: its name, the column of raw samples that it is made from, how, and its type.
struct Column(&'static str, &'static str, How, &'static str);

/// Raw samples and rollups of one kind of subject.
pub(super) struct Kind {
    raw: &'static str,
    rollups: &'static str,
    id: &'static str,
    also: &'static str,
    columns: &'static [Column],
}

pub(super) const KINDS: &[Kind] = &[
    Kind {
        raw: "server_samples",
        rollups: "server_rollups",
        id: "server_id",
        also: "",
        columns: &[
            Column("uptime_seconds", "uptime_seconds", Greatest, "bigint"),
            Column("cpu_usage", "cpu_usage", Average, "real"),
            Column("cpu_usage_max", "cpu_usage", Greatest, "real"),
            Column("cpu_user", "cpu_user", Average, "real"),
            Column("cpu_system", "cpu_system", Average, "real"),
            Column("cpu_iowait", "cpu_iowait", Average, "real"),
            Column("cpu_steal", "cpu_steal", Average, "real"),
            Column("load_1m", "load_1m", Average, "real"),
            Column("load_5m", "load_5m", Average, "real"),
            Column("load_15m", "load_15m", Average, "real"),
            Column("ram_total", "ram_total", Greatest, "bigint"),
            Column("ram_available", "ram_available", Average, "bigint"),
            Column("ram_available_min", "ram_available", Least, "bigint"),
            Column("swap_total", "swap_total", Greatest, "bigint"),
            Column("swap_used", "swap_used", Average, "bigint"),
            Column("pressure_cpu", "pressure_cpu", AverageOfSome, "real"),
            Column("pressure_memory", "pressure_memory", AverageOfSome, "real"),
            Column("pressure_io", "pressure_io", AverageOfSome, "real"),
            Column("disk_total", "disk_total", Greatest, "bigint"),
            Column("disk_available", "disk_available", Average, "bigint"),
            Column(
                "inodes_used_percent",
                "inodes_used_percent",
                AverageOfSome,
                "real",
            ),
            Column("disk_read_bytes", "disk_read_bytes", Sum, "bigint"),
            Column("disk_written_bytes", "disk_written_bytes", Sum, "bigint"),
            Column("disk_await_ms", "disk_await_ms", AverageOfSome, "real"),
            Column("disk_await_ms_max", "disk_await_ms", Greatest, "real"),
            Column("disk_utilization", "disk_utilization", AverageOfSome, "real"),
            Column("network_rx_bytes", "network_rx_bytes", Sum, "bigint"),
            Column("network_tx_bytes", "network_tx_bytes", Sum, "bigint"),
            Column("network_errors", "network_errors", Sum, "bigint"),
            Column("processes", "processes", AverageOfSome, "integer"),
            Column("blocked_processes", "blocked_processes", AverageOfSome, "real"),
            Column("oom_kills", "oom_kills", Sum, "integer"),
            Column("pg_connections", "pg_connections", AverageOfSome, "real"),
            Column("pg_connections_max", "pg_connections", Greatest, "integer"),
            Column("pg_max_connections", "pg_max_connections", Greatest, "integer"),
            Column("pg_longest_query", "pg_longest_query", Greatest, "real"),
            Column("pg_waiting_locks", "pg_waiting_locks", AverageOfSome, "real"),
            Column("pg_cache_hits", "pg_cache_hits", AverageOfSome, "real"),
            Column(
                "pg_databases_bytes",
                "pg_databases_bytes",
                AverageOfSome,
                "bigint",
            ),
        ],
    },
    Kind {
        raw: "instance_samples",
        rollups: "instance_rollups",
        id: "instance_id",
        also: "server_id",
        columns: &[
            Column("cpu_usage", "cpu_usage", Average, "real"),
            Column("cpu_usage_max", "cpu_usage", Greatest, "real"),
            Column("memory_bytes", "memory_bytes", Average, "bigint"),
            Column("memory_bytes_max", "memory_bytes", Greatest, "bigint"),
            Column("memory_limit_bytes", "memory_limit_bytes", Greatest, "bigint"),
            Column("throttled", "throttled", Average, "real"),
            Column("oom_kills", "oom_kills", Sum, "integer"),
            Column("network_rx_bytes", "network_rx_bytes", Sum, "bigint"),
            Column("network_tx_bytes", "network_tx_bytes", Sum, "bigint"),
            Column("disk_read_bytes", "disk_read_bytes", Sum, "bigint"),
            Column("disk_written_bytes", "disk_written_bytes", Sum, "bigint"),
            Column("processes", "processes", AverageOfSome, "integer"),
            Column("workers", "workers", AverageOfSome, "real"),
            Column("worker_memory", "worker_memory", Greatest, "bigint"),
            Column("cron_lag_seconds", "cron_lag_seconds", Greatest, "real"),
            Column("longest_request_ms", "longest_request_ms", Greatest, "real"),
            Column("requests", "requests", Sum, "integer"),
            Column("filestore_bytes", "filestore_bytes", AverageOfSome, "bigint"),
            Column("database_bytes", "database_bytes", AverageOfSome, "bigint"),
        ],
    },
];

/// The resolution that one is made from.
pub(super) fn finer(resolution: i32) -> i32 {
    ROLLUPS
        .into_iter()
        .rfind(|finer| *finer < resolution)
        .unwrap_or(RAW)
}

/// Which buckets a statement is about.
#[derive(Clone, Copy)]
pub(super) enum Which {
    /// All from `$1` until `$2`.
    Between,
    /// Those of the subjects `$1` at the times `$2`.
    These,
}

const THESE: &str = "(select * from unnest($1::uuid[], $2::timestamptz[]) as k (subject, bucket)) as these";

impl Kind {
    /// Takes away what was made before.
    pub(super) fn delete(&self, resolution: i32, which: Which) -> String {
        let (table, id) = (self.rollups, self.id);
        match which {
            Which::Between => {
                format!("delete from {table} where resolution = {resolution} and at >= $1 and at < $2")
            }
            Which::These => format!(
                "delete from {table} t using {THESE}
                 where t.resolution = {resolution} and t.{id} = these.subject and t.at = these.bucket"
            ),
        }
    }

    /// Makes it from the finer resolution.
    pub(super) fn insert(&self, resolution: i32, which: Which) -> String {
        let finer = finer(resolution);
        let raw = finer == RAW;
        let (table, id) = (self.rollups, self.id);
        let of = if raw {
            self.raw.to_owned()
        } else {
            // By its own name: to find the partitions of one resolution costs more than to read them.
            format!("{}_{finer}", self.rollups)
        };
        let (samples, covered, weight) = if raw {
            (
                "count(*)",
                "sum(interval_seconds)",
                "greatest(interval_seconds, 0.001)",
            )
        } else {
            (
                "sum(samples)",
                "sum(covered_seconds)",
                "greatest(covered_seconds, 0.001)",
            )
        };
        // While an instance moves there are two servers; either will do.
        let also = (!self.also.is_empty()).then(|| (self.also, format!("(array_agg(s.{}))[1]", self.also)));
        let columns = self.columns.iter().map(|Column(name, from, how, kind)| {
            let of = format!("s.{}", if raw { from } else { name });
            let value = match how {
                Average => format!("(sum({of} * {weight}::float8) / sum({weight}::float8))::{kind}"),
                AverageOfSome => format!(
                    "(sum({of} * {weight}::float8) / sum({weight}::float8) filter (where {of} is not null))::{kind}"
                ),
                Greatest => format!("max({of})"),
                Least => format!("min({of})"),
                Sum => format!("sum({of})::{kind}"),
            };
            (*name, value)
        });
        let (names, values): (Vec<&str>, Vec<String>) = also.into_iter().chain(columns).unzip();
        let (names, values) = (names.join(", "), values.join(", "));
        let (bucket, join, only) = match which {
            Which::Between => (
                format!("date_bin('{resolution} seconds', s.at, timestamptz 'epoch')"),
                String::new(),
                "s.at >= $1 and s.at < $2".to_owned(),
            ),
            Which::These => (
                "these.bucket".to_owned(),
                format!(", {THESE}"),
                format!(
                    "s.{id} = these.subject and s.at >= these.bucket
                         and s.at < these.bucket + interval '{resolution} seconds'"
                ),
            ),
        };
        format!(
            "insert into {table} (resolution, {id}, at, organization_id, samples, covered_seconds, {names})
             select {resolution}, s.{id}, {bucket}, (array_agg(s.organization_id))[1], {samples}, {covered}, {values}
             from {of} s{join} where {only} group by 2, 3"
        )
    }
}
