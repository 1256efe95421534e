//! How many there are, and how long answers are on their way.

use axum::{body::Body, http::Request};
use serde_json::json;
use sqlx::PgPool;

use crate::support::Client;

#[sqlx::test(migrations = "../store/migrations")]
async fn servers_and_instances_are_counted_by_what_they_are_in(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    assert_eq!(
        client.get("/api/counts/instances").await.ok(200),
        json!({"total": 0, "byStatus": [], "byHealth": []})
    );
    for name in ["one", "two", "gone"] {
        client.active_server(name).await;
    }
    for name in ["aa", "bb", "cc", "dd"] {
        let body = json!({"name": name, "serverId": "one", "workers": 0, "memoryLimitBytes": 536_870_912});
        client.post("/api/instances", body).await.ok(202);
    }
    for statement in [
        "update servers set cordoned_at = now() where name = 'two'",
        "update servers set status = 'removed' where name = 'gone'",
        "update instances set status = 'running', health = 'down' where name = 'aa'",
        "update instances set status = 'running', health = 'healthy' where name = 'bb'",
        // Nobody expects health of one that is stopped.
        "update instances set status = 'stopped', health = 'down' where name = 'cc'",
        "update instances set status = 'removed' where name = 'dd'",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    assert_eq!(
        client.get("/api/counts/servers").await.ok(200),
        json!({"total": 2, "cordoned": 1, "byStatus": [{"status": "active", "count": 2}]})
    );
    let counted = client.get("/api/counts/instances").await.ok(200);
    assert_eq!(counted["total"], 3);
    let in_status = counted["byStatus"].as_array().unwrap();
    assert_eq!(in_status.len(), 2);
    assert!(in_status.contains(&json!({"status": "running", "count": 2})));
    assert!(in_status.contains(&json!({"status": "stopped", "count": 1})));
    let in_health = counted["byHealth"].as_array().unwrap();
    assert_eq!(in_health.len(), 2);
    assert!(in_health.contains(&json!({"health": "down", "count": 1})));
    assert!(in_health.contains(&json!({"health": "healthy", "count": 1})));
}

#[sqlx::test(migrations = "../store/migrations")]
async fn long_answers_are_compressed_for_who_understands_it(pool: PgPool) {
    let client = Client::new(pool).await;
    let encoding = async |path: &str, accepts: &str| {
        let request = Request::get(path)
            .header("accept-encoding", accepts)
            .body(Body::empty())
            .unwrap();
        let reply = client.raw(request).await;
        reply
            .headers
            .get("content-encoding")
            .map(|encoding| encoding.to_str().unwrap().to_owned())
    };
    assert_eq!(
        encoding("/api/openapi.json", "gzip").await.as_deref(),
        Some("gzip")
    );
    assert_eq!(encoding("/api/openapi.json", "identity").await, None);
    assert_eq!(encoding("/health", "gzip").await, None, "it fits into a packet");
}
