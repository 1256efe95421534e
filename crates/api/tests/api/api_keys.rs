//! API keys.

use axum::{body::Body, http::Request};
use chrono::{TimeDelta, Utc};
use ocore_domain::{OrganizationId, access::Scope};
use ocore_store::api_keys::{self, NewApiKey};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::{Client, Reply};

async fn with(client: &Client, key: &str, method: &str, path: &str) -> Reply {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {key}"));
    client.raw(request.body(Body::empty()).unwrap()).await
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_key_is_shown_once_and_revoked(pool: PgPool) {
    let client = Client::new(pool).await;
    let body = json!({"name": "build", "permissions": ["view:servers", "manage:api_keys"], "expiresAt": Utc::now() + TimeDelta::days(1)});
    let made = client.post("/api/api-keys", body).await.ok(201);
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with(made["prefix"].as_str().unwrap()) && key.len() > 60);
    assert_eq!(made["permissions"], json!(["manage:api_keys", "view:servers"]));
    assert_eq!(
        (&made["scope"], &made["createdBy"], &made["isServerAdmin"]),
        (&Value::Null, &Value::Null, &json!(false))
    );
    with(&client, key, "GET", "/api/servers").await.ok(200);
    with(&client, key, "GET", "/api/instances")
        .await
        .problem(403, "auth.forbidden");

    let listed = client.get("/api/api-keys").await;
    assert!(!listed.text.contains(key));
    let listed = listed.ok(200);
    assert_eq!(
        (&listed["data"][0]["name"], &listed["data"][1]["name"]),
        (&json!("build"), &json!("test")),
        "newest first"
    );
    assert!(listed["data"][0]["lastUsedAt"].is_string());
    // A key may revoke itself.
    let path = format!("/api/api-keys/{}", made["id"].as_str().unwrap());
    assert_eq!(with(&client, key, "DELETE", &path).await.status, 204);
    with(&client, key, "GET", "/api/servers")
        .await
        .problem(401, "auth.unauthenticated");
    client.delete(&path).await.problem(404, "resource.not_found");
    assert_eq!(
        client.get("/api/api-keys").await.ok(200)["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(client.recorded().await, ["api_key.created", "api_key.revoked"]);
    let recorded: String = sqlx::query_scalar("select string_agg(entry::text, '') from audit_log")
        .fetch_one(client.store.pool())
        .await
        .unwrap();
    assert!(recorded.contains("build") && !recorded.contains(key));
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_limited_key_holds_nothing_of_the_whole(pool: PgPool) {
    let client = Client::new(pool).await;
    let one = client.active_server("one").await;
    client.active_server("two").await;
    let body =
        json!({"name": "one", "permissions": ["view:servers", "view:members"], "scope": {"servers": [one]}});
    let made = client.post("/api/api-keys", body).await.ok(201);
    assert_eq!(
        (&made["permissions"], &made["scope"]),
        (&json!(["view:servers"]), &json!({"servers": [one]}))
    );
    let key = made["key"].as_str().unwrap();
    let servers = with(&client, key, "GET", "/api/servers").await.ok(200);
    assert_eq!(servers["data"].as_array().unwrap().len(), 1);
    assert_eq!(servers["data"][0]["name"], "one");
    with(&client, key, "GET", "/api/servers/two")
        .await
        .problem(404, "resource.not_found");
    with(&client, key, "GET", "/api/members")
        .await
        .problem(403, "auth.forbidden");

    let nowhere = OrganizationId::new();
    for (body, field) in [
        (json!({"name": "", "permissions": ["view:servers"]}), "name"),
        (json!({"name": "a", "permissions": []}), "permissions"),
        (json!({"name": "a", "permissions": ["all"]}), "permissions"),
        (
            json!({"name": "a", "permissions": ["view:members"], "scope": {"servers": [one]}}),
            "permissions",
        ),
        (
            json!({"name": "a", "permissions": ["view:servers"], "scope": {"servers": [nowhere]}}),
            "scope.servers",
        ),
        (
            json!({"name": "a", "permissions": ["view:servers"], "expiresAt": "2020-01-01T00:00:00Z"}),
            "expiresAt",
        ),
        (
            json!({"name": "a", "permissions": ["view:servers"], "isServerAdmin": true}),
            "isServerAdmin",
        ),
    ] {
        let reply = client.post("/api/api-keys", body.clone()).await;
        assert_eq!(reply.fields(), [field], "{body}");
    }
}

#[sqlx::test(migrations = "../store/migrations")]
async fn nobody_makes_or_revokes_a_key_to_more_than_they_have(pool: PgPool) {
    let client = Client::new(pool).await;
    let limited = client
        .with_key(&["manage:api_keys", "view:servers"], Scope::default())
        .await;
    for more in ["manage:servers", "view:members", "manage:organization"] {
        let reply = limited
            .post("/api/api-keys", json!({"name": "more", "permissions": [more]}))
            .await;
        reply.problem(403, "auth.forbidden");
    }
    let body = json!({"name": "same", "permissions": ["manage:api_keys", "view:servers"]});
    limited.post("/api/api-keys", body).await.ok(201);
    let id = |listed: &Value, name: &str| {
        let keys = listed["data"].as_array().unwrap().iter();
        let key = keys.clone().find(|key| key["name"] == name).unwrap();
        format!("/api/api-keys/{}", key["id"].as_str().unwrap())
    };
    let listed = limited.get("/api/api-keys").await.ok(200);
    let administrator = id(&listed, "test");
    limited
        .delete(&administrator)
        .await
        .problem(403, "auth.forbidden");

    // All that the organization has to give is still less than the installation.
    let all = NewApiKey {
        is_server_admin: false,
        ..NewApiKey::administrator(OrganizationId::DEFAULT, "all")
    };
    let all = client.keyed(all).await;
    all.delete(&administrator).await.problem(403, "auth.forbidden");
    let listed = limited.get("/api/api-keys").await.ok(200);
    limited
        .delete(&id(&listed, "all"))
        .await
        .problem(403, "auth.forbidden");
    client.get("/api/org").await.ok(200);
    let mut conn = client.store.connection().await.unwrap();
    let other = NewApiKey::administrator(OrganizationId::DEFAULT, "second");
    api_keys::create(&mut conn, &other).await.unwrap();
    let listed = client.get("/api/api-keys").await.ok(200);
    assert_eq!(client.delete(&id(&listed, "second")).await.status, 204);
    assert_eq!(client.delete(&id(&listed, "all")).await.status, 204);
    all.get("/api/org").await.problem(401, "auth.unauthenticated");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn keys_are_paged(pool: PgPool) {
    let client = Client::new(pool).await;
    for n in 0..4 {
        let body = json!({"name": format!("key {n}"), "permissions": ["view:servers"]});
        client.post("/api/api-keys", body).await.ok(201);
    }
    let page = client.get("/api/api-keys?limit=3").await.ok(200);
    assert_eq!(page["hasMore"], true);
    let rest = format!(
        "/api/api-keys?limit=3&cursor={}",
        page["nextCursor"].as_str().unwrap()
    );
    let rest = client.get(&rest).await.ok(200);
    let names: Vec<_> = [&page, &rest]
        .iter()
        .flat_map(|page| page["data"].as_array().unwrap())
        .map(|key| key["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["key 3", "key 2", "key 1", "key 0", "test"]);
    let reply = client.get("/api/api-keys?cursor=x").await;
    assert_eq!(reply.fields(), ["cursor"]);
}
