//! oCore's own processes.

use chrono::{DateTime, TimeDelta, Utc};
use ocore_domain::advice::{ControlPlane, Pressures};
use sqlx::{PgConnection, types::Json};
use std::collections::BTreeMap;
use uuid::Uuid;

use super::servers::unsigned;
use crate::Result;

/// How a process and its machine did since the sample before.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Sample {
    pub process_id: Uuid,
    pub host: String,
    pub version: &'static str,
    pub cpu_cores: i32,
    pub cpu_usage: Option<f32>,
    pub process_cpu: Option<f32>,
    pub pressure_cpu: Option<f32>,
    pub pressure_memory: Option<f32>,
    pub pressure_io: Option<f32>,
    pub ram_total: i64,
    pub ram_available: i64,
    pub process_memory: i64,
    pub oom_kills: i32,
    pub storage_total: Option<i64>,
    pub storage_available: Option<i64>,
    pub requests: i32,
    pub api_p95_ms: Option<f32>,
    pub database_p95_ms: Option<f32>,
    pub pool_wait_p95_ms: Option<f32>,
    pub pool_max: i32,
    pub ssh_tries: i32,
    pub ssh_timeouts: BTreeMap<Uuid, i32>,
}

/// Keeps a sample, with the size of the database and its connections at this moment.
pub async fn keep(conn: &mut PgConnection, sample: &Sample) -> Result<()> {
    sqlx::query!(
        "insert into process_samples (process_id, host, version, cpu_cores, cpu_usage, process_cpu, pressure_cpu,
             pressure_memory, pressure_io, ram_total, ram_available, process_memory, oom_kills, storage_total,
             storage_available, requests, api_p95_ms, database_p95_ms, pool_wait_p95_ms, pool_max, ssh_tries,
             ssh_timeouts, database_bytes, connections)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
             pg_database_size(current_database()),
             (select count(*) from pg_stat_activity where backend_type = 'client backend'))
         on conflict do nothing",
        sample.process_id,
        sample.host,
        sample.version,
        sample.cpu_cores,
        sample.cpu_usage,
        sample.process_cpu,
        sample.pressure_cpu,
        sample.pressure_memory,
        sample.pressure_io,
        sample.ram_total,
        sample.ram_available,
        sample.process_memory,
        sample.oom_kills,
        sample.storage_total,
        sample.storage_available,
        sample.requests,
        sample.api_p95_ms,
        sample.database_p95_ms,
        sample.pool_wait_p95_ms,
        sample.pool_max,
        sample.ssh_tries,
        Json(&sample.ssh_timeouts) as Json<&BTreeMap<Uuid, i32>>,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Asks for nothing but an answer.
pub async fn ping(conn: &mut PgConnection) -> Result<()> {
    sqlx::query("select 1").execute(conn).await?;
    Ok(())
}

/// Takes away what no trend is drawn from any longer.
pub async fn prune(conn: &mut PgConnection) -> Result<()> {
    sqlx::query!("delete from process_samples where at < now() - interval '30 days'")
        .execute(conn)
        .await?;
    Ok(())
}

/// A process of oCore that told of itself within the last two minutes.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Process {
    pub process_id: Uuid,
    pub at: DateTime<Utc>,
    pub host: String,
    pub version: String,
    pub cpu_cores: i32,
    pub cpu_usage: Option<f32>,
    pub process_cpu: Option<f32>,
    pub ram_total: i64,
    pub ram_available: i64,
    pub process_memory: i64,
    pub storage_total: Option<i64>,
    pub storage_available: Option<i64>,
    pub database_bytes: Option<i64>,
    pub pool_max: i32,
}

/// The processes that live.
pub async fn processes(conn: &mut PgConnection) -> Result<Vec<Process>> {
    Ok(sqlx::query_as!(
        Process,
        "select distinct on (process_id) process_id, at, host, version, cpu_cores, cpu_usage, process_cpu, ram_total,
             ram_available, process_memory, storage_total, storage_available, database_bytes, pool_max
         from process_samples where at >= now() - interval '2 minutes'
         order by process_id, at desc limit 1000"
    )
    .fetch_all(conn)
    .await?)
}

/// What oCore manages, of all organizations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Managed {
    /// Instances that are not removed.
    pub instances: u32,
    /// Servers that are not removed.
    pub servers: u32,
}

