//! The API under mixed load: 100 organizations with 1,000 servers and 10,000 instances, whose agents push meanwhile.
//!
//! Requests are begun at a steady rate, whether or not those before have been answered, and each one's time counts from when
//! it was due: a queue that forms is seen.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Context, Result, bail, ensure};
use chrono::{TimeDelta, Utc};
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request,
    body::Bytes,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use ocore_domain::{InstanceId, OrganizationId, ServerId, access::Permissions};
use ocore_store::{
    agents,
    api_keys::{self, NewApiKey},
    metrics::partitions,
};
use ocore_testbed::postgres::{Postgres, SUPERUSER};
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgPool;
use tokio::{
    net::TcpStream,
    sync::Mutex,
    task::JoinSet,
    time::{Duration, Instant, sleep, sleep_until},
};
use uuid::Uuid;

use crate::{
    ingest,
    ocore::Ocore,
    report::{Figures, Target, quantile},
};

const ORGANIZATIONS: usize = 100;
const SERVERS_EACH: i32 = 10;
const INSTANCES_EACH: i32 = 10;
/// Requests a second that have to be borne.
const RATE: u32 = 500;
/// How long each rate is held.
const HELD: Duration = Duration::from_secs(30);
/// Seconds of which the output tells by themselves.
const PART: u64 = 3;
/// Connections of those who ask.
const CLIENTS: usize = 64;
/// Seconds between two pushes of an agent.
const PUSH: u64 = 30;
/// PostgreSQL as `deploy/docker-compose.prod.yml` starts it: who has such a fleet does not run what oCore brings along, which
/// is sized for a small machine.
const SETTINGS: [&str; 8] = [
    "fsync=on",
    "max_connections=300",
    "shared_buffers=2GB",
    "effective_cache_size=6GB",
    "max_wal_size=4GB",
    "checkpoint_timeout=15min",
    "random_page_cost=1.1",
    "jit=off",
];

/// What may be asked, and how often of a hundred.
const MIX: [(usize, Asked); 12] = [
    (30, Asked::Instances),
    (15, Asked::Instance),
    (10, Asked::Servers),
    (5, Asked::Server),
    (10, Asked::Operations),
    (5, Asked::Steps),
    (5, Asked::Activity),
    (5, Asked::Chart),
    (5, Asked::AlertCount),
    (2, Asked::Audit),
    (3, Asked::Placement),
    (5, Asked::Change),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Instances,
    Instance,
    Servers,
    Server,
    Operations,
    Steps,
    Activity,
    Chart,
    AlertCount,
    Audit,
    Placement,
    Change,
}

/// A request that was answered.
struct Answered {
    asked: Asked,
    /// Since the load began.
    due: Duration,
    /// From when it was due, in ms.
    took: f64,
}

/// What one organization has, and what opens it.
struct Customer {
    authorization: String,
    servers: Vec<ServerId>,
    instances: Vec<InstanceId>,
    operations: Vec<Uuid>,
}

pub async fn run(binary: &Path) -> Result<Figures> {
    let postgres = Postgres::start_packaged(&SETTINGS)?;
    postgres.sql(SUPERUSER, "create database ocore")?;
    let database = format!("postgres://{SUPERUSER}@127.0.0.1:{}/ocore", postgres.port());
    measure(binary, &database).await
}

