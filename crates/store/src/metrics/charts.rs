//! What was measured over a while, for charts, and what was measured last.

use std::{collections::HashSet, str::FromStr};

use chrono::{DateTime, TimeDelta, Utc};
use ocore_domain::{InstanceId, ServerId};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, types::Json};
use utoipa::ToSchema;

use super::{Detail, RAW, Source};
use crate::Result;

/// How far back a chart goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
// Another period is that of an uptime.
#[schema(as = ChartPeriod)]
pub enum Period {
    /// An hour of raw samples.
    #[default]
    #[serde(rename = "1h")]
    Hour,
    /// Six hours by the minute.
    #[serde(rename = "6h")]
    SixHours,
    /// A day by ten minutes.
    #[serde(rename = "24h")]
    Day,
    /// A week by ten minutes.
    #[serde(rename = "7d")]
    Week,
    /// Thirty days by two hours.
    #[serde(rename = "30d")]
    Month,
}

impl Period {
    /// Every one there is, as it is written.
    pub const ALL: [&str; 5] = ["1h", "6h", "24h", "7d", "30d"];

    /// Its length.
    pub const fn length(self) -> TimeDelta {
        match self {
            Self::Hour => TimeDelta::hours(1),
            Self::SixHours => TimeDelta::hours(6),
            Self::Day => TimeDelta::hours(24),
            Self::Week => TimeDelta::days(7),
            Self::Month => TimeDelta::days(30),
        }
    }

    /// Seconds from one point to the next: no chart has more than about a thousand.
    pub const fn resolution(self) -> i32 {
        match self {
            Self::Hour => RAW,
            Self::SixHours => 60,
            Self::Day | Self::Week => 600,
            Self::Month => 7200,
        }
    }
}

impl FromStr for Period {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        serde_json::from_value(text.into()).map_err(|_| ())
    }
}

/// A server at one time, or over the seconds from that time on. Where nothing was measured there is no point.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "named as the columns are, with their units")]
pub struct ServerPoint {
    pub collected_at: DateTime<Utc>,
    /// Seconds that amounts and averages are over. Less than the resolution: something is missing.
    pub covered_seconds: f32,
    pub uptime_seconds: i64,
    /// Of all cores together.
    pub cpu_usage_percent: f32,
    /// The greatest of what it is the average of.
    pub cpu_usage_max_percent: f32,
    pub cpu_user_percent: f32,
    pub cpu_system_percent: f32,
    pub cpu_iowait_percent: f32,
    pub cpu_steal_percent: f32,
    #[serde(rename = "cpuLoad1m")]
    pub cpu_load_1m: f32,
    #[serde(rename = "cpuLoad5m")]
    pub cpu_load_5m: f32,
    #[serde(rename = "cpuLoad15m")]
    pub cpu_load_15m: f32,
    pub ram_total_bytes: i64,
    pub ram_used_bytes: i64,
    pub ram_available_bytes: i64,
    pub ram_usage_percent: f32,
    pub swap_total_bytes: i64,
    pub swap_used_bytes: i64,
    /// Percent of the time in which some task waited for a core; null where the kernel does not tell.
    pub pressure_cpu_percent: Option<f32>,
    pub pressure_memory_percent: Option<f32>,
    pub pressure_io_percent: Option<f32>,
    /// Of the file system that holds Docker's data.
    pub disk_total_bytes: i64,
    pub disk_used_bytes: i64,
    pub disk_available_bytes: i64,
    pub disk_usage_percent: f32,
    pub inodes_used_percent: Option<f32>,
    /// In the covered seconds, by all disks together.
    pub disk_read_bytes: Option<i64>,
    pub disk_written_bytes: Option<i64>,
    /// Of the slowest disk.
    pub disk_await_ms: Option<f32>,
    pub disk_utilization_percent: Option<f32>,
    /// In the covered seconds.
    pub network_rx_bytes: i64,
    pub network_tx_bytes: i64,
    pub network_errors: Option<i64>,
    pub processes: Option<i32>,
    pub oom_kills: Option<i32>,
    /// Of the PostgreSQL that oCore runs there; null when it was not asked.
    pub pg_connections: Option<f32>,
    pub pg_max_connections: Option<i32>,
    pub pg_longest_query_seconds: Option<f32>,
    pub pg_waiting_locks: Option<f32>,
    pub pg_cache_hits_percent: Option<f32>,
    pub pg_databases_bytes: Option<i64>,
}

