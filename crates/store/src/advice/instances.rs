//! Instances: what was measured of them.

use chrono::{TimeDelta, Utc};
use ocore_domain::{InstanceId, OrganizationId, advice::Instance, instance::Settings};
use sqlx::{PgConnection, types::Json};

use super::servers::unsigned;
use crate::Result;

/// The instances of an organization, or of all, of which something was measured within some minutes.
pub async fn instances(
    conn: &mut PgConnection,
    organization: Option<OrganizationId>,
    over: TimeDelta,
) -> Result<Vec<Instance>> {
    let since = Utc::now() - over;
    let rows = sqlx::query!(
        r#"with recent as (
               select instance_id, avg(cpu_usage) as cpu_usage, avg(throttled) as throttled,
                   (array_agg(memory_bytes order by at desc))[1] as memory,
                   (array_agg(memory_limit_bytes order by at desc))[1] as memory_limit,
                   max(worker_memory) as worker_memory, max(cron_lag_seconds) as cron_lag
               from instance_samples where at >= $2 and ($1::uuid is null or organization_id = $1)
               group by instance_id)
           select i.id as "id: InstanceId", i.name, i.settings as "settings: Json<Settings>", r.cpu_usage, r.throttled,
               r.memory, r.memory_limit, r.worker_memory, r.cron_lag,
               greatest(
                   (select coalesce(sum(oom_kills), 0) from instance_rollups k
                    where k.resolution = 60 and k.instance_id = i.id and k.at >= now() - interval '1 day'),
                   (select coalesce(sum(oom_kills), 0) from instance_samples k where k.instance_id = i.id))::bigint
                   as "oom_kills!"
           from instances i join recent r on r.instance_id = i.id
           where i.status <> 'removed' and ($1::uuid is null or i.organization_id = $1)
           order by i.id"#,
        organization as Option<OrganizationId>,
        since,
    )
    .fetch_all(conn)
    .await?;
    let seen = rows.into_iter().map(|row| Instance {
        id: row.id.uuid(),
        name: row.name,
        cpu_usage: row.cpu_usage,
        throttled: row.throttled,
        memory: unsigned(row.memory),
        memory_limit: unsigned(row.memory_limit),
        oom_kills: u32::try_from(row.oom_kills).unwrap_or(u32::MAX),
        worker_memory: unsigned(row.worker_memory),
        limit_memory_soft: row.settings.limit_memory_soft,
        cron_lag: row.cron_lag.map(f64::from),
    });
    Ok(seen.collect())
}
