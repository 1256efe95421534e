//! What rules are judged by: of all rules and organizations together, and only what is worth judging, which is
//! what breaks its rule and what stands somewhere already. Samples are looked at of those servers only that have brought some
//! since they were judged, and of what stands somewhere: of a thousand servers that is a sixth at a time.
//!
//! A rule's minutes end at the newest sample of the server, by the server's own clock: samples come in batches, and clocks
//! differ.

use chrono::{DateTime, Utc};
use ocore_domain::alerts::AGENT_SILENCE;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Result;

/// One rule and one server or instance.
#[derive(Clone, Debug)]
pub struct Row {
    /// The rule.
    pub rule_id: Uuid,
    /// The server or instance.
    pub subject_id: Uuid,
    /// Its name.
    pub subject_name: String,
    /// The server it is or is on.
    pub server_id: Uuid,
    /// The average or the sum; 1 or 0 for a state; none: it cannot be told.
    pub value: Option<f64>,
    /// Seconds that are covered by samples.
    pub covered_seconds: f64,
    /// In words, if there is more to say than the rule does.
    pub detail: Option<String>,
}

/// Servers that have brought something lately, and when their newest sample is from.
pub async fn newest(conn: &mut PgConnection) -> Result<Vec<(Uuid, DateTime<Utc>)>> {
    let rows = sqlx::query!(
        "select server_id, at from server_latest where received_at > now() - interval '3 minutes'"
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.server_id, row.at)).collect())
}

/// What samples show: of these servers and the instances on them, and if asked for of what stands somewhere; in a transaction.
pub async fn of_samples(conn: &mut PgConnection, servers: &[Uuid], standing: bool) -> Result<Vec<Row>> {
    // Samples begin a new partition every ten minutes. A plan that was made while one was known to be empty would read all of
    // it, for each server and instance, until PostgreSQL looks at it again.
    sqlx::query("set local enable_seqscan = off")
        .execute(&mut *conn)
        .await?;
    let mut rows = of_servers(conn, servers, standing).await?;
    rows.extend(of_instances(conn, servers, standing).await?);
    sqlx::query("set local enable_seqscan = on").execute(conn).await?;
    Ok(rows)
}

async fn of_servers(conn: &mut PgConnection, servers: &[Uuid], standing: bool) -> Result<Vec<Row>> {
    Ok(sqlx::query_as!(
        Row,
        r#"with measured as (
               select * from alert_rules
               where enabled and subject_kind = 'server' and minutes > 0
                   and metric not in ('serverUnreachable', 'sshUnreachable', 'dockerUnavailable', 'agentSilent')
           ), windows as (
               select distinct minutes from measured
           ), standing as (
               select st.subject_id from alert_states st join measured on measured.id = st.rule_id
           ), newest as (
               select l.server_id, l.organization_id, l.at, l.source, s.name
               from server_latest l join servers s on s.id = l.server_id
               where l.received_at > now() - interval '3 minutes' and s.status in ('active', 'unreachable', 'failed')
                   and (l.server_id = any($1) or ($2 and l.server_id in (select subject_id from standing)))
           ), seen as materialized (
               select n.server_id, n.organization_id, n.name, w.minutes, m.*
               from newest n cross join windows w cross join lateral (
                   select sum(step) as covered,
                       sum(step) filter (where pg_connections is not null) * case n.source when 'agent' then 3 else 1 end as pg_covered,
                       avg(cpu_usage) as cpu, avg(cpu_steal) as steal, avg(cpu_iowait) as iowait, avg(load_1m) as load_1m,
                       avg(load_5m) as load_5m, avg(load_15m) as load_15m,
                       avg(100 * (1 - ram_available::float8 / nullif(ram_total, 0))) as ram,
                       avg(100 * swap_used::float8 / nullif(swap_total, 0)) as swap,
                       avg(100 * (1 - disk_available::float8 / nullif(disk_total, 0))) as disk,
                       avg(inodes_used_percent) as inodes, avg(disk_await_ms) as await, avg(pressure_cpu) as p_cpu,
                       avg(pressure_memory) as p_memory, avg(pressure_io) as p_io,
                       avg(100 * pg_connections::float8 / nullif(pg_max_connections, 0)) as pg_connections,
                       avg(pg_longest_query) as pg_longest, avg(pg_waiting_locks)::float8 as pg_locks,
                       sum(oom_kills)::float8 as oom
                   from (select *, least(interval_seconds, 60) as step from server_samples
                         where server_id = n.server_id and at > n.at - make_interval(mins => w.minutes) and at <= n.at) p
               ) m
           )
           select r.id as "rule_id!", s.server_id as "subject_id!", s.name as "subject_name!", s.server_id as "server_id!",
               v.value, coalesce(v.covered, 0)::float8 as "covered_seconds!", null::text as detail
           from seen s cross join lateral (values
               ('cpuUsagePercent', s.cpu, s.covered), ('cpuStealPercent', s.steal, s.covered),
               ('cpuIowaitPercent', s.iowait, s.covered), ('cpuLoad1m', s.load_1m, s.covered),
               ('cpuLoad5m', s.load_5m, s.covered), ('cpuLoad15m', s.load_15m, s.covered),
               ('ramUsagePercent', s.ram, s.covered), ('swapUsagePercent', s.swap, s.covered),
               ('diskUsagePercent', s.disk, s.covered), ('inodesUsedPercent', s.inodes, s.covered),
               ('diskAwaitMs', s.await, s.covered), ('pressureCpuPercent', s.p_cpu, s.covered),
               ('pressureMemoryPercent', s.p_memory, s.covered), ('pressureIoPercent', s.p_io, s.covered),
               ('pgConnectionsPercent', s.pg_connections, s.pg_covered),
               ('pgLongestQuerySeconds', s.pg_longest, s.pg_covered), ('pgWaitingLocks', s.pg_locks, s.pg_covered),
               -- A kill is one, however little else was seen.
               ('serverOomKills', s.oom, 3600::real)
           ) as v (metric, value, covered)
           join measured r on r.organization_id = s.organization_id and r.metric = v.metric
               and r.minutes = s.minutes and (r.server_ids is null or s.server_id = any(r.server_ids))
           left join alert_states st on st.rule_id = r.id and st.subject_id = s.server_id
           where st.rule_id is not null or case r.operator
               when 'gt' then v.value > r.threshold when 'gte' then v.value >= r.threshold
               when 'lt' then v.value < r.threshold else v.value <= r.threshold end"#,
        servers,
        standing,
    )
    .fetch_all(conn)
    .await?)
}