async fn measure(binary: &Path, database: &str) -> Result<Figures> {
    // It makes the tables.
    drop(Ocore::start_on(binary, "warn", Some(database))?);
    let pool = PgPool::connect(database).await?;
    let customers = Arc::new(fill(&pool).await?);
    let agents = enroll(&pool, &customers).await?;
    let ocore = Ocore::start_on(binary, "warn", Some(database))?;
    let address = ocore.url().trim_start_matches("http://").to_owned();

    let pushing = tokio::spawn(push(address.clone(), agents));
    // Every agent has been heard, servers whose SSH is refused have been told of, and every connection has its statements
    // prepared: PostgreSQL keeps a plan from the sixth time on.
    sleep(Duration::from_secs(PUSH) * 3).await;
    load(&address, &customers, RATE, Duration::from_secs(15)).await?;

    let mut figures = Figures::default();
    for (rate, names, most) in [
        (
            RATE,
            [
                "mixed requests, 500 a second: p50",
                "mixed requests, 500 a second: p99",
            ],
            Some(50.0),
        ),
        (RATE * 2, ["1,000 a second: p50", "1,000 a second: p99"], None),
        (RATE * 3, ["1,500 a second: p50", "1,500 a second: p99"], None),
        (RATE * 4, ["2,000 a second: p50", "2,000 a second: p99"], None),
    ] {
        let before = ocore.cpu()?;
        let answered = load(&address, &customers, rate, HELD).await?;
        let cpu = (ocore.cpu()? - before) / HELD.as_secs_f64() * 100.0;
        println!(
            "  {rate}/s: {cpu:.0} % of a core by ocore, {:.0} MB",
            ocore.resident()?
        );
        tell(&answered);
        let took: Vec<f64> = answered.iter().map(|answered| answered.took).collect();
        figures.add(names[0], quantile(&took, 0.5), "ms", None);
        figures.add(names[1], quantile(&took, 0.99), "ms", most.map(Target::AtMost));
        if rate == RATE {
            figures.add("the same: ocore's share of a core", cpu, "%", None);
        }
    }
    let most = Some(Target::AtMost(256.0));
    figures.add(
        "resident with that fleet, after the load",
        ocore.resident()?,
        "MB",
        most,
    );
    if pushing.is_finished() {
        pushing.await??;
        bail!("the agents stopped pushing");
    }
    pushing.abort();
    Ok(figures)
}

/// Which requests took long, and when, for who looks for the reason.
fn tell(answered: &[Answered]) {
    let told = |which: &dyn Fn(&Answered) -> bool| {
        let took = answered.iter().filter(|answered| which(answered));
        let took: Vec<f64> = took.map(|answered| answered.took).collect();
        format!("{:.1}/{:.1}", quantile(&took, 0.5), quantile(&took, 0.99))
    };
    let kinds = MIX.map(|(_, asked)| format!("{asked:?} {}", told(&|answered| answered.asked == asked)));
    println!("  p50/p99 in ms: {}", kinds.join(", "));
    let parts = HELD.as_secs() / PART;
    let parts = (0..parts).map(|part| told(&|answered| answered.due.as_secs() / PART == part));
    println!("  every {PART} s: {}", parts.collect::<Vec<_>>().join(", "));
}

/// The organizations with all that is theirs, and a history.
async fn fill(pool: &PgPool) -> Result<Vec<Customer>> {
    let settings = ocore_domain::instance::Settings::new("odoo:19".to_owned(), 2, 1 << 30);
    sqlx::query(
        "insert into organizations (id, name, slug)
         select gen_random_uuid(), 'Customer ' || n, 'customer-' || n from generate_series(1, $1) n",
    )
    .bind(i32::try_from(ORGANIZATIONS)?)
    .execute(pool)
    .await?;
    sqlx::query(
        "insert into servers (id, organization_id, name, host, port, ssh_user, auth_method, postgres_password_sealed,
             max_ssh_sessions, status)
         select gen_random_uuid(), o.id, o.slug || '-' || n, '127.0.0.1', 9, 'root', 'key', '', 8, 'active'
         from organizations o, generate_series(1, $1) n where o.slug like 'customer-%'",
    )
    .bind(SERVERS_EACH)
    .execute(pool)
    .await?;
    sqlx::query(
        "insert into instances (id, organization_id, server_id, name, slug, odoo_version, odoo_edition,
             environment_type, status, settings, env_values_sealed, database_password_sealed, master_password_sealed)
         select gen_random_uuid(), s.organization_id, s.id, s.name || ' ' || n, s.name || '-' || n, '19.0', 'community',
             'production', 'running', $2, '', '', ''
         from servers s, generate_series(1, $1) n",
    )
    .bind(INSTANCES_EACH)
    .bind(serde_json::to_value(settings)?)
    .execute(pool)
    .await?;
    // A history: ten operations of three steps, and ten lines, of each instance.
    sqlx::query(
        "insert into operations (id, organization_id, kind, subject_kind, subject_id, subject_name, server_id, params, state,
             created_at, run_at, started_at, finished_at, attempt)
         select gen_random_uuid(), i.organization_id, 'instance.restart', 'instance', i.id, i.name, i.server_id, '{}', 'done',
             t.at, t.at, t.at, t.at, 1
         from instances i, generate_series(1, 10) n, lateral (select now() - n * interval '1 day' as at) t",
    )
    .execute(pool)
    .await?;
    sqlx::query(
        "insert into operation_steps (operation_id, position, name, title, state, started_at, finished_at)
         select o.id, n, 'step' || n, 'Step ' || n, 'done', o.started_at, o.finished_at
         from operations o, generate_series(0, 2) n",
    )
    .execute(pool)
    .await?;
    sqlx::query(
        "insert into activity (organization_id, at, subject_kind, subject_id, kind, message)
         select i.organization_id, now() - n * interval '1 day', 'instance', i.id, 'instance.restarted', 'Restarted'
         from instances i, generate_series(1, 10) n",
    )
    .execute(pool)
    .await?;
    partitions::maintain(&mut *pool.acquire().await?).await?;
    ingest::week_of_instances(pool).await?;
    // What autovacuum would have done by now. It leaves alone what nothing was written to: partitions of the hours to come.
    sqlx::query(
        "vacuum analyze organizations, servers, instances, operations, operation_steps, activity, instance_rollups",
    )
    .execute(pool)
    .await?;
    let mut customers = Vec::new();
    let organizations: Vec<Uuid> =
        sqlx::query_scalar("select id from organizations where slug like 'customer-%' order by slug")
            .fetch_all(pool)
            .await?;
    for organization in organizations {
        customers.push(customer(pool, organization).await?);
    }
    Ok(customers)
}

