//! Capacity, advice, the inventory and recovery drills.

use ocore_domain::access::Scope;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{callers, support::Client};

/// Partitions for now, and a sample of a server for each of the last minutes. `figures` are columns set to something else.
async fn measured(pool: &PgPool, server: &str, figures: &str) {
    for statement in [
        "create table if not exists server_samples_test partition of server_samples
             for values from ('2000-01-01') to ('2100-01-01')"
            .to_owned(),
        format!(
            "insert into server_samples (organization_id, server_id, at, source, interval_seconds, uptime_seconds,
                 cpu_usage, cpu_user, cpu_system, cpu_iowait, cpu_steal, load_1m, load_5m, load_15m, ram_total,
                 ram_available, swap_total, swap_used, disk_total, disk_available, network_rx_bytes, network_tx_bytes)
             select organization_id, id, now() - make_interval(mins => m), 'agent', 10, 1000, 10, 5, 5, 0, 0, 1, 1, 1,
                 8000000000, 4000000000, 0, 0, 100000000000, 50000000000, 0, 0
             from servers, generate_series(1, 10) m where id = '{server}'"
        ),
        format!("update server_samples set {figures} where server_id = '{server}'"),
    ] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(pool).await.unwrap();
    }
}

async fn server(api: &Client, name: &str) -> String {
    api.active_server(name).await.to_string()
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_bottleneck_is_named_with_its_figures(pool: PgPool) {
    let api = Client::new(pool.clone()).await;
    let calm = server(&api, "calm").await;
    let busy = server(&api, "busy").await;
    server(&api, "silent").await;
    measured(&pool, &calm, "processes = 100").await;
    measured(
        &pool,
        &busy,
        "cpu_usage = 97, pg_connections = 99, pg_max_connections = 100",
    )
    .await;

    let advice = api.get("/api/advice").await.ok(200);
    assert_eq!(advice["minutes"], 15);
    assert_eq!(advice["total"], 2);
    assert_eq!(advice["unmeasured"], json!(["silent"]));
    let named: Vec<(&Value, &Value, &Value)> = advice["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            (
                &finding["symptom"],
                &finding["bottleneck"],
                &finding["subject"]["name"],
            )
        })
        .collect();
    assert_eq!(
        named,
        [
            (
                &json!("refused_connections"),
                &json!("connections"),
                &json!("busy")
            ),
            (&json!("slow_odoo"), &json!("cpu"), &json!("busy")),
        ]
    );
    let figure = &advice["findings"][1]["figures"][0];
    assert_eq!(
        (&figure["name"], &figure["unit"]),
        (&json!("cpuUsagePercent"), &json!("percent"))
    );
    assert_eq!(
        (figure["value"].as_f64(), figure["threshold"].as_f64()),
        (Some(97.0), Some(85.0))
    );
    assert_eq!(api.get("/api/advice?minutes=0").await.fields(), ["minutes"]);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn another_organization_hears_nothing_of_it(pool: PgPool) {
    let api = Client::new(pool.clone()).await;
    let busy = server(&api, "busy").await;
    measured(&pool, &busy, "cpu_usage = 97").await;
    let theirs = callers::organization(&pool, "Theirs", "theirs").await;
    let (_, owner) = callers::member(&pool, theirs, "Owner", &Scope::default()).await;
    let them = api.with_token(&owner);
    let advice = them.get("/api/advice").await.ok(200);
    assert_eq!((&advice["total"], &advice["unmeasured"]), (&json!(0), &json!([])));
    assert_eq!(them.get("/api/capacity").await.ok(200)["data"], json!([]));
    assert_eq!(them.get("/api/inventory").await.ok(200)["servers"], json!([]));
    assert_eq!(them.get("/api/admin/capacity").await.status, 403);
    assert_eq!(them.get("/api/admin/advice").await.status, 403);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_server_is_held_against_the_guide_and_its_trend(pool: PgPool) {
    let api = Client::new(pool.clone()).await;
    let id = server(&api, "small").await;
    measured(&pool, &id, "processes = 100").await;
    let capacity = api.get("/api/capacity").await.ok(200);
    let small = &capacity["data"][0];
    assert_eq!(small["assessment"]["tier"]["name"], "1-10");
    assert_eq!(small["assessment"]["instances"], 0);
    assert_eq!(small["disk"]["trend"]["kind"], "too_early");

    // The disk of 100 GB is half full, and 1 GB more every two hours.
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "create table server_rollups_test partition of server_rollups_7200 for values from ('2000-01-01') to ('2100-01-01');
         insert into server_rollups (resolution, organization_id, server_id, at, samples, covered_seconds, uptime_seconds,
             cpu_usage, cpu_usage_max, cpu_user, cpu_system, cpu_iowait, cpu_steal, load_1m, load_5m, load_15m, ram_total,
             ram_available, ram_available_min, swap_total, swap_used, disk_total, disk_available, network_rx_bytes,
             network_tx_bytes)
         select 7200, organization_id, id, now() - make_interval(hours => 2 * h), 720, 7200, 1000, 10, 10, 5, 5, 0, 0, 1, 1, 1,
             8000000000, 4000000000, 4000000000, 0, 0, 100000000000, 50000000000 + h * 1000000000::bigint, 0, 0
         from servers, generate_series(0, 23) h where id = '{id}';
         update servers set facts = jsonb_set(facts, '{{diskTotalBytes}}', '100000000000') where id = '{id}'"
    )))
    .execute(&pool)
    .await
    .unwrap();
    let small = api.get("/api/capacity").await.ok(200)["data"][0].clone();
    assert_eq!(small["disk"]["trend"]["kind"], "runs_out", "{small}");
    let at: chrono::DateTime<chrono::Utc> = small["runsOutAt"].as_str().unwrap().parse().unwrap();
    let hours = (at - chrono::Utc::now()).num_hours();
    assert!((98..=101).contains(&hours), "{hours}");
    assert_eq!(small["memory"]["trend"]["kind"], "steady");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn the_inventory_is_written_for_people_and_programs(pool: PgPool) {
    let api = Client::new(pool.clone()).await;
    assert!(
        api.get("/api/inventory?format=markdown")
            .await
            .text
            .contains("There are no servers.")
    );
    server(&api, "fra|1").await;
    server(&api, "ams").await;
    let inventory = api.get("/api/inventory").await.ok(200);
    let names: Vec<&Value> = inventory["servers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|server| &server["name"])
        .collect();
    assert_eq!(names, [&json!("ams"), &json!("fra|1")]);
    assert_eq!(inventory["servers"][0]["instances"], json!([]));
    let text = api.get("/api/inventory?format=markdown").await.text;
    assert!(text.starts_with("# Servers and instances of Default\n"), "{text}");
    assert!(text.contains("\n## fra\\|1\n"), "{text}");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn drills_are_recorded_and_listed(pool: PgPool) {
    let api = Client::new(pool.clone()).await;
    let sent =
        json!({"at": "2026-01-02T03:04:05Z", "succeeded": true, "note": "restored to a scratch database"});
    let drill = api.post("/api/recovery-drills", sent).await.ok(201);
    assert_eq!(drill["at"], "2026-01-02T03:04:05Z");
    api.post("/api/recovery-drills", json!({"succeeded": false}))
        .await
        .ok(201);
    let future = json!({"succeeded": true, "at": "2999-01-01T00:00:00Z"});
    assert_eq!(api.post("/api/recovery-drills", future).await.fields(), ["at"]);
    let first = api.get("/api/recovery-drills?limit=1").await.ok(200);
    assert_eq!(first["data"][0]["succeeded"], false);
    let next = format!(
        "/api/recovery-drills?cursor={}",
        first["nextCursor"].as_str().unwrap()
    );
    assert_eq!(api.get(&next).await.ok(200)["data"], json!([drill]));
}

#[sqlx::test(migrations = "../store/migrations")]
async fn what_a_process_told_of_itself_is_advice(pool: PgPool) {
    let api = Client::new(pool.clone()).await;
    let unknown = api.get("/api/admin/advice").await.ok(200);
    assert_eq!(unknown["unmeasured"], json!(["oCore"]));
    sqlx::raw_sql(
        "insert into process_samples (process_id, at, host, version, cpu_cores, cpu_usage, ram_total, ram_available,
             process_memory, oom_kills, requests, api_p95_ms, database_p95_ms, pool_wait_p95_ms, pool_max, ssh_tries,
             ssh_timeouts, storage_total, storage_available, database_bytes)
         select gen_random_uuid(), now(), 'control', '0.1.0', 1, 98, 4000000000, 2000000000, 30000000, 0, 500, 1200, 40, 10,
             25, 10, '{}', 40000000000, 20000000000, 1000000",
    )
    .execute(&pool)
    .await
    .unwrap();
    let advice = api.get("/api/admin/advice").await.ok(200);
    assert_eq!(advice["findings"][0]["symptom"], "slow_api_responses", "{advice}");
    assert_eq!(advice["findings"][0]["bottleneck"], "cpu");
    let capacity = api.get("/api/admin/capacity").await.ok(200);
    assert_eq!(
        capacity["assessment"]["shortOf"][0]["resource"], "cpu",
        "{capacity}"
    );
    assert_eq!(capacity["connections"]["pools"], 25);
    assert_eq!(capacity["processes"].as_array().unwrap().len(), 1);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn timeouts_over_ssh_are_told_to_whom_the_server_belongs(pool: PgPool) {
    let api = Client::new(pool.clone()).await;
    let far = server(&api, "far").await;
    let near = server(&api, "near").await;
    for timeouts in [json!({&far: 2, &near: 1}), json!({&far: 2})] {
        sqlx::query(
            "insert into process_samples (process_id, host, version, cpu_cores, ram_total, ram_available, process_memory,
                 oom_kills, requests, pool_max, ssh_tries, ssh_timeouts)
             values (gen_random_uuid(), 'control', '0.1.0', 1, 1, 1, 1, 0, 0, 25, 10, $1)",
        )
        .bind(timeouts)
        .execute(&pool)
        .await
        .unwrap();
    }
    let advice = api.get("/api/advice").await.ok(200);
    assert_eq!(advice["total"], 1, "{advice}");
    let finding = &advice["findings"][0];
    assert_eq!(
        (&finding["symptom"], &finding["subject"]["name"]),
        (&json!("ssh_gateway_timeouts"), &json!("far"))
    );
    assert_eq!(finding["figures"][0]["value"].as_f64(), Some(4.0));

    let theirs = callers::organization(&pool, "Theirs", "theirs").await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "update servers set organization_id = '{}' where id = '{near}'",
        theirs.uuid()
    )))
    .execute(&pool)
    .await
    .unwrap();
    let (_, owner) = callers::member(&pool, theirs, "Owner", &Scope::default()).await;
    assert_eq!(
        api.with_token(&owner).get("/api/advice").await.ok(200)["total"],
        0
    );
}