async fn of_instances(conn: &mut PgConnection, servers: &[Uuid], standing: bool) -> Result<Vec<Row>> {
    Ok(sqlx::query_as!(
        Row,
        r#"with measured as (
               select * from alert_rules
               where enabled and subject_kind = 'instance' and minutes > 0
                   and metric not in ('instanceDown', 'instanceUnhealthy')
           ), windows as (
               select distinct minutes from measured
           ), standing as (
               select st.subject_id from alert_states st join measured on measured.id = st.rule_id
           ), newest as (
               select i.id, i.organization_id, i.server_id, i.name, l.at, l.source
               from server_latest l join instances i on i.server_id = l.server_id
               where l.received_at > now() - interval '3 minutes' and i.status = 'running'
                   and (i.server_id = any($1) or ($2 and i.id in (select subject_id from standing)))
           ), seen as materialized (
               select n.id, n.organization_id, n.server_id, n.name, w.minutes, m.*
               from newest n cross join windows w cross join lateral (
                   select sum(step) as covered,
                       sum(step) filter (where cron_lag_seconds is not null) * case n.source when 'agent' then 3 else 1 end as odoo_covered,
                       sum(step) filter (where longest_request_ms is not null) * case n.source when 'agent' then 3 else 1 end as log_covered,
                       avg(cpu_usage) as cpu,
                       avg(100 * memory_bytes::float8 / nullif(memory_limit_bytes, 0)) as memory,
                       avg(throttled) as throttled, avg(cron_lag_seconds) as cron, avg(longest_request_ms) as request,
                       sum(oom_kills)::float8 as oom
                   from (select *, least(interval_seconds, 60) as step from instance_samples
                         where instance_id = n.id and at > n.at - make_interval(mins => w.minutes) and at <= n.at) p
               ) m
           )
           select r.id as "rule_id!", s.id as "subject_id!", s.name as "subject_name!", s.server_id as "server_id!", v.value,
               coalesce(v.covered, 0)::float8 as "covered_seconds!", null::text as detail
           from seen s cross join lateral (values
               ('instanceCpuPercent', s.cpu, s.covered), ('instanceMemoryPercent', s.memory, s.covered),
               ('instanceThrottledPercent', s.throttled, s.covered), ('cronLagSeconds', s.cron, s.odoo_covered),
               ('longestRequestMs', s.request, s.log_covered), ('instanceOomKills', s.oom, 3600::real)
           ) as v (metric, value, covered)
           join measured r on r.organization_id = s.organization_id and r.metric = v.metric
               and r.minutes = s.minutes and (r.server_ids is null or s.server_id = any(r.server_ids))
               and (r.instance_ids is null or s.id = any(r.instance_ids))
           left join alert_states st on st.rule_id = r.id and st.subject_id = s.id
           where st.rule_id is not null or case r.operator
               when 'gt' then v.value > r.threshold when 'gte' then v.value >= r.threshold
               when 'lt' then v.value < r.threshold else v.value <= r.threshold end"#,
        servers,
        standing,
    )
    .fetch_all(conn)
    .await?)
}

