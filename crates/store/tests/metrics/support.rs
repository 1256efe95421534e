//! A server with instances, and samples of it.

use chrono::{DateTime, Utc};
use ocore_domain::{InstanceId, OrganizationId, ServerId};
use ocore_telemetry::{
    Batch, Container, Cpu, Database, Disk, Filesystem, Host, Memory, Network, Odoo, Postgres, Pressure,
    Process, Sample,
};
use sqlx::{AssertSqlSafe, PgConnection};

pub(crate) const ORGANIZATION: OrganizationId = OrganizationId::DEFAULT;

pub(crate) async fn server(conn: &mut PgConnection) -> ServerId {
    let id = ServerId::new();
    sqlx::query(
        "insert into servers (id, organization_id, name, host, port, ssh_user, auth_method, postgres_password_sealed,
             max_ssh_sessions, status)
         values ($1, $2, $1::text, '192.0.2.1', 22, 'root', 'key', '', 8, 'active')",
    )
    .bind(id.uuid())
    .bind(ORGANIZATION.uuid())
    .execute(conn)
    .await
    .unwrap();
    id
}

pub(crate) async fn instance(conn: &mut PgConnection, server: ServerId) -> InstanceId {
    let id = InstanceId::new();
    sqlx::query(
        "insert into instances (id, organization_id, server_id, name, slug, odoo_version, odoo_edition,
             environment_type, status, settings, env_values_sealed, database_password_sealed, master_password_sealed)
         values ($1, $2, $3, $1::text, $1::text, '19.0', 'community', 'production', 'running', '{}', '', '', '')",
    )
    .bind(id.uuid())
    .bind(ORGANIZATION.uuid())
    .bind(server.uuid())
    .execute(conn)
    .await
    .unwrap();
    id
}

/// A sample in which nothing is zero and nothing is missing.
pub(crate) fn sample(at: DateTime<Utc>, instances: &[InstanceId]) -> Sample {
    Sample {
        at: at.timestamp_millis(),
        host: Host {
            interval: 10.0,
            uptime: 1000,
            cpu: Cpu {
                usage: 50.0,
                user: 30.0,
                system: 20.0,
                iowait: 5.0,
                steal: 1.0,
            },
            cores: vec![40.0, 60.0],
            load: [1.0, 2.0, 3.0],
            memory: Memory {
                total: 8 << 30,
                available: 3 << 30,
                cached: 1 << 30,
                swap_total: 1 << 30,
                swap_used: 1 << 20,
            },
            pressure: Some(Pressure {
                cpu: 1.0,
                memory: 2.0,
                io: 3.0,
            }),
            filesystems: vec![Filesystem {
                mount: "/".to_owned(),
                total: 100 << 30,
                available: 40 << 30,
                inodes: 1000,
                inodes_free: 750,
            }],
            disks: vec![disk("vda", 1000, 4.0, 10.0), disk("vdb", 500, 8.0, 5.0)],
            networks: vec![Network {
                name: "eth0".to_owned(),
                received: 1000,
                sent: 2000,
                errors: 1,
            }],
            processes: 120,
            blocked: 2,
            oom_kills: 1,
            top: vec![Process {
                pid: 7,
                name: "odoo".to_owned(),
                cpu: 90.0,
                memory: 1 << 29,
                container: Some("ocore-acme".to_owned()),
            }],
        },
        containers: instances.iter().map(|id| container(&id.to_string())).collect(),
        postgres: Some(Postgres {
            connections: 12,
            max_connections: 100,
            longest_query: 1.5,
            longest_transaction: 2.5,
            waiting_locks: 1,
            cache_hits: Some(99.0),
            databases: vec![Database {
                name: "acme".to_owned(),
                size: 1 << 25,
                connections: 3,
            }],
        }),
        odoo: instances.iter().map(|id| odoo(&id.to_string())).collect(),
    }
}

fn disk(name: &str, read: u64, await_ms: f32, utilization: f32) -> Disk {
    Disk {
        name: name.to_owned(),
        read,
        written: 2 * read,
        requests: 10,
        await_ms,
        utilization,
    }
}

pub(crate) fn container(instance: &str) -> Container {
    Container {
        name: "ocore-acme".to_owned(),
        instance: Some(instance.to_owned()),
        cpu: 80.0,
        memory: 1 << 29,
        memory_limit: Some(1 << 31),
        throttled: 3.0,
        oom_kills: 1,
        received: 10,
        sent: 20,
        read: 30,
        written: 40,
        processes: 9,
    }
}

fn odoo(instance: &str) -> Odoo {
    Odoo {
        instance: instance.to_owned(),
        workers: Some(2),
        worker_memory: Some(1 << 28),
        workers_resident: Some(1 << 27),
        cron_lag: Some(4.0),
        longest_request: Some(250.0),
        requests: Some(33),
        filestore: Some(1 << 26),
        database: Some(1 << 25),
    }
}

pub(crate) fn batch(samples: Vec<Sample>) -> Batch {
    Batch {
        version: "0.1.0".to_owned(),
        boot_id: "boot".to_owned(),
        lost: 0,
        samples,
    }
}

pub(crate) async fn count(conn: &mut PgConnection, table: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from {table}")))
        .fetch_one(conn)
        .await
        .unwrap()
}
