//! What was measured, by the API and for Prometheus.

use axum::{body::Body, http::Request};
use chrono::{TimeDelta, Utc};
use ocore_domain::{
    InstanceId, OrganizationId, ServerId,
    access::{Permission, Permissions, Resource, Scope},
    instance::Settings,
};
use ocore_store::metrics::{self, Source, partitions};
use ocore_telemetry::{Batch, Container, Cpu, Filesystem, Host, Memory, Network, Process, Sample};
use serde_json::Value;
use sqlx::PgPool;

use crate::{
    callers,
    support::{Client, installation},
};

const TOKEN: &str = "a token for figures of 32 letters";

async fn instance(pool: &PgPool, server: ServerId, slug: &str) -> InstanceId {
    let id = InstanceId::new();
    sqlx::query(
        "insert into instances (id, organization_id, server_id, name, slug, odoo_version, odoo_edition,
             environment_type, status, settings, env_values_sealed, database_password_sealed, master_password_sealed)
         select $1, organization_id, id, $3, $3, '19.0', 'community', 'production', 'running',
             $4, '', '', '' from servers where id = $2",
    )
    .bind(id.uuid())
    .bind(server.uuid())
    .bind(slug)
    .bind(serde_json::to_value(Settings::new("odoo:19".to_owned(), 0, 1 << 30)).unwrap())
    .execute(pool)
    .await
    .unwrap();
    id
}

fn sample(seconds_ago: i64, instances: &[InstanceId]) -> Sample {
    Sample {
        at: (Utc::now() - TimeDelta::seconds(seconds_ago)).timestamp_millis(),
        host: Host {
            interval: 10.0,
            cpu: Cpu {
                usage: 40.0,
                ..Cpu::default()
            },
            load: [0.5, 1.0, 1.5],
            memory: Memory {
                total: 1000,
                available: 250,
                ..Memory::default()
            },
            filesystems: vec![Filesystem {
                total: 2000,
                available: 500,
                ..Filesystem::default()
            }],
            networks: vec![Network {
                received: 5000,
                ..Network::default()
            }],
            top: instances
                .iter()
                .map(|id| Process {
                    name: "odoo".to_owned(),
                    container: Some(format!("ocore-{id}")),
                    ..Process::default()
                })
                .collect(),
            ..Host::default()
        },
        containers: instances
            .iter()
            .map(|id| Container {
                name: format!("ocore-{id}"),
                instance: Some(id.to_string()),
                cpu: 12.5,
                memory: 77,
                ..Container::default()
            })
            .collect(),
        ..Sample::default()
    }
}

async fn told(pool: &PgPool, server: ServerId, samples: Vec<Sample>) {
    let batch = Batch {
        samples,
        ..Batch::default()
    };
    let mut conn = pool.acquire().await.unwrap();
    metrics::ingest(&mut conn, OrganizationId::DEFAULT, server, Source::Agent, &batch)
        .await
        .unwrap();
}

fn viewer() -> Permissions {
    [Permission::view(Resource::Monitoring)].into_iter().collect()
}

