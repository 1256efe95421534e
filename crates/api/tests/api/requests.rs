//! Requests that cannot be read: each is a problem that says what is wrong.

use axum::{body::Body, http::Request};
use serde_json::json;
use sqlx::PgPool;

use crate::support::Client;

#[sqlx::test(migrations = "../store/migrations")]
async fn what_axum_refuses_is_a_problem_too(pool: PgPool) {
    let client = Client::new(pool).await;
    client
        .get("/api/nothing")
        .await
        .problem(404, "resource.not_found");
    client.get("/").await.problem(404, "resource.not_found");
    let reply = client.delete("/api/servers").await;
    reply.problem(405, "request.invalid");
    assert_eq!(reply.headers["allow"], "GET,HEAD,POST");
    client
        .get("/api/servers/%ff")
        .await
        .problem(400, "request.invalid");
    client
        .get("/api/servers/nothing")
        .await
        .problem(404, "resource.not_found");
    client
        .get("/api/operations/nothing")
        .await
        .problem(404, "resource.not_found");
    let id = uuid::Uuid::nil();
    client
        .get(&format!("/api/operations/{id}"))
        .await
        .problem(404, "resource.not_found");
    client
        .get(&format!("/api/operations/{id}/logs"))
        .await
        .problem(404, "resource.not_found");
}

/// PostgreSQL keeps no NUL in a text: it is the request that is wrong, not oCore.
#[sqlx::test(migrations = "../store/migrations")]
async fn a_nul_is_refused_wherever_it_stands(pool: PgPool) {
    let client = Client::new(pool).await;
    for path in [
        "/api/servers/%00",
        "/api/instances/%00",
        "/api/servers?search=%00",
        "/api/instances?search=a%00b",
        "/api/instances?serverId=%00",
        "/api/operations?kind=%00",
    ] {
        let told = client.get(path).await.problem(400, "request.invalid");
        assert!(told["detail"].as_str().unwrap().contains("NUL"), "{path}: {told}");
    }
    let body = json!({"name": "a", "authMethod": "local", "description": "a\u{0}b"});
    client
        .post("/api/servers", body)
        .await
        .problem(400, "request.invalid");
    // The transaction that it was in is gone with it.
    client
        .get("/api/servers/a")
        .await
        .problem(404, "resource.not_found");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn bodies_are_refused_with_their_fields(pool: PgPool) {
    let client = Client::new(pool).await;
    client
        .send("POST", "/api/servers", None)
        .await
        .problem(415, "request.invalid");
    for (body, field) in [
        (json!({}), "name"),
        (json!([]), "body"),
        (json!({"name": 1, "authMethod": "local"}), "name"),
        (json!({"name": "a", "authMethod": "canary"}), "authMethod"),
        (
            json!({"name": "a", "authMethod": "local", "port": "canary"}),
            "port",
        ),
        (json!({"name": "a", "authMethod": "local", "port": 65536}), "port"),
        (json!({"name": "a", "authMethod": "local", "canry": 1}), "canry"),
        (
            json!({"name": "a", "authMethod": "key", "host": "h", "sshPassword": {"canary": "canary"}}),
            "sshPassword",
        ),
    ] {
        let reply = client.post("/api/servers", body.clone()).await;
        assert_eq!(reply.fields(), [field], "{body}");
        assert!(!reply.text.contains("canary"), "{}", reply.text);
    }
    let bad = |body: Vec<u8>| {
        let token = client.token();
        let request = Request::post("/api/servers").header("content-type", "application/json; charset=utf-8");
        client.raw(
            request
                .header("authorization", token)
                .body(Body::from(body))
                .unwrap(),
        )
    };
    for body in [&b"{\"name\": canary"[..], b"", b"{} canary", b"\xff\xfe"] {
        let reply = bad(body.to_vec()).await;
        reply.problem(400, "request.invalid");
        assert!(!reply.text.contains("canary"), "{}", reply.text);
    }
    bad(vec![b' '; (1 << 20) + 1])
        .await
        .problem(413, "request.invalid");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn queries_are_refused_with_their_fields(pool: PgPool) {
    let client = Client::new(pool).await;
    for (path, field) in [
        ("/api/servers?limit=0", "limit"),
        ("/api/servers?limit=201", "limit"),
        ("/api/servers?limit=many", "limit"),
        ("/api/servers?status=loud", "status"),
        ("/api/servers?colour=red", "colour"),
        ("/api/operations?cursor=x", "cursor"),
        ("/api/operations?state=x", "state"),
        ("/api/operations?subjectId=x", "subjectId"),
        ("/api/activity?cursor=x", "cursor"),
        ("/api/final-dumps?cursor=x", "cursor"),
        ("/api/instances/a/logs?tail=10001", "tail"),
        ("/api/instances/a/logs?follow=maybe", "follow"),
    ] {
        assert_eq!(client.get(path).await.fields(), [field], "{path}");
    }
    for path in [
        "/api/servers?limit=200",
        "/api/activity",
        "/api/final-dumps?limit=1",
        "/api/operations",
    ] {
        let page = client.get(path).await.ok(200);
        assert_eq!(
            page,
            json!({"data": [], "nextCursor": null, "hasMore": false}),
            "{path}"
        );
    }
}

#[sqlx::test(migrations = "../store/migrations")]
async fn the_id_of_a_request_goes_through(pool: PgPool) {
    let client = Client::new(pool).await;
    let request = Request::get("/api/servers").header("x-request-id", "mine-1");
    let reply = client.raw(request.body(Body::empty()).unwrap()).await;
    assert_eq!(reply.problem(401, "auth.unauthenticated")["requestId"], "mine-1");
    let request = Request::get("/health").header("x-request-id", "not mine");
    let reply = client.raw(request.body(Body::empty()).unwrap()).await;
    assert!(
        reply.headers["x-request-id"]
            .to_str()
            .unwrap()
            .parse::<uuid::Uuid>()
            .is_ok()
    );
}