async fn customer(pool: &PgPool, organization: Uuid) -> Result<Customer> {
    let key = NewApiKey {
        organization: OrganizationId::from(organization),
        name: "bench".to_owned(),
        permissions: Permissions::all(),
        scope: ocore_domain::access::Scope::default(),
        is_server_admin: false,
        created_by: None,
        for_user: None,
        expires_at: None,
    };
    let (_, key) = api_keys::create(&mut *pool.acquire().await?, &key).await?;
    let ids = async |table: &str| {
        let query = format!("select id from {table} where organization_id = $1 order by id limit 100");
        sqlx::query_scalar::<_, Uuid>(sqlx::AssertSqlSafe(query))
            .bind(organization)
            .fetch_all(pool)
            .await
    };
    Ok(Customer {
        authorization: format!("Bearer {}", key.expose_secret()),
        servers: ids("servers").await?.into_iter().map(ServerId::from).collect(),
        instances: ids("instances")
            .await?
            .into_iter()
            .map(InstanceId::from)
            .collect(),
        operations: ids("operations").await?,
    })
}

/// An agent of each server: its token, and a push of its own.
async fn enroll(
    pool: &PgPool,
    customers: &[Customer],
) -> Result<Vec<(SecretString, ocore_telemetry::Batch)>> {
    let mut conn = pool.acquire().await?;
    let rows: Vec<(Uuid, Uuid, Vec<Uuid>)> = sqlx::query_as(
        "select organization_id, server_id, array_agg(id) from instances group by organization_id, server_id",
    )
    .fetch_all(pool)
    .await?;
    ensure!(
        rows.len() == customers.len() * usize::try_from(SERVERS_EACH)?,
        "servers are missing"
    );
    let mut agents = Vec::new();
    for (organization, server, instances) in rows {
        let token = agents::enroll(&mut conn, organization.into(), server.into()).await?;
        let instances: Vec<InstanceId> = instances.into_iter().map(InstanceId::from).collect();
        agents.push((token, ingest::push(&instances)));
    }
    Ok(agents)
}

/// Every agent pushes every 30 seconds, one after the other.
async fn push(address: String, agents: Vec<(SecretString, ocore_telemetry::Batch)>) -> Result<()> {
    let pause = Duration::from_secs(PUSH) / u32::try_from(agents.len())?;
    let mut due = Instant::now();
    let mut client = connect(&address).await?;
    loop {
        for (token, batch) in &agents {
            sleep_until(due).await;
            due += pause;
            let mut batch = batch.clone();
            for (back, sample) in batch.samples.iter_mut().rev().enumerate() {
                sample.at = (Utc::now() - TimeDelta::seconds(10 * i64::try_from(back)?)).timestamp_millis();
            }
            let request = Request::post("/api/agent/metrics")
                .header("host", "localhost")
                .header("authorization", format!("Bearer {}", token.expose_secret()))
                .header("content-type", ocore_telemetry::CONTENT_TYPE)
                .body(Full::new(Bytes::from(batch.encode()?)))?;
            send(&mut client, request).await.context("a push")?;
        }
    }
}