#[sqlx::test(migrations = "../store/migrations")]
async fn charts_have_the_documented_fields_and_gaps(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    let server = client.active_server("one").await;
    let instance = instance(&pool, server, "acme").await;
    let nothing = client.get("/api/servers/one/metrics").await.ok(200);
    assert_eq!(
        (&nothing["data"], &nothing["observedAt"]),
        (&Value::Array(vec![]), &Value::Null)
    );
    client
        .get("/api/servers/one/metrics/latest")
        .await
        .problem(404, "resource.not_found");

    told(
        &pool,
        server,
        vec![
            sample(600, &[instance]),
            sample(20, &[instance]),
            sample(10, &[instance]),
        ],
    )
    .await;
    let chart = client.get("/api/servers/one/metrics").await.ok(200);
    assert_eq!(
        (&chart["period"], &chart["resolutionSeconds"]),
        (&"1h".into(), &10.into())
    );
    assert_eq!(chart["source"], "agent");
    // Nothing was measured for ten minutes: so there are no points, and above all no zeros.
    let data = chart["data"].as_array().unwrap();
    assert_eq!(data.len(), 3);
    let point = &data[0];
    for (field, value) in [
        ("cpuUsagePercent", 40.0),
        ("cpuLoad1m", 0.5),
        ("cpuLoad15m", 1.5),
        ("ramTotalBytes", 1000.0),
        ("ramUsedBytes", 750.0),
        ("ramAvailableBytes", 250.0),
        ("ramUsagePercent", 75.0),
        ("diskUsedBytes", 1500.0),
        ("diskUsagePercent", 75.0),
        ("networkRxBytes", 5000.0),
        ("networkTxBytes", 0.0),
    ] {
        assert_eq!(point[field].as_f64(), Some(value), "{field} of {point}");
    }
    assert!(point["collectedAt"].is_string() && point["uptimeSeconds"].is_number());

    let chart = client.get("/api/instances/acme/monitoring/metrics").await.ok(200);
    assert_eq!(chart["data"].as_array().unwrap().len(), 3);
    assert_eq!(chart["data"][0]["memoryBytes"], 77);
    assert_eq!(chart["data"][0]["cpuUsagePercent"], 12.5);

    // Ten minutes ago is rolled up by now.
    let mut conn = pool.acquire().await.unwrap();
    partitions::maintain(&mut conn).await.unwrap();
    metrics::roll_up(&mut conn).await.unwrap();
    for (period, resolution, least) in [("6h", 60, 1), ("24h", 600, 0), ("7d", 600, 0), ("30d", 7200, 0)] {
        let path = format!("/api/servers/one/metrics?period={period}");
        let chart = client.get(&path).await.ok(200);
        assert_eq!(chart["resolutionSeconds"], resolution, "{period}");
        assert!(
            chart["data"].as_array().unwrap().len() >= least,
            "{period}: {chart}"
        );
        let path = format!("/api/instances/acme/monitoring/metrics?period={period}");
        let chart = client.get(&path).await.ok(200);
        assert!(
            chart["data"].as_array().unwrap().len() >= least,
            "{period}: {chart}"
        );
    }
    let wrong = client.get("/api/servers/one/metrics?period=2h").await;
    assert_eq!(wrong.fields(), ["period"]);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn who_is_limited_sees_nothing_of_other_instances(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    let server = client.active_server("one").await;
    let (own, other) = (
        instance(&pool, server, "own").await,
        instance(&pool, server, "other").await,
    );
    told(&pool, server, vec![sample(10, &[own, other])]).await;
    let latest = client.get("/api/servers/one/metrics/latest").await.ok(200);
    assert_eq!(latest["cpuUsagePercent"], 40.0);
    assert_eq!(latest["ramUsagePercent"], 75.0);
    assert_eq!(latest["detail"]["containers"].as_array().unwrap().len(), 2);

    let scope = Scope {
        instances: Some([own].into()),
        ..Scope::default()
    };
    let key = callers::key(
        &pool,
        OrganizationId::DEFAULT,
        viewer(),
        scope,
        TimeDelta::hours(1),
    )
    .await;
    let limited = client.with_token(&key);
    let reply = limited.get("/api/servers/one/metrics/latest").await;
    assert_eq!(
        reply.ok(200)["detail"]["containers"][0]["instance"],
        own.to_string()
    );
    assert!(!reply.text.contains(&other.to_string()), "{}", reply.text);
    limited.get("/api/instances/own/monitoring/metrics").await.ok(200);
    limited
        .get("/api/instances/other/monitoring/metrics")
        .await
        .problem(404, "resource.not_found");
    // The rows themselves are walled off too.
    let theirs = limited
        .get(&format!("/api/instances/{other}/monitoring/metrics"))
        .await;
    theirs.problem(404, "resource.not_found");

    // To look at servers is another permission.
    let servers = [Permission::view(Resource::Servers)].into_iter().collect();
    let key = callers::key(
        &pool,
        OrganizationId::DEFAULT,
        servers,
        Scope::default(),
        TimeDelta::hours(1),
    )
    .await;
    client
        .with_token(&key)
        .get("/api/servers/one/metrics")
        .await
        .problem(403, "auth.forbidden");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn prometheus_reads_with_its_token_and_that_opens_nothing_else(pool: PgPool) {
    let client = Client::with(
        pool.clone(),
        installation().with_metrics_token(&TOKEN.to_owned().into()),
    )
    .await;
    let server = client.active_server("rack-7").await;
    let instance = instance(&pool, server, "acme").await;
    told(&pool, server, vec![sample(10, &[instance])]).await;
    let prometheus = client.with_token(TOKEN);
    let own = prometheus.get("/metrics").await;
    assert_eq!(own.status, 200, "{}", own.text);
    assert!(
        own.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    for figure in [
        "process_resident_memory_bytes ",
        "ocore_http_requests_total{method=\"POST\",route=\"/api/servers\",status=\"202\"}",
        "ocore_http_request_duration_seconds_bucket{",
        "ocore_operations_of_a_day{kind=\"server_validate\",state=\"cancelled\"} 1",
        "ocore_database_connections_max ",
        "ocore_ssh_connections 0",
        "ocore_samples_total{source=\"agent\"}",
        "ocore_leader ",
    ] {
        assert!(own.text.contains(figure), "{figure} in {}", own.text);
    }
    assert!(own.text.ends_with("# EOF\n"));
    for name in ["rack-7", "acme", &server.to_string()] {
        assert!(!own.text.contains(name), "{name} is in {}", own.text);
    }
    let fleet = prometheus.get("/metrics/fleet").await.text;
    for figure in [
        "ocore_server_up{organization=\"default\",server=\"rack-7\"} 1",
        "ocore_server_cpu_usage_percent{organization=\"default\",server=\"rack-7\"} 40.0",
        "ocore_server_network_receive_bytes_per_second{organization=\"default\",server=\"rack-7\"} 500.0",
        "ocore_instance_memory_bytes{organization=\"default\",server=\"rack-7\",instance=\"acme\"} 77.0",
    ] {
        assert!(fleet.contains(figure), "{figure} in {fleet}");
    }

    for path in [
        "/api/servers",
        "/api/admin/organizations",
        "/api/user/profile",
        "/metrics/",
        "/api/metrics",
    ] {
        let status = prometheus.get(path).await.status.as_u16();
        assert!([401, 404].contains(&status), "{path}: {status}");
    }
    // The administrator's key is good too; nobody else's, and no token is not.
    assert_eq!(client.get("/metrics/fleet").await.status, 200);
    let key = callers::key(
        &pool,
        OrganizationId::DEFAULT,
        viewer(),
        Scope::default(),
        TimeDelta::hours(1),
    )
    .await;
    for path in ["/metrics", "/metrics/fleet"] {
        client
            .with_token(&key)
            .get(path)
            .await
            .problem(403, "auth.forbidden");
        client
            .with_token("another token of 32 characters...")
            .get(path)
            .await
            .problem(401, "auth.unauthenticated");
        let nobody = Request::get(path).body(Body::empty()).unwrap();
        client.raw(nobody).await.problem(401, "auth.unauthenticated");
    }
    // Without a token configured none is good, an empty one neither.
    let closed = Client::new(pool.clone()).await;
    closed
        .with_token(TOKEN)
        .get("/metrics")
        .await
        .problem(401, "auth.unauthenticated");
    let empty = Request::get("/metrics")
        .header("authorization", "Bearer ")
        .body(Body::empty())
        .unwrap();
    closed.raw(empty).await.problem(401, "auth.unauthenticated");
}

/// What the dashboard and the rules in `deploy/` ask for is there.
#[test]
fn dashboard_and_rules_name_figures_that_there_are() {
    let given = [
        include_str!("../../src/prometheus/own.rs"),
        include_str!("../../src/prometheus/http.rs"),
        include_str!("../../src/prometheus/fleet.rs"),
    ]
    .concat();
    let dashboard = include_str!("../../../../deploy/grafana/ocore-dashboard.json");
    let parsed: Value = serde_json::from_str(dashboard).unwrap();
    assert!(parsed["panels"].as_array().unwrap().len() > 20);
    let rules = include_str!("../../../../deploy/prometheus/alerts.yml");
    let mut asked = 0;
    for word in [dashboard, rules]
        .concat()
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("ocore_") || word.starts_with("process_"))
    {
        let name = ["_total", "_bucket"]
            .iter()
            .find_map(|end| word.strip_suffix(end))
            .unwrap_or(word);
        assert!(
            given.contains(&format!("\"{name}\"")),
            "{word} is no figure of ours"
        );
        asked += 1;
    }
    assert!(asked > 40, "{asked}");
}