/// An instance at one time, or over the seconds from that time on. Where nothing was measured there is no point.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "named as the columns are, with their units")]
pub struct InstancePoint {
    pub collected_at: DateTime<Utc>,
    /// Seconds that amounts and averages are over.
    pub covered_seconds: f32,
    /// Of one core.
    pub cpu_usage_percent: f32,
    pub cpu_usage_max_percent: f32,
    pub memory_bytes: i64,
    pub memory_max_bytes: i64,
    /// Null: no limit.
    pub memory_limit_bytes: Option<i64>,
    /// Percent of the scheduling periods in which its CPU limit held it back.
    pub throttled_percent: f32,
    pub oom_kills: i32,
    /// In the covered seconds.
    pub network_rx_bytes: i64,
    pub network_tx_bytes: i64,
    pub disk_read_bytes: i64,
    pub disk_written_bytes: i64,
    pub processes: Option<i32>,
    /// Of Odoo; null when it was not asked.
    pub workers: Option<f32>,
    pub worker_memory_bytes: Option<i64>,
    pub cron_lag_seconds: Option<f32>,
    pub longest_request_ms: Option<f32>,
    pub requests: Option<i32>,
    pub filestore_bytes: Option<i64>,
    pub database_bytes: Option<i64>,
}

/// What was measured last of a server.
#[derive(Clone, Debug)]
pub struct Latest {
    /// When, by the clock of who measured.
    pub at: DateTime<Utc>,
    /// When oCore heard of it.
    pub received_at: DateTime<Utc>,
    /// Who measured.
    pub source: Source,
    /// Everything.
    pub detail: Detail,
}

macro_rules! server_points {
    ($columns:literal, $of:literal, $($argument:expr),*) => {
        sqlx::query_as!(
            ServerPoint,
            "select at as collected_at, uptime_seconds, cpu_usage as cpu_usage_percent, cpu_user as cpu_user_percent,
                 cpu_system as cpu_system_percent, cpu_iowait as cpu_iowait_percent, cpu_steal as cpu_steal_percent,
                 load_1m as cpu_load_1m, load_5m as cpu_load_5m, load_15m as cpu_load_15m,
                 ram_total as ram_total_bytes, greatest(ram_total - ram_available, 0) as \"ram_used_bytes!\",
                 ram_available as ram_available_bytes,
                 (case when ram_total > 0 then greatest(ram_total - ram_available, 0) * 100.0::float8 / ram_total else 0 end)::real
                     as \"ram_usage_percent!\",
                 swap_total as swap_total_bytes, swap_used as swap_used_bytes, pressure_cpu as pressure_cpu_percent,
                 pressure_memory as pressure_memory_percent, pressure_io as pressure_io_percent,
                 disk_total as disk_total_bytes, greatest(disk_total - disk_available, 0) as \"disk_used_bytes!\",
                 disk_available as disk_available_bytes,
                 (case when disk_total > 0 then greatest(disk_total - disk_available, 0) * 100.0::float8 / disk_total else 0
                  end)::real as \"disk_usage_percent!\",
                 inodes_used_percent, disk_read_bytes, disk_written_bytes, disk_await_ms,
                 disk_utilization as disk_utilization_percent, network_rx_bytes, network_tx_bytes, network_errors,
                 processes, oom_kills, pg_connections::real as pg_connections, pg_max_connections,
                 pg_longest_query as pg_longest_query_seconds, pg_waiting_locks::real as pg_waiting_locks,
                 pg_cache_hits as pg_cache_hits_percent, pg_databases_bytes, "
                + $columns + " from " + $of + " order by at",
            $($argument),*
        )
    };
}

