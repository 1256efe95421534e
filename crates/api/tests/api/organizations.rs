//! The organization and its settings, and changes that do not overwrite one another.

use ocore_domain::{OrganizationId, access::Scope};
use ocore_store::api_keys::NewApiKey;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::Client;

#[sqlx::test(migrations = "../store/migrations")]
async fn the_organization_is_shown_and_changed(pool: PgPool) {
    let client = Client::new(pool).await;
    let shown = client.get("/api/org").await;
    let organization = shown.ok(200);
    assert_eq!(
        (
            &organization["name"],
            &organization["slug"],
            &organization["revision"]
        ),
        (&json!("Default"), &json!("default"), &json!(1))
    );
    assert_eq!(shown.etag(), "\"1\"");

    let body = json!({"name": "Acme", "slug": "acme", "logoUrl": "https://acme.example/logo.png"});
    let changed = client.put("/api/org", body).await;
    assert_eq!(changed.etag(), "\"2\"");
    assert_eq!(changed.ok(200)["slug"], "acme");
    // What is not given stays; null takes away.
    let changed = client.put("/api/org", json!({"logoUrl": null})).await.ok(200);
    assert_eq!(
        (&changed["name"], &changed["slug"], &changed["logoUrl"]),
        (&json!("Acme"), &json!("acme"), &Value::Null)
    );

    for (body, field) in [
        (json!({"name": "A"}), "name"),
        (json!({"name": "x".repeat(101)}), "name"),
        (json!({"name": "A\nB"}), "name"),
        (json!({"slug": "ab"}), "slug"),
        (json!({"slug": "Acme"}), "slug"),
        (json!({"slug": "admin"}), "slug"),
        (json!({"slug": "a-"}), "slug"),
        (json!({"logoUrl": "javascript:alert(1)"}), "logoUrl"),
        (json!({"id": "x"}), "id"),
    ] {
        assert_eq!(
            client.put("/api/org", body.clone()).await.fields(),
            [field],
            "{body}"
        );
    }
    let recorded = client.recorded().await;
    assert_eq!(recorded, ["org.updated", "org.updated"]);
    let (before, after): (String, String) = sqlx::query_as(
        "select entry -> 'beforeState' ->> 'slug', entry -> 'afterState' ->> 'slug' from audit_log where seq = 1",
    )
    .fetch_one(client.store.pool())
    .await
    .unwrap();
    assert_eq!((before.as_str(), after.as_str()), ("default", "acme"));
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_slug_is_one_in_the_installation(pool: PgPool) {
    sqlx::query("insert into organizations (id, name, slug) values ($1, 'Other', 'other')")
        .bind(OrganizationId::new().uuid())
        .execute(&pool)
        .await
        .unwrap();
    let client = Client::new(pool).await;
    let reply = client.put("/api/org", json!({"slug": "other"})).await;
    reply.problem(409, "name.taken");
    assert_eq!(client.get("/api/org").await.ok(200)["revision"], 1);
    assert!(client.recorded().await.is_empty());
}

#[sqlx::test(migrations = "../store/migrations")]
async fn what_somebody_else_changed_is_not_overwritten(pool: PgPool) {
    let client = Client::new(pool).await;
    let (org, settings) = ("/api/org", "/api/org/settings");
    let name = |name: &str| json!({"name": name});
    client.put_if(org, "\"1\"", name("One")).await.ok(200);
    let late = client.put_if(org, "\"1\"", name("Two")).await;
    late.problem(412, "request.precondition_failed");
    assert_eq!(client.get(org).await.ok(200)["name"], "One");
    // Any of several, one that a proxy weakened, and any at all.
    client.put_if(org, "\"1\", \"2\"", name("Three")).await.ok(200);
    client.put_if(org, "W/\"3\"", name("Four")).await.ok(200);
    client.put_if(org, "*", name("Five")).await.ok(200);
    client
        .put_if(org, "5", name("Six"))
        .await
        .problem(400, "request.invalid");
    // The settings are of the same thing.
    let days = json!({"auditRetentionDays": 30});
    let late = client.put_if(settings, "\"4\"", days.clone()).await;
    late.problem(412, "request.precondition_failed");
    let changed = client.put_if(settings, "\"5\"", days).await;
    assert_eq!(changed.ok(200)["auditRetentionDays"], 30);
    assert_eq!(changed.etag(), "\"6\"");
    assert_eq!(client.get(settings).await.etag(), "\"6\"");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn of_editors_at_once_one_gets_through(pool: PgPool) {
    let client = Client::new(pool).await;
    let edits = (0..6).map(|n| client.put_if("/api/org", "\"1\"", json!({"name": format!("Name {n}")})));
    let replies = futures::future::join_all(edits).await;
    let count = |status: u16| replies.iter().filter(|reply| reply.status == status).count();
    assert_eq!((count(200), count(412)), (1, 5));
}

#[sqlx::test(migrations = "../store/migrations")]
async fn settings_have_bounds(pool: PgPool) {
    let client = Client::new(pool).await;
    assert_eq!(
        client.get("/api/org/settings").await.ok(200),
        json!({"auditRetentionDays": 365, "bulkBatchSize": 10, "requirePasskey": false, "placementPolicy": "spread"})
    );
    let changed = client
        .put("/api/org/settings", json!({"bulkBatchSize": 100}))
        .await;
    assert_eq!(
        changed.ok(200),
        json!({"auditRetentionDays": 365, "bulkBatchSize": 100, "requirePasskey": false, "placementPolicy": "spread"})
    );
    let wrong = json!({"auditRetentionDays": 0, "bulkBatchSize": 101});
    let fields = client.put("/api/org/settings", wrong).await.fields();
    assert_eq!(fields, ["auditRetentionDays", "bulkBatchSize"]);
    assert_eq!(client.recorded().await, ["org.settings_updated"]);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn who_may_not_is_refused(pool: PgPool) {
    let client = Client::new(pool).await;
    let viewer = client.with_key(&["view:organization"], Scope::default()).await;
    viewer.get("/api/org/settings").await.ok(200);
    let limited = Scope {
        environments: Some(vec![ocore_domain::instance::EnvironmentType::Staging]),
        ..Scope::default()
    };
    // A limited key is of the organization, and holds nothing of the whole.
    let limited = client.with_key(&["manage:organization"], limited).await;
    limited.get("/api/org").await.ok(200);
    for (client, method, path) in [
        (&viewer, "PUT", "/api/org"),
        (&viewer, "PUT", "/api/org/settings"),
        (&limited, "PUT", "/api/org"),
        (&limited, "GET", "/api/org/settings"),
    ] {
        let body = (method == "PUT").then(|| json!({}));
        let reply = client.send(method, path, body.as_ref()).await;
        reply.problem(403, "auth.forbidden");
    }
    // A key is nobody's account, and owns nothing.
    for (method, path, body) in [
        ("GET", "/api/user/orgs", None),
        ("POST", "/api/user/orgs", Some(json!({"name": "Mine"}))),
        ("DELETE", "/api/org?confirm=default", None),
        (
            "POST",
            "/api/org/transfer",
            Some(json!({"userId": OrganizationId::new()})),
        ),
        ("POST", "/api/members/leave", None),
        ("POST", "/api/invitations/accept", Some(json!({"token": "x"}))),
        ("POST", "/api/invite-links/join", Some(json!({"code": "x"}))),
    ] {
        let reply = client.send(method, path, body.as_ref()).await;
        reply.problem(403, "auth.forbidden");
    }
}

#[sqlx::test(migrations = "../store/migrations")]
async fn an_instance_is_changed_as_it_was_read(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    client.active_server("one").await;
    let body = json!({"name": "acme", "serverId": "one"});
    client.post("/api/instances", body).await.ok(202);
    sqlx::query("update instances set status = 'running', health = 'healthy', revision = 7")
        .execute(&pool)
        .await
        .unwrap();
    let read = client.get("/api/instances/acme").await;
    assert_eq!(read.etag(), "\"7\"");
    assert!(read.ok(200).get("revision").is_none());
    let path = "/api/instances/acme";
    let late = client.put_if(path, "\"6\"", json!({"name": "late"})).await;
    late.problem(412, "request.precondition_failed");
    let renamed = client.put_if(path, "\"7\"", json!({"name": "early"})).await;
    assert_eq!(renamed.ok(202)["instance"]["name"], "early");
    assert_eq!(renamed.etag(), "\"8\"");
    client.put(path, json!({"name": "whatever"})).await.ok(202);
    assert_eq!(client.get(path).await.etag(), "\"9\"");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn one_organization_does_not_see_another(pool: PgPool) {
    let client = Client::new(pool).await;
    let stranger = client.person("stranger@other.example").await;
    let mut conn = client.store.connection().await.unwrap();
    let other = ocore_store::organizations::create(&mut conn, "Other", None, stranger)
        .await
        .unwrap();
    let owner = ocore_store::roles::system(&mut conn, other.id, ocore_domain::access::SystemRole::Viewer)
        .await
        .unwrap()
        .unwrap();
    let key = NewApiKey {
        is_server_admin: false,
        ..NewApiKey::administrator(other.id, "theirs")
    };
    let theirs = client.keyed(key).await;
    assert_eq!(theirs.get("/api/org").await.ok(200)["slug"], "other");
    assert_eq!(
        theirs.get("/api/members").await.ok(200)["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    // From here, none of it is there.
    assert_eq!(client.get("/api/members").await.ok(200)["data"], json!([]));
    let role = format!("/api/roles/{owner}");
    client
        .put(&role, json!({"name": "Mine"}))
        .await
        .problem(404, "resource.not_found");
    let member = format!("/api/members/{stranger}");
    client.delete(&member).await.problem(404, "resource.not_found");
    let invite = json!({"email": "a@b.example", "roleId": owner});
    assert_eq!(
        client.post("/api/members/invite", invite).await.fields(),
        ["roleId"]
    );
    let keys = theirs.get("/api/api-keys").await.ok(200);
    assert_eq!(keys["data"].as_array().unwrap().len(), 1);
    let key = format!("/api/api-keys/{}", keys["data"][0]["id"].as_str().unwrap());
    client.delete(&key).await.problem(404, "resource.not_found");
    theirs.get("/api/org").await.ok(200);
}
