//! Agents: what they bring, what their token opens, and how it is shown.

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use ocore_domain::{OrganizationId, ServerId};
use ocore_store::agents;
use ocore_telemetry::{Batch, CONTENT_TYPE, Container, MAX_BYTES, Sample};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sqlx::PgPool;

use crate::support::{Client, Reply};

async fn enrolled(client: &Client, server: ServerId) -> SecretString {
    let mut conn = client.store.connection().await.unwrap();
    agents::enroll(&mut conn, OrganizationId::DEFAULT, server)
        .await
        .unwrap()
}

fn batch(times: &[i64]) -> Batch {
    let sample = |at: &i64| Sample {
        at: *at,
        containers: vec![Container {
            name: "ocore-acme".to_owned(),
            ..Container::default()
        }],
        ..Sample::default()
    };
    Batch {
        version: "9.9.9".to_owned(),
        boot_id: "boot".to_owned(),
        lost: 2,
        samples: times.iter().map(sample).collect(),
    }
}

async fn bring(client: &Client, token: &SecretString, bytes: Vec<u8>) -> Reply {
    bring_as(client, token, CONTENT_TYPE, bytes).await
}

async fn bring_as(client: &Client, token: &SecretString, kind: &str, bytes: Vec<u8>) -> Reply {
    let request = Request::post("/api/agent/metrics")
        .header("authorization", format!("Bearer {}", token.expose_secret()))
        .header("content-type", kind)
        .body(Body::from(bytes));
    client.raw(request.unwrap()).await
}

fn now() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

async fn count(pool: &PgPool) -> i64 {
    sqlx::query_scalar("select count(*) from server_samples")
        .fetch_one(pool)
        .await
        .unwrap()
}

#[sqlx::test(migrations = "../store/migrations")]
async fn what_an_agent_brings_is_its_own_servers_and_comes_once(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    let (server, other) = (
        client.active_server("one").await,
        client.active_server("two").await,
    );
    let shown = client.get(&format!("/api/servers/{server}/agent")).await.ok(200);
    assert_eq!(
        (&shown["installed"], &shown["alive"]),
        (&json!(false), &json!(false))
    );

    let (token, _) = (enrolled(&client, server).await, enrolled(&client, other).await);
    let now = now();
    let brought = batch(&[now - 20_000, now - 10_000, now]).encode().unwrap();
    assert_eq!(
        bring(&client, &token, brought.clone()).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        bring(&client, &token, brought).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(count(&pool).await, 3);
    let whose: Vec<uuid::Uuid> = sqlx::query_scalar("select distinct server_id from server_samples")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(whose, [server.uuid()]);

    let shown = client.get(&format!("/api/servers/{server}/agent")).await.ok(200);
    assert_eq!(
        (&shown["installed"], &shown["alive"]),
        (&json!(true), &json!(true)),
        "{shown}"
    );
    assert_eq!(
        (&shown["version"], &shown["lostSamples"]),
        (&json!("9.9.9"), &json!(4))
    );
    assert!(!shown.to_string().contains("ocore_agent_"), "{shown}");
    let shown = client.get(&format!("/api/servers/{other}/agent")).await.ok(200);
    assert_eq!(
        (&shown["installed"], &shown["alive"]),
        (&json!(true), &json!(false)),
        "{shown}"
    );
}

#[sqlx::test(migrations = "../store/migrations")]
async fn an_empty_batch_shows_that_the_token_is_taken_and_uses_nothing(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    let server = client.active_server("one").await;
    let token = enrolled(&client, server).await;
    let reply = bring(&client, &token, batch(&[]).encode().unwrap()).await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT);
    let seen: Option<chrono::DateTime<chrono::Utc>> = sqlx::query_scalar("select last_seen_at from agents")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(seen, None);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn what_is_no_batch_is_refused(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    let server = client.active_server("one").await;
    let token = enrolled(&client, server).await;
    let good = batch(&[now()]).encode().unwrap();
    let reply = bring_as(&client, &token, "application/json", good).await;
    reply.problem(415, "request.invalid");
    bring(&client, &token, b"{}".to_vec())
        .await
        .problem(400, "request.invalid");
    let falling = batch(&[2, 1]).encode().unwrap();
    let reply = bring(&client, &token, falling).await;
    assert!(
        reply.problem(400, "request.invalid")["fields"]
            .to_string()
            .contains("rise")
    );
    let reply = bring(&client, &token, vec![0; MAX_BYTES + 1]).await;
    reply.problem(413, "request.invalid");
    assert_eq!(count(&pool).await, 0);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn the_token_before_is_good_until_the_new_one_is_used(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    let server = client.active_server("one").await;
    let old = enrolled(&client, server).await;
    let brings =
        async |token: &SecretString, at: i64| bring(&client, token, batch(&[at]).encode().unwrap()).await;
    let now = now();
    assert_eq!(brings(&old, now - 5).await.status, 204);
    // Two attempts, of which the first came to nothing.
    let (lost, new) = (enrolled(&client, server).await, enrolled(&client, server).await);
    assert_eq!(brings(&old, now - 4).await.status, 204);
    brings(&lost, now - 3).await.problem(401, "auth.unauthenticated");
    assert_eq!(brings(&new, now - 2).await.status, 204);
    brings(&old, now - 1).await.problem(401, "auth.unauthenticated");
    assert_eq!(count(&pool).await, 3);

    // What was given and is taken back: the one before counts again.
    let unused = enrolled(&client, server).await;
    agents::unenroll(&mut client.store.connection().await.unwrap(), server)
        .await
        .unwrap();
    brings(&unused, now).await.problem(401, "auth.unauthenticated");
    assert_eq!(brings(&new, now + 1).await.status, 204);

    // An agent that is no more is refused at once, though its token was believed a moment ago.
    agents::forget(&mut client.store.connection().await.unwrap(), server)
        .await
        .unwrap();
    brings(&new, now + 2).await.problem(401, "auth.unauthenticated");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn an_agent_is_installed_given_a_token_and_removed_by_operations(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    let server = client.active_server("one").await;
    let path = format!("/api/servers/{server}/agent");
    client.delete(&path).await.problem(409, "state.conflict");
    let rotate = format!("{path}/rotate");
    client
        .post(&rotate, json!({}))
        .await
        .problem(409, "state.conflict");
    let kinds = [("agent_install", &path), ("agent_rotate", &rotate)];
    for (kind, path) in kinds {
        let begun = client.post(path, json!({})).await.ok(202);
        assert_eq!(begun["operation"]["kind"], kind);
        let cancel = format!(
            "/api/operations/{}/cancel",
            begun["operation"]["id"].as_str().unwrap()
        );
        client
            .post(path, json!({}))
            .await
            .problem(409, "operation.in_progress");
        client.post(&cancel, json!({})).await.ok(202);
        enrolled(&client, server).await;
    }
    let begun = client.delete(&path).await.ok(202);
    assert_eq!(begun["operation"]["kind"], "agent_remove");
    let recorded = client.recorded().await;
    for action in [
        "server.agent_installed",
        "server.agent_token_rotated",
        "server.agent_removed",
    ] {
        assert!(recorded.iter().any(|one| one == action), "{recorded:?}");
    }
}