/// What states there are: of servers and instances, as the looks at them and their agents told.
pub async fn of_states(conn: &mut PgConnection) -> Result<Vec<Row>> {
    Ok(sqlx::query_as!(
        Row,
        r#"with amiss as (
               -- Instances that may break a rule, which are few: the others need not meet the rules.
               select i.id
               from instances i left join server_checks c on c.server_id = i.server_id
               where i.status = 'running' and case i.health
                   when 'unknown' then c.reach = 'unreachable' or c.docker_failures >= 2
                   else i.health in ('down', 'unhealthy') end
               union select subject_id from alert_states
           )
           select r.id as "rule_id!", s.id as "subject_id!", s.name as "subject_name!", s.id as "server_id!",
               v.holds::int::float8 as value, 0::float8 as "covered_seconds!", v.detail
           from alert_rules r
           join servers s on s.organization_id = r.organization_id and (r.server_ids is null or s.id = any(r.server_ids))
           left join server_checks c on c.server_id = s.id
           left join agents a on a.server_id = s.id
           left join alert_states st on st.rule_id = r.id and st.subject_id = s.id
           cross join lateral (select
               case r.metric
                   when 'serverUnreachable' then coalesce(c.reach, 'reachable') = 'unreachable'
                   when 'sshUnreachable' then c.reach = 'ssh_unreachable' or (c.reach = 'unreachable' and st.rule_id is not null)
                   when 'dockerUnavailable' then
                       case when coalesce(c.reach, 'reachable') = 'reachable' and c.ssh_failing_since is null
                           then coalesce(c.docker_failures, 0) >= 2 end
                   when 'agentSilent' then
                       case when coalesce(c.reach, 'reachable') = 'reachable' and c.ssh_failing_since is null
                           then coalesce(coalesce(a.last_seen_at, a.installed_at) < now() - make_interval(secs => $1), false) end
               end as holds,
               case r.metric
                   when 'dockerUnavailable' then c.docker_detail
                   when 'agentSilent' then null
                   else c.ssh_detail
               end as detail) v
           where r.enabled and r.metric in ('serverUnreachable', 'sshUnreachable', 'dockerUnavailable', 'agentSilent')
               and s.status in ('active', 'unreachable', 'failed') and (v.holds or st.rule_id is not null)
           union all
           select r.id, i.id, i.name, i.server_id, v.holds::int::float8, 0::float8, i.health_detail
           from amiss join instances i on i.id = amiss.id
           join alert_rules r on r.organization_id = i.organization_id
               and (r.instance_ids is null or i.id = any(r.instance_ids))
               and (r.server_ids is null or i.server_id = any(r.server_ids))
           left join server_checks c on c.server_id = i.server_id
           left join alert_states st on st.rule_id = r.id and st.subject_id = i.id
           cross join lateral (select case
               when i.status = 'stopped' then false
               when i.status <> 'running' then null
               when r.metric = 'instanceDown' then case i.health
                   when 'down' then true
                   -- Nobody can see it: it is what its server's alert explains.
                   when 'unknown' then case when c.reach = 'unreachable' or c.docker_failures >= 2 then true end
                   else false end
               else case i.health when 'unhealthy' then true when 'unknown' then null else false end
               end as holds) v
           where r.enabled and r.metric in ('instanceDown', 'instanceUnhealthy') and i.status <> 'removed'
               and (v.holds or st.rule_id is not null)"#,
        AGENT_SILENCE.as_seconds_f64(),
    )
    .fetch_all(conn)
    .await?)
}
