//! Servers: what they measured, and what they bear.

use chrono::{DateTime, TimeDelta, Utc};
use ocore_domain::{
    OrganizationId, ServerId,
    advice::{Culprit, Pressures, Server},
    server::ServerFacts,
};
use serde::Deserialize;
use sqlx::{PgConnection, types::Json};

use crate::{Page, PageRequest, Result};

/// What a server measured within some minutes.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The averages.
    pub evidence: Server,
    /// When its newest sample was taken; none: within these minutes nothing was measured.
    pub at: Option<DateTime<Utc>>,
}

/// What is told of processes in `server_latest`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Process {
    name: String,
    container: Option<String>,
    cpu_percent: f64,
    memory_bytes: u64,
}

/// The servers of an organization, or of all, each with the averages of its newest samples. Kills are those of a day;
/// timeouts those of an hour, by all of oCore's processes.
pub async fn servers(
    conn: &mut PgConnection,
    organization: Option<OrganizationId>,
    over: TimeDelta,
) -> Result<Vec<Seen>> {
    let since = Utc::now() - over;
    let rows = sqlx::query!(
        r#"with recent as (
               select server_id, max(at) as at, avg(cpu_usage) as cpu_usage, avg(cpu_steal) as cpu_steal,
                   avg(pressure_cpu) as pressure_cpu, avg(pressure_memory) as pressure_memory,
                   avg(pressure_io) as pressure_io, avg(disk_await_ms) as disk_await_ms,
                   avg(disk_utilization) as disk_utilization, sum(network_errors)::bigint as network_errors,
                   max(pg_connections) as pg_connections, max(pg_max_connections) as pg_max_connections,
                   max(pg_longest_query) as pg_longest_query, avg(pg_waiting_locks)::float8 as pg_waiting_locks,
                   -- Levels are those of the newest sample.
                   (array_agg(ram_total order by at desc))[1] as ram_total,
                   (array_agg(ram_available order by at desc))[1] as ram_available,
                   (array_agg(swap_used order by at desc))[1] as swap_used,
                   (array_agg(disk_total order by at desc))[1] as disk_total,
                   (array_agg(disk_available order by at desc))[1] as disk_available,
                   (array_agg(inodes_used_percent order by at desc))[1] as inodes_used
               from server_samples where at >= $2 and ($1::uuid is null or organization_id = $1) group by server_id),
           -- What is not rolled up yet is in the raw samples, and what is no longer raw is rolled up.
           kills as (
               select server_id, greatest(
                   (select coalesce(sum(oom_kills), 0) from server_rollups r
                    where r.resolution = 60 and r.server_id = s.server_id and r.at >= now() - interval '1 day'),
                   (select coalesce(sum(oom_kills), 0) from server_samples r where r.server_id = s.server_id))::bigint
                   as oom_kills
               from recent s)
           select s.id as "id: ServerId", s.name, s.facts as "facts: Json<ServerFacts>", r.at as "at?", r.cpu_usage,
               r.cpu_steal, r.pressure_cpu, r.pressure_memory, r.pressure_io, r.disk_await_ms, r.disk_utilization,
               r.network_errors, r.pg_connections, r.pg_max_connections, r.pg_longest_query, r.pg_waiting_locks,
               r.ram_total, r.ram_available, r.swap_used, r.disk_total, r.disk_available, r.inodes_used,
               k.oom_kills, coalesce(t.timeouts, 0) as "ssh_timeouts!",
               l.detail -> 'top' as "top: Json<Vec<Process>>"
           from servers s
           left join recent r on r.server_id = s.id
           left join kills k on k.server_id = s.id
           left join server_latest l on l.server_id = s.id
           left join ocore_ssh_timeouts() t on t.server_id = s.id
           where s.status in ('active', 'unreachable', 'failed') and ($1::uuid is null or s.organization_id = $1)
           order by s.id"#,
        organization as Option<OrganizationId>,
        since,
    )
    .fetch_all(conn)
    .await?;
    let seen = rows.into_iter().map(|row| Seen {
        at: row.at,
        evidence: Server {
            id: row.id.uuid(),
            name: row.name,
            cores: row.facts.map_or(0, |facts| facts.cpu_cores),
            cpu_usage: row.cpu_usage,
            cpu_steal: row.cpu_steal,
            pressures: Pressures {
                cpu: row.pressure_cpu,
                memory: row.pressure_memory,
                io: row.pressure_io,
            },
            ram_total: unsigned(row.ram_total),
            ram_available: unsigned(row.ram_available),
            swap_used: unsigned(row.swap_used),
            oom_kills: row
                .oom_kills
                .map_or(0, |kills| u32::try_from(kills).unwrap_or(u32::MAX)),
            disk_await_ms: row.disk_await_ms,
            disk_utilization: row.disk_utilization,
            disk_total: unsigned(row.disk_total),
            disk_available: unsigned(row.disk_available),
            inodes_used: row.inodes_used.map(f64::from),
            network_errors: unsigned(row.network_errors).unwrap_or(0),
            connections: row.pg_connections.and_then(|count| u32::try_from(count).ok()),
            max_connections: row.pg_max_connections.and_then(|count| u32::try_from(count).ok()),
            longest_query: row.pg_longest_query.map(f64::from),
            waiting_locks: row.pg_waiting_locks,
            ssh_timeouts: u64::try_from(row.ssh_timeouts).unwrap_or(0),
            culprits: row
                .top
                .map_or_else(Vec::new, |top| top.0.into_iter().map(culprit).collect()),
        },
    });
    Ok(seen.collect())
}

pub(super) fn unsigned(value: Option<i64>) -> Option<u64> {
    value.and_then(|value| u64::try_from(value).ok())
}

/// A process is known by the container it runs in, where there is one.
fn culprit(process: Process) -> Culprit {
    Culprit {
        name: process.container.unwrap_or(process.name),
        cpu_percent: process.cpu_percent,
        memory_bytes: process.memory_bytes,
    }
}

/// What a server has, and what it bears.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Bearing {
    pub id: ServerId,
    pub name: String,
    pub facts: Option<Json<ServerFacts>>,
    /// Instances on it, as far as the asker may see them.
    pub instances: i64,
    /// Bytes of memory that were promised to instances.
    pub promised_memory: i64,
    /// Bytes free on its disk when that was last measured.
    pub disk_available: Option<i64>,
    /// Bytes of memory that could be had when that was last measured.
    pub ram_available: Option<i64>,
}

/// Servers by name, with what they bear.
pub async fn bearing(
    conn: &mut PgConnection,
    organization: OrganizationId,
    page: &PageRequest,
) -> Result<Page<Bearing>> {
    let rows = sqlx::query_as!(
        Bearing,
        r#"select s.id as "id: _", s.name, s.facts as "facts: _",
               (select count(*) from instances i where i.server_id = s.id and i.status <> 'removed') as "instances!",
               ocore_promised_memory(s.id, null) as "promised_memory!",
               r.disk_available as "disk_available?", r.ram_available as "ram_available?"
           from servers s
           left join lateral (select disk_available, ram_available from server_samples m
                              where m.server_id = s.id order by at desc limit 1) r on true
           where s.organization_id = $1 and s.status <> 'removed' and ($2::text is null or lower(s.name) > $2)
           order by lower(s.name) limit $3"#,
        organization as OrganizationId,
        page.cursor,
        page.limit + 1,
    )
    .fetch_all(conn)
    .await?;
    Ok(Page::from_rows(rows, page.limit, |server| {
        server.name.to_lowercase()
    }))
}