/// The points of a server from a time on, oldest first.
pub async fn server(
    conn: &mut PgConnection,
    server: ServerId,
    resolution: i32,
    since: DateTime<Utc>,
) -> Result<Vec<ServerPoint>> {
    let points = if resolution == RAW {
        server_points!(
            "interval_seconds as covered_seconds, cpu_usage as cpu_usage_max_percent",
            "server_samples where server_id = $1 and at >= $2",
            server as ServerId,
            since
        )
        .fetch_all(conn)
        .await?
    } else {
        server_points!(
            "covered_seconds, cpu_usage_max as cpu_usage_max_percent",
            "server_rollups where resolution = $3 and server_id = $1 and at >= $2",
            server as ServerId,
            since,
            resolution
        )
        .fetch_all(conn)
        .await?
    };
    Ok(points)
}

macro_rules! instance_points {
    ($columns:literal, $of:literal, $($argument:expr),*) => {
        sqlx::query_as!(
            InstancePoint,
            "select at as collected_at, cpu_usage as cpu_usage_percent, memory_bytes, memory_limit_bytes,
                 throttled as throttled_percent, oom_kills, network_rx_bytes, network_tx_bytes, disk_read_bytes,
                 disk_written_bytes, processes, workers::real as workers, worker_memory as worker_memory_bytes,
                 cron_lag_seconds, longest_request_ms, requests, filestore_bytes, database_bytes, "
                + $columns + " from " + $of + " order by at",
            $($argument),*
        )
    };
}

/// The points of an instance from a time on, oldest first.
pub async fn instance(
    conn: &mut PgConnection,
    instance: InstanceId,
    resolution: i32,
    since: DateTime<Utc>,
) -> Result<Vec<InstancePoint>> {
    let points = if resolution == RAW {
        instance_points!(
            "interval_seconds as covered_seconds, cpu_usage as cpu_usage_max_percent,
             memory_bytes as memory_max_bytes",
            "instance_samples where instance_id = $1 and at >= $2",
            instance as InstanceId,
            since
        )
        .fetch_all(conn)
        .await?
    } else {
        instance_points!(
            "covered_seconds, cpu_usage_max as cpu_usage_max_percent, memory_bytes_max as memory_max_bytes",
            "instance_rollups where resolution = $3 and instance_id = $1 and at >= $2",
            instance as InstanceId,
            since,
            resolution
        )
        .fetch_all(conn)
        .await?
    };
    Ok(points)
}

/// When a server was measured last, and by whom.
pub async fn observed(conn: &mut PgConnection, server: ServerId) -> Result<Option<(DateTime<Utc>, Source)>> {
    let row = sqlx::query!(
        r#"select at, source as "source: Source" from server_latest where server_id = $1"#,
        server as ServerId,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| (row.at, row.source)))
}

/// What was measured last of a server. Whoever is limited to some instances is not told of others.
pub async fn latest(conn: &mut PgConnection, server: ServerId) -> Result<Option<Latest>> {
    let row = sqlx::query!(
        r#"select at, received_at, source as "source: Source", detail as "detail: Json<Detail>",
               ocore_is_limited() as "limited!"
           from server_latest where server_id = $1"#,
        server as ServerId,
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let mut detail = row.detail.0;
    if row.limited {
        let seen = sqlx::query_scalar!(
            r#"select id::text as "id!" from instances where server_id = $1"#,
            server as ServerId
        )
        .fetch_all(conn)
        .await?;
        limit(&mut detail, &seen.into_iter().collect());
    }
    Ok(Some(Latest {
        at: row.at,
        received_at: row.received_at,
        source: row.source,
        detail,
    }))
}

/// Takes out what is of other instances than these, or may be.
fn limit(detail: &mut Detail, seen: &HashSet<String>) {
    let is_seen = |instance: &Option<String>| instance.as_ref().is_some_and(|id| seen.contains(id));
    detail.containers.retain(|container| is_seen(&container.instance));
    detail.odoo.retain(|odoo| seen.contains(&odoo.instance));
    let containers: HashSet<&String> = detail
        .containers
        .iter()
        .map(|container| &container.name)
        .collect();
    detail.top.retain(|process| {
        process
            .container
            .as_ref()
            .is_some_and(|name| containers.contains(name))
    });
    if let Some(postgres) = &mut detail.postgres {
        postgres.databases.clear();
    }
}