/// Asks at a steady rate. None may fail.
async fn load(
    address: &str,
    customers: &Arc<Vec<Customer>>,
    rate: u32,
    held: Duration,
) -> Result<Vec<Answered>> {
    let all = usize::try_from(rate)? * usize::try_from(held.as_secs())?;
    let next = Arc::new(AtomicUsize::new(0));
    let took = Arc::new(Mutex::new(Vec::with_capacity(all)));
    let began = Instant::now() + Duration::from_millis(100);
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (customers, next, took) = (customers.clone(), next.clone(), took.clone());
        let mut client = connect(address).await?;
        clients.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= all {
                    break;
                }
                let due = began + Duration::from_secs(1) * u32::try_from(number)? / rate;
                sleep_until(due).await;
                let (asked, request) = request(&customers, number)?;
                send(&mut client, request)
                    .await
                    .with_context(|| format!("{asked:?}"))?;
                mine.push(Answered {
                    asked,
                    due: due.duration_since(began),
                    took: due.elapsed().as_secs_f64() * 1e3,
                });
            }
            took.lock().await.extend(mine);
            anyhow::Ok(())
        });
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    Ok(std::mem::take(&mut *took.lock().await))
}

/// The request of a number: always the same, and as if by chance.
fn request(customers: &[Customer], number: usize) -> Result<(Asked, Request<Full<Bytes>>)> {
    let chance = number.wrapping_mul(2_654_435_761) >> 7;
    let customer = &customers[chance % customers.len()];
    let mut place = (chance / 7) % 100;
    let asked = MIX
        .iter()
        .find_map(|(share, asked)| {
            if place < *share {
                return Some(*asked);
            }
            place -= share;
            None
        })
        .unwrap_or(Asked::Instances);
    let of = chance / 1_000;
    let server = customer.servers[of % customer.servers.len()];
    let instance = customer.instances[of % customer.instances.len()];
    let operation = customer.operations[of % customer.operations.len()];
    let (method, path, body) = match asked {
        Asked::Instances => (Method::GET, "/api/instances?limit=50".to_owned(), String::new()),
        Asked::Instance => (Method::GET, format!("/api/instances/{instance}"), String::new()),
        Asked::Servers => (Method::GET, "/api/servers?limit=50".to_owned(), String::new()),
        Asked::Server => (Method::GET, format!("/api/servers/{server}"), String::new()),
        Asked::Operations => (Method::GET, "/api/operations?limit=50".to_owned(), String::new()),
        Asked::Steps => (
            Method::GET,
            format!("/api/operations/{operation}/steps"),
            String::new(),
        ),
        Asked::Activity => (Method::GET, "/api/activity?limit=50".to_owned(), String::new()),
        Asked::Chart => {
            let path = format!("/api/instances/{instance}/monitoring/metrics?period=7d");
            (Method::GET, path, String::new())
        }
        Asked::AlertCount => (
            Method::GET,
            "/api/monitoring/alerts/count".to_owned(),
            String::new(),
        ),
        Asked::Audit => (Method::GET, "/api/audit-logs?limit=50".to_owned(), String::new()),
        Asked::Placement => {
            let body = r#"{"workers":2,"memoryLimitBytes":1073741824}"#.to_owned();
            (Method::POST, "/api/placement".to_owned(), body)
        }
        Asked::Change => {
            let body = format!(r#"{{"description":"changed by request {number}"}}"#);
            (Method::PATCH, format!("/api/servers/{server}"), body)
        }
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .header("authorization", &customer.authorization)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))?;
    Ok((asked, request))
}

type Client = SendRequest<Full<Bytes>>;

async fn connect(address: &str) -> Result<Client> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (client, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn send(client: &mut Client, request: Request<Full<Bytes>>) -> Result<Bytes> {
    client.ready().await?;
    let response = client.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    ensure!(
        status.is_success(),
        "{status}: {}",
        String::from_utf8_lossy(&body)
    );
    Ok(body)
}
