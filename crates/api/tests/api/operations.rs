//! Operations: cancelled, retried, and their steps.

use serde_json::json;
use sqlx::PgPool;

use crate::support::Client;

#[sqlx::test(migrations = "../store/migrations")]
async fn one_is_cancelled_and_retried(pool: PgPool) {
    let client = Client::new(pool).await;
    client.active_server("one").await;
    let created = client
        .post("/api/instances", json!({"name": "Acme", "serverId": "one"}))
        .await
        .ok(202);
    let id = created["operation"]["id"].as_str().unwrap();
    client
        .post(&format!("/api/operations/{id}/retry"), json!({}))
        .await
        .problem(409, "state.conflict");
    let cancelled = client
        .post(&format!("/api/operations/{id}/cancel"), json!({}))
        .await
        .ok(202);
    assert_eq!(
        (&cancelled["state"], &cancelled["error"]["code"]),
        (&"cancelled".into(), &"operation.cancelled".into())
    );
    client
        .post(&format!("/api/operations/{id}/cancel"), json!({}))
        .await
        .problem(409, "state.conflict");

    let again = client
        .post(&format!("/api/operations/{id}/retry"), json!({}))
        .await
        .ok(202);
    assert_eq!(
        (&again["retryOf"], &again["state"]),
        (&id.into(), &"queued".into())
    );
    assert_eq!(
        client.get("/api/instances/acme").await.ok(200)["status"],
        "creating"
    );
    let page = client
        .get("/api/operations?state=cancelled&kind=instance_create")
        .await
        .ok(200);
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn steps_are_listed_under_both_paths(pool: PgPool) {
    let client = Client::new(pool).await;
    client.active_server("one").await;
    let operation = client.get("/api/operations").await.ok(200)["data"][0].clone();
    let id = operation["id"].as_str().unwrap();
    let steps = client.get(&format!("/api/operations/{id}/steps")).await.ok(200);
    assert_eq!(steps["data"], operation["steps"]);
    assert_eq!(
        client
            .get(&format!("/api/operations/server_validate/{id}/steps"))
            .await
            .ok(200),
        steps
    );
    let other = client
        .get(&format!("/api/operations/instance_create/{id}/steps"))
        .await;
    other.problem(404, "resource.not_found");
}
