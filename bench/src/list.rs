//! A page of instances by the API, beside a bare axum handler with one query of the same rows.
//!
//! Both run in this process, over TCP, with a pool of the same size on the same PostgreSQL; the load comes from here too, so
//! that what it costs is the same for both.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context, Result, ensure};
use axum::{Json, Router, extract::State, routing::get};
use chrono::{DateTime, TimeDelta, Utc};
use http_body_util::{BodyExt, Empty};
use hyper::{
    Request,
    body::Bytes,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use ocore_api::{
    Api, Installation, Proxies, Settings, Signup,
    limits::{Quota, Quotas},
};
use ocore_domain::OrganizationId;
use ocore_operations::Hands;
use ocore_store::{
    Sealer, Store,
    api_keys::{self, NewApiKey},
    embedded::Embedded,
    migrate,
    notifications::Notifications,
};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::Value;
use sqlx::{FromRow, PgPool};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    queue::CONNECTIONS,
    report::{Figures, Target, median, quantile},
};

const INSTANCES: i32 = 10_000;
/// Requests at once.
const CLIENTS: usize = 16;
/// How long each of the two is asked in a round.
const ROUND: Duration = Duration::from_secs(5);
const ROUNDS: usize = 5;

pub async fn run() -> Result<Figures> {
    let folder = tempfile::tempdir()?;
    let postgres = Embedded::start(folder.path(), None)
        .await
        .map_err(|problem| anyhow::anyhow!("{problem}"))?;
    let measured = measure(&postgres).await;
    postgres.stop().await;
    measured
}

async fn measure(postgres: &Embedded) -> Result<Figures> {
    let sealer = Sealer::new(&"a key for a benchmark of 32 chars".to_owned().into(), &[]);
    let store = Store::connect(&postgres.url(), 2..=CONNECTIONS, sealer.clone()).await?;
    migrate(store.pool()).await?;
    fill(store.pool(), INSTANCES).await?;
    let key = NewApiKey::administrator(OrganizationId::DEFAULT, "bench");
    let (_, key) = api_keys::create(&mut *store.connection().await?, &key).await?;
    let authorization = format!("Bearer {}", key.expose_secret());

    let notifications = Notifications::listen(store.pool().clone());
    let hands = Hands::new(store.clone(), notifications.clone());
    let api = Api::new(
        store.clone(),
        notifications,
        hands,
        CancellationToken::new(),
        installation()?,
    );
    let ours = serve(ocore_api::router(api)).await?;
    let pool = Store::connect(&postgres.url(), 2..=CONNECTIONS, sealer).await?;
    let bare = Router::new()
        .route("/api/instances", get(list))
        .with_state(pool.pool().clone());
    let bare = serve(bare).await?;
    let same = (
        rows(ours, &authorization).await?,
        rows(bare, &authorization).await?,
    );
    ensure!(
        same.0 == same.1 && same.0.len() == 50,
        "they answer different rows"
    );

    let (mut rates, mut bare_rates) = (vec![], vec![]);
    let (mut latencies, mut bare_latencies) = (vec![], vec![]);
    for round in 0..=ROUNDS {
        let first = load(ours, &authorization).await?;
        let second = load(bare, &authorization).await?;
        if round == 0 {
            // Connections are opened and statements prepared.
            continue;
        }
        println!("  round: {:.0}/s, bare {:.0}/s", rate(&first), rate(&second));
        rates.push(rate(&first));
        bare_rates.push(rate(&second));
        latencies.extend(first);
        bare_latencies.extend(second);
    }
    let mut figures = Figures::default();
    let (rate, bare_rate) = (median(&rates), median(&bare_rates));
    figures.add("50 of 10,000 instances by the API", rate, "/s", None);
    figures.add("the same by one bare query", bare_rate, "/s", None);
    figures.add("API / bare", rate / bare_rate, "×", Some(Target::AtLeast(0.6)));
    figures.add(
        "a page by the API, p99",
        quantile(&mut latencies, 0.99),
        "ms",
        None,
    );
    figures.add(
        "the same bare, p99",
        quantile(&mut bare_latencies, 0.99),
        "ms",
        None,
    );
    Ok(figures)
}

fn installation() -> Result<Installation> {
    Ok(Installation::new(Settings {
        app_url: "http://localhost:3000".to_owned(),
        jwt_secret: "a key for a benchmark of 32 chars".to_owned().into(),
        access_expiry: TimeDelta::hours(1),
        refresh_expiry: TimeDelta::days(30),
        proxies: Proxies::default(),
        quotas: {
            let plenty: Quota = "1000000/1".parse().map_err(|()| anyhow::anyhow!("no quota"))?;
            Quotas {
                read: plenty,
                change: plenty,
                login: plenty,
            }
        },
        signup: Signup::Invited,
        development: true,
    })?)
}

