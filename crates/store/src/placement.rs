//! Servers as placement sees them.

use std::collections::HashMap;

use ocore_domain::{
    InstanceId, OrganizationId, ServerId,
    instance::{EnvironmentType, cpu_limit_millis},
    placement::{self, Amounts, Policy, Resident, Use, capacity},
    server::ServerStatus,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    Error, Result,
    servers::{self, Server},
};

/// So many servers of an organization are looked at for a placement, by name.
const SERVERS: i64 = 1000;

/// All servers of an organization that the asker sees, with what is promised on them: three queries, however many they are.
pub async fn fleet(conn: &mut PgConnection, organization: OrganizationId) -> Result<Vec<placement::Server>> {
    let rows = servers::all(conn, organization, SERVERS).await?;
    views(conn, rows).await
}

/// One server with what is promised on it.
pub async fn server(conn: &mut PgConnection, row: Server) -> Result<placement::Server> {
    let mut views = views(conn, vec![row]).await?;
    views
        .pop()
        .ok_or_else(|| Error::Row("a server was lost on its way".to_owned()))
}

/// Which servers an organization prefers.
pub async fn policy(conn: &mut PgConnection, organization: OrganizationId) -> Result<Policy> {
    let policy = sqlx::query_scalar!(
        r#"select placement_policy as "policy: Policy" from organizations where id = $1"#,
        organization as OrganizationId
    )
    .fetch_one(conn)
    .await?;
    Ok(policy)
}

async fn views(conn: &mut PgConnection, rows: Vec<Server>) -> Result<Vec<placement::Server>> {
    let cores: HashMap<ServerId, u32> = rows.iter().map(|row| (row.id, cores(row))).collect();
    let mut residents = residents(conn, &cores).await?;
    let used = used(conn, &cores).await?;
    let view = |row: Server| {
        let residents = residents.remove(&row.id).unwrap_or_default();
        let used = used.get(&row.id).copied().unwrap_or_default();
        view(row, residents, used)
    };
    Ok(rows.into_iter().map(view).collect())
}

fn cores(row: &Server) -> u32 {
    row.facts.as_ref().map_or(1, |facts| facts.cpu_cores)
}

fn view(row: Server, residents: Vec<Resident>, used: Use) -> placement::Server {
    let unavailable = match (row.status, &row.facts) {
        (ServerStatus::Active, Some(_)) => None,
        (ServerStatus::Active, None) => Some("It was never looked at".to_owned()),
        (status, _) => Some(format!("It is {status}")),
    };
    placement::Server {
        cores: cores(&row),
        capacity: row
            .facts
            .as_ref()
            .map(|facts| capacity(facts))
            .unwrap_or_default(),
        current: Use {
            // Where nothing is measured, the disk is that of the last validation.
            disk_free_bytes: used
                .disk_free_bytes
                .or_else(|| row.facts.as_ref().map(|facts| facts.disk_available_bytes)),
            ..used
        },
        id: row.id,
        name: row.name,
        unavailable,
        cordoned: row.cordoned_at.is_some(),
        residents,
        country: row.country.and_then(|country| country.parse().ok()),
        region: row.region,
        labels: row.labels.0,
        taints: row.taints.0,
        dedicated_to: row.dedicated_to,
        separate_production: row.separate_production,
    }
}

/// What servers used over the last quarter of an hour; those that were not measured are left out.
async fn used(conn: &mut PgConnection, cores: &HashMap<ServerId, u32>) -> Result<HashMap<ServerId, Use>> {
    let ids: Vec<Uuid> = cores.keys().map(|id| id.uuid()).collect();
    let rows = sqlx::query!(
        r#"select server_id as "server_id: ServerId", avg(cpu_usage) / 100 as cpu,
               avg(1 - ram_available::float8 / nullif(ram_total, 0)) as memory,
               (array_agg(disk_available order by at desc))[1] as disk
           from server_samples where server_id = any($1) and at >= now() - interval '15 minutes'
           group by server_id"#,
        &ids,
    )
    .fetch_all(conn)
    .await?;
    let used = rows.into_iter().map(|row| {
        let used = Use {
            cpu: row.cpu,
            memory: row.memory,
            disk_free_bytes: row.disk.and_then(|bytes| u64::try_from(bytes).ok()),
        };
        (row.server_id, used)
    });
    Ok(used.collect())
}

/// What is promised on servers, also to instances that the asker may not see.
async fn residents(
    conn: &mut PgConnection,
    cores: &HashMap<ServerId, u32>,
) -> Result<HashMap<ServerId, Vec<Resident>>> {
    let ids: Vec<Uuid> = cores.keys().map(|id| id.uuid()).collect();
    let rows = sqlx::query!(
        r#"select server_id as "server_id!: ServerId", instance_id as "instance_id!: InstanceId",
               environment_type as "environment!: EnvironmentType", placement_group, anti_affinity as "anti_affinity!",
               memory_bytes as "memory_bytes!", cpu_millis, workers as "workers!", disk_bytes as "disk_bytes!"
           from ocore_residents($1)"#,
        &ids,
    )
    .fetch_all(conn)
    .await?;
    let mut residents: HashMap<ServerId, Vec<Resident>> = HashMap::new();
    for row in rows {
        let cores = cores.get(&row.server_id).copied().unwrap_or(1);
        let positive = |number: i64| u64::try_from(number).unwrap_or(0);
        let cpu = match row.cpu_millis {
            Some(millis) => u32::try_from(millis).unwrap_or(0),
            None => cpu_limit_millis(u32::try_from(row.workers).unwrap_or(0), cores),
        };
        residents.entry(row.server_id).or_default().push(Resident {
            id: row.instance_id,
            environment: row.environment,
            group: row.placement_group,
            anti_affinity: row.anti_affinity,
            amounts: Amounts {
                cpu_millis: cpu.into(),
                memory_bytes: positive(row.memory_bytes),
                disk_bytes: positive(row.disk_bytes),
            },
        });
    }
    Ok(residents)
}

/// Begins a part of a transaction that can be taken back, with the locks taken in it.
pub async fn try_out(conn: &mut PgConnection) -> Result<()> {
    sqlx::query("savepoint placement").execute(conn).await?;
    Ok(())
}

/// Takes that part back.
pub async fn let_go(conn: &mut PgConnection) -> Result<()> {
    sqlx::query("rollback to savepoint placement")
        .execute(conn)
        .await?;
    Ok(())
}
