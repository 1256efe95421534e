//! The last figures of every server and instance.

use sqlx::PgConnection;

use crate::Result;

/// A server; what was not measured in the last three minutes is none.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Server {
    /// The organization's slug.
    pub organization: String,
    pub name: String,
    pub is_active: bool,
    /// Seconds since it was measured.
    pub age_seconds: Option<f64>,
    pub cpu_usage: Option<f32>,
    pub cpu_iowait: Option<f32>,
    pub cpu_steal: Option<f32>,
    pub load_1m: Option<f32>,
    pub ram_total: Option<i64>,
    pub ram_available: Option<i64>,
    pub swap_used: Option<i64>,
    pub disk_total: Option<i64>,
    pub disk_available: Option<i64>,
    pub disk_await_ms: Option<f32>,
    pub pressure_io: Option<f32>,
    pub network_rx_per_second: Option<f64>,
    pub network_tx_per_second: Option<f64>,
    pub pg_connections: Option<i32>,
    pub uptime_seconds: Option<i64>,
}

/// An instance; what was not measured in the last three minutes is none.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Instance {
    /// The organization's slug.
    pub organization: String,
    /// The server's name.
    pub server: String,
    pub slug: String,
    pub is_meant_to_run: bool,
    pub is_healthy: bool,
    pub restart_count: i64,
    pub cpu_usage: Option<f32>,
    pub memory_bytes: Option<i64>,
    pub memory_limit_bytes: Option<i64>,
    pub throttled: Option<f32>,
}

/// Every server that is not removed.
pub async fn servers(conn: &mut PgConnection) -> Result<Vec<Server>> {
    Ok(sqlx::query_as!(
        Server,
        r#"select o.slug as organization, s.name, s.status = 'active' as "is_active!",
               extract(epoch from now() - l.at)::float8 as age_seconds,
               m.cpu_usage as "cpu_usage?", m.cpu_iowait as "cpu_iowait?", m.cpu_steal as "cpu_steal?",
               m.load_1m as "load_1m?", m.ram_total as "ram_total?", m.ram_available as "ram_available?",
               m.swap_used as "swap_used?", m.disk_total as "disk_total?", m.disk_available as "disk_available?",
               m.disk_await_ms, m.pressure_io,
               m.network_rx_bytes / nullif(m.interval_seconds, 0)::float8 as network_rx_per_second,
               m.network_tx_bytes / nullif(m.interval_seconds, 0)::float8 as network_tx_per_second,
               p.pg_connections, m.uptime_seconds as "uptime_seconds?"
           from servers s join organizations o on o.id = s.organization_id
               left join server_latest l on l.server_id = s.id
               left join server_samples m on m.server_id = s.id and m.at = l.at and m.at > now() - interval '3 minutes'
               left join lateral (
                   select n.pg_connections from server_samples n
                   where n.server_id = s.id and n.at > now() - interval '3 minutes' and n.pg_connections is not null
                   order by n.at desc limit 1
               ) p on true
           where s.status <> 'removed' order by s.id"#
    )
    .fetch_all(conn)
    .await?)
}

/// Every instance that is not removed.
pub async fn instances(conn: &mut PgConnection) -> Result<Vec<Instance>> {
    Ok(sqlx::query_as!(
        Instance,
        r#"select o.slug as organization, s.name as server, i.slug, i.status = 'running' as "is_meant_to_run!",
               i.health = 'healthy' as "is_healthy!", i.restart_count, m.cpu_usage as "cpu_usage?",
               m.memory_bytes as "memory_bytes?", m.memory_limit_bytes, m.throttled as "throttled?"
           from instances i join organizations o on o.id = i.organization_id join servers s on s.id = i.server_id
               left join (
                   select distinct on (instance_id) instance_id, cpu_usage, memory_bytes, memory_limit_bytes, throttled
                   from instance_samples where at > now() - interval '3 minutes' order by instance_id, at desc
               ) m on m.instance_id = i.id
           where i.status <> 'removed' order by i.id"#
    )
    .fetch_all(conn)
    .await?)
}