/// So many instances on one server of the first organization.
pub async fn fill(pool: &PgPool, instances: i32) -> Result<()> {
    let settings = ocore_domain::instance::Settings::new("odoo:19".to_owned(), 2, 1 << 30);
    sqlx::query(
        "with server as (
             insert into servers (id, organization_id, name, host, port, ssh_user, auth_method,
                 postgres_password_sealed, max_ssh_sessions, status)
             values (gen_random_uuid(), $1, 'one', '192.0.2.1', 22, 'root', 'key', '', 8, 'active') returning id
         )
         insert into instances (id, organization_id, server_id, name, slug, odoo_version, odoo_edition,
             environment_type, status, settings, env_values_sealed, database_password_sealed, master_password_sealed)
         select gen_random_uuid(), $1, server.id, 'Instance ' || n, 'instance-' || n, '19.0', 'community', 'production',
             'running', $2, '', '', ''
         from server, generate_series(1, $3) n",
    )
    .bind(OrganizationId::DEFAULT.uuid())
    .bind(serde_json::to_value(settings)?)
    .bind(instances)
    .execute(pool)
    .await?;
    sqlx::query("analyze").execute(pool).await?;
    Ok(())
}

async fn serve(router: Router) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(axum::serve(listener, router).into_future());
    Ok(address)
}

/// What the API answers of an instance, as it stands in its row.
#[derive(FromRow, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: Uuid,
    name: String,
    slug: String,
    server_id: Uuid,
    server_name: String,
    odoo_version: String,
    odoo_edition: String,
    environment_type: String,
    status: String,
    status_message: Option<String>,
    settings: Value,
    env_names: Vec<String>,
    http_port: Option<i32>,
    longpolling_port: Option<i32>,
    health: String,
    health_detail: Option<String>,
    container_state: Option<String>,
    http_ok: Option<bool>,
    database_ok: Option<bool>,
    restart_count: i64,
    observed_at: Option<DateTime<Utc>>,
    last_seen_at: Option<DateTime<Utc>>,
    last_restart_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

async fn list(State(pool): State<PgPool>) -> Json<Value> {
    let rows: Result<Vec<Row>, _> = sqlx::query_as(
        "select i.id, i.name, i.slug, i.server_id, s.name as server_name, i.odoo_version, i.odoo_edition,
             i.environment_type, i.status, i.status_message, i.settings, i.env_names, i.http_port, i.longpolling_port,
             i.health, i.health_detail, i.container_state, i.http_ok, i.database_ok, i.restart_count, i.observed_at,
             i.last_seen_at, i.last_restart_at, i.created_at, i.updated_at
         from instances i join servers s on s.id = i.server_id
         where i.organization_id = $1 and i.status <> 'removed' order by lower(i.name) limit 50",
    )
    .bind(OrganizationId::DEFAULT.uuid())
    .fetch_all(&pool)
    .await;
    Json(serde_json::json!({ "data": rows.ok() }))
}

/// The ids that a page holds.
async fn rows(address: SocketAddr, authorization: &str) -> Result<Vec<String>> {
    let mut client = connect(address).await?;
    let body = ask(&mut client, authorization).await?;
    let body: Value = serde_json::from_slice(&body)?;
    let rows = body["data"].as_array().context("no rows")?;
    Ok(rows.iter().map(|row| row["id"].to_string()).collect())
}

/// Asks for pages with several clients at once; answers how long each page took, in ms.
async fn load(address: SocketAddr, authorization: &str) -> Result<Vec<f64>> {
    let authorization: Arc<str> = authorization.into();
    let until = Instant::now() + ROUND;
    let clients = (0..CLIENTS).map(|_| {
        let authorization = authorization.clone();
        tokio::spawn(async move {
            let mut client = connect(address).await?;
            let mut took = Vec::new();
            while Instant::now() < until {
                let began = Instant::now();
                ask(&mut client, &authorization).await?;
                took.push(began.elapsed().as_secs_f64() * 1000.0);
            }
            anyhow::Ok(took)
        })
    });
    let mut all = Vec::new();
    for client in clients.collect::<Vec<_>>() {
        all.extend(client.await??);
    }
    Ok(all)
}

type Client = SendRequest<Empty<Bytes>>;

async fn connect(address: SocketAddr) -> Result<Client> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (client, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn ask(client: &mut Client, authorization: &str) -> Result<Bytes> {
    let request = Request::get("/api/instances?limit=50")
        .header("host", "localhost")
        .header("authorization", authorization)
        .body(Empty::<Bytes>::new())?;
    client.ready().await?;
    let response = client.send_request(request).await?;
    ensure!(response.status() == 200, "{}", response.status());
    Ok(response.into_body().collect().await?.to_bytes())
}

#[expect(clippy::cast_precision_loss, reason = "counts of some ten thousands")]
fn rate(took: &[f64]) -> f64 {
    took.len() as f64 / ROUND.as_secs_f64()
}