/// Counts what oCore manages.
pub async fn managed(conn: &mut PgConnection) -> Result<Managed> {
    let row = sqlx::query!(
        r#"select (select count(*) from instances where status <> 'removed') as "instances!",
               (select count(*) from servers where status <> 'removed') as "servers!""#
    )
    .fetch_one(conn)
    .await?;
    let count = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
    Ok(Managed {
        instances: count(row.instances),
        servers: count(row.servers),
    })
}

/// How oCore did within some minutes: of several machines the one that does worst counts. None: nothing was measured.
pub async fn control_plane(conn: &mut PgConnection, over: TimeDelta) -> Result<Option<ControlPlane>> {
    let since = Utc::now() - over;
    let row = sqlx::query!(
        r#"with machines as (
               select host, avg(cpu_usage) as cpu_usage, avg(pressure_cpu) as pressure_cpu,
                   avg(pressure_memory) as pressure_memory, avg(pressure_io) as pressure_io,
                   (array_agg(ram_total order by at desc))[1] as ram_total,
                   (array_agg(ram_available order by at desc))[1] as ram_available
               from process_samples where at >= $1 group by host),
           worst as (
               select ram_total, ram_available from machines
               order by ram_available::float8 / nullif(ram_total, 0) limit 1),
           processes as (
               select process_id, sum(requests) as requests,
                   -- The mean of the percentiles, by the requests behind each: an estimate, and on the safe side.
                   sum(api_p95_ms * requests) / nullif(sum(requests) filter (where api_p95_ms is not null), 0) as api_p95,
                   avg(database_p95_ms) as database_p95, avg(pool_wait_p95_ms) as pool_wait_p95,
                   max(pool_max) as pool_max
               from process_samples where at >= $1 group by process_id)
           select (select count(*) from machines) as "machines!", (select sum(requests)::bigint from processes) as requests,
               (select max(api_p95) from processes) as api_p95, (select max(database_p95) from processes) as database_p95,
               (select max(pool_wait_p95) from processes) as pool_wait_p95,
               (select max(pool_max) from processes) as pool_max,
               (select max(cpu_usage) from machines) as cpu_usage,
               (select max(pressure_cpu) from machines) as pressure_cpu,
               (select max(pressure_memory) from machines) as pressure_memory,
               (select max(pressure_io) from machines) as pressure_io,
               (select ram_total from worst) as ram_total, (select ram_available from worst) as ram_available,
               (select max(connections) from process_samples where at >= $1) as connections,
               (select setting::integer from pg_settings where name = 'max_connections')
                   - (select setting::integer from pg_settings where name = 'superuser_reserved_connections')
                   as max_connections,
               -- Every process of a machine counts the same kills.
               (select max(kills) from (select sum(oom_kills) as kills from process_samples
                    where at >= now() - interval '1 day' group by process_id) k) as oom_kills,
               (select sum(ssh_tries)::bigint from process_samples where at >= now() - interval '1 hour') as ssh_tries,
               (select sum(t.value::bigint)::bigint from process_samples p, jsonb_each_text(p.ssh_timeouts) t
                    where p.at >= now() - interval '1 hour') as ssh_timeouts,
               (select count(distinct t.key) from process_samples p, jsonb_each_text(p.ssh_timeouts) t
                    where p.at >= now() - interval '1 hour') as "ssh_servers!""#,
        since,
    )
    .fetch_one(conn)
    .await?;
    if row.machines == 0 {
        return Ok(None);
    }
    let count = |value: Option<i64>| u32::try_from(value.unwrap_or(0)).unwrap_or(u32::MAX);
    Ok(Some(ControlPlane {
        requests: unsigned(row.requests).unwrap_or(0),
        api_p95_ms: row.api_p95,
        database_p95_ms: row.database_p95,
        pool_wait_p95_ms: row.pool_wait_p95,
        pool_max: count(row.pool_max.map(i64::from)),
        connections: row.connections.and_then(|open| u32::try_from(open).ok()),
        max_connections: row.max_connections.and_then(|most| u32::try_from(most).ok()),
        cpu_usage: row.cpu_usage,
        pressures: Pressures {
            cpu: row.pressure_cpu,
            memory: row.pressure_memory,
            io: row.pressure_io,
        },
        ram_total: unsigned(row.ram_total).unwrap_or(0),
        ram_available: unsigned(row.ram_available).unwrap_or(0),
        oom_kills: count(row.oom_kills),
        ssh_tries: unsigned(row.ssh_tries).unwrap_or(0),
        ssh_timeouts: unsigned(row.ssh_timeouts).unwrap_or(0),
        ssh_servers: count(Some(row.ssh_servers)),
    }))
}
