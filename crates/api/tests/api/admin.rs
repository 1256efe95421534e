//! What who administers the installation does.

use axum::{body::Body, http::Request};
use futures::StreamExt;
use ocore_api::Signup;
use ocore_domain::{
    OrganizationId,
    access::{Permissions, Scope, SystemRole},
};
use ocore_store::api_keys::NewApiKey;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    callers, device,
    people::{PASSWORD, People},
    support::{Client, Reply},
};

/// What was recorded in one chain; of the installation, when it is none of an organization.
async fn recorded(pool: &PgPool, organization: Option<&str>) -> Vec<String> {
    let of = organization.map(|id| id.parse::<uuid::Uuid>().unwrap());
    sqlx::query_scalar(
        "select action from audit_log where organization_id is not distinct from $1 order by seq",
    )
    .bind(of)
    .fetch_all(pool)
    .await
    .unwrap()
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap().to_owned()
}

/// All entries of a list, a few at a time, by one of their fields.
async fn walk(client: &Client, path: &str, field: &str) -> Vec<String> {
    let mut seen = Vec::new();
    let mut next = format!("{path}?limit=2");
    loop {
        let page = client.get(&next).await.ok(200);
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= 2);
        seen.extend(data.iter().map(|entry| text(entry, field)));
        let Some(cursor) = page["nextCursor"].as_str() else {
            return seen;
        };
        next = format!("{path}?limit=2&cursor={cursor}");
    }
}

/// Asks with somebody's access token.
async fn by(client: &Client, token: &str, method: &str, path: &str) -> Reply {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json");
    client.raw(request.body(Body::from("{}")).unwrap()).await
}

#[sqlx::test(migrations = "../store/migrations")]
async fn organizations_are_made_shut_opened_and_deleted(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    let (ada, token) = callers::person(&pool, "ada").await;
    let body = json!({"name": "Acme Inc", "ownerUserId": ada});
    let made = client.post("/api/admin/orgs", body.clone()).await.ok(201);
    let id = text(&made, "id");
    assert_eq!(
        (&made["slug"], &made["owner"]["name"], &made["memberCount"]),
        (&json!("acme-inc"), &json!("ada"), &json!(1))
    );
    let again = json!({"name": "Acme Inc", "slug": "acme-inc", "ownerUserId": ada});
    client
        .post("/api/admin/orgs", again)
        .await
        .problem(409, "name.taken");
    let nobody = json!({"name": "Acme Inc", "ownerUserId": ocore_domain::UserId::new()});
    assert_eq!(
        client.post("/api/admin/orgs", nobody).await.fields(),
        ["ownerUserId"]
    );
    client.post("/api/admin/orgs", body).await.ok(201);
    let slugs = walk(&client, "/api/admin/orgs", "slug").await;
    assert_eq!(slugs, ["acme-inc", "acme-inc-2", "default"]);
    let found = client.get("/api/admin/orgs?search=INC-2").await.ok(200);
    assert_eq!(found["data"].as_array().unwrap().len(), 1);

    // Neither people nor keys are let in to one that is shut.
    let organization: OrganizationId = id.parse().unwrap();
    let program = client
        .keyed(NewApiKey {
            is_server_admin: false,
            ..NewApiKey::administrator(organization, "program")
        })
        .await;
    program.get("/api/org").await.ok(200);
    by(&client, &token, "GET", "/api/org").await.ok(200);
    let path = format!("/api/admin/orgs/{id}");
    let shut = client
        .post(&format!("{path}/deactivate"), json!({}))
        .await
        .ok(200);
    assert!(shut["deactivatedAt"].is_string());
    client
        .post(&format!("{path}/deactivate"), json!({}))
        .await
        .ok(200);
    program.get("/api/org").await.problem(401, "auth.unauthenticated");
    let left = by(&client, &token, "GET", "/api/org").await.ok(200);
    assert_eq!(left["slug"], "acme-inc-2");
    let shown = client.get(&path).await.ok(200);
    assert_eq!(shown["deactivatedAt"], shut["deactivatedAt"]);
    let opened = client.post(&format!("{path}/activate"), json!({})).await.ok(200);
    assert!(opened["deactivatedAt"].is_null());
    program.get("/api/org").await.ok(200);

    client
        .delete(&path)
        .await
        .problem(400, "request.confirmation_missing");
    let gone = client.delete(&format!("{path}?confirm=acme-inc")).await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    client.get(&path).await.problem(404, "resource.not_found");
    client
        .get("/api/admin/orgs/nothing")
        .await
        .problem(404, "resource.not_found");
    program.get("/api/org").await.problem(401, "auth.unauthenticated");
    assert_eq!(
        recorded(&pool, Some(&id)).await,
        ["org.created", "org.deactivated", "org.activated", "org.deleted"]
    );
    assert!(recorded(&pool, None).await.is_empty());
}

#[sqlx::test(migrations = "../store/migrations")]
async fn the_first_organization_stays_and_so_does_what_is_not_empty(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    let first = format!("/api/admin/orgs/{}", OrganizationId::DEFAULT);
    client
        .post(&format!("{first}/deactivate"), json!({}))
        .await
        .problem(409, "state.conflict");
    client
        .delete(&format!("{first}?confirm=default"))
        .await
        .problem(409, "state.conflict");
    let (ada, _) = callers::person(&pool, "ada").await;
    let body = json!({"name": "Acme", "ownerUserId": ada});
    let id = text(&client.post("/api/admin/orgs", body).await.ok(201), "id");
    let theirs = client
        .keyed(NewApiKey::administrator(id.parse().unwrap(), "theirs"))
        .await;
    theirs.active_server("one").await;
    let full = client.delete(&format!("/api/admin/orgs/{id}?confirm=acme")).await;
    let problem = full.problem(409, "resource.in_use");
    assert!(text(&problem, "detail").contains("1 server and 0 instances"));
    // With all it has, by an operation; whoever administers the installation follows it.
    let path = format!("/api/admin/orgs/{id}?confirm=acme&cascade=true&keepDump=false");
    let begun = client.delete(&path).await.ok(202);
    assert_eq!(begun["organization"]["id"], id.as_str());
    let operation = format!("/api/admin/operations/{}", text(&begun["operation"], "id"));
    assert_eq!(client.get(&operation).await.ok(200)["subjectId"], id.as_str());
    let stream = client.stream(&format!("{operation}/logs"), None).await;
    let first = stream.into_data_stream().next().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&first).contains("event: operation"));
    client
        .get(&format!("/api/admin/operations/{}", OrganizationId::DEFAULT))
        .await
        .problem(404, "resource.not_found");
    assert_eq!(
        recorded(&pool, Some(&id)).await.last().unwrap(),
        "org.deletion_requested"
    );
    let shown = client.get(&format!("/api/admin/orgs/{id}")).await.ok(200);
    assert_eq!(shown["serverCount"], 1);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn people_are_put_in_organizations_and_taken_out(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    let (ada, _) = callers::person(&pool, "ada").await;
    let (ben, token) = callers::person(&pool, "ben").await;
    let body = json!({"name": "Acme", "ownerUserId": ada});
    let id = text(&client.post("/api/admin/orgs", body).await.ok(201), "id");
    let path = format!("/api/admin/orgs/{id}/members");
    let owner = client
        .post(&path, json!({"userId": ben, "roleName": "Owner"}))
        .await;
    assert_eq!(owner.fields(), ["roleName"]);
    let unknown = client
        .post(&path, json!({"userId": ben, "roleName": "nothing"}))
        .await;
    assert_eq!(unknown.fields(), ["roleName"]);
    let member = client
        .post(&path, json!({"userId": ben, "roleName": "developer"}))
        .await
        .ok(201);
    assert_eq!(member["role"]["name"], "Developer");
    client
        .post(&path, json!({"userId": ben, "roleName": "Viewer"}))
        .await
        .problem(409, "state.conflict");
    assert_eq!(walk(&client, &path, "name").await, ["ada", "ben"]);
    let shown = client.get(&format!("/api/admin/users/{ben}")).await.ok(200);
    assert_eq!(
        (
            &shown["organizations"][0]["slug"],
            &shown["organizations"][0]["role"]
        ),
        (&json!("acme"), &json!("Developer"))
    );
    by(&client, &token, "GET", "/api/org").await.ok(200);

    client
        .delete(&format!("{path}/{ada}"))
        .await
        .problem(409, "state.conflict");
    assert_eq!(client.delete(&format!("{path}/{ben}")).await.status, 204);
    client
        .delete(&format!("{path}/{ben}"))
        .await
        .problem(404, "resource.not_found");
    by(&client, &token, "GET", "/api/org")
        .await
        .problem(403, "auth.forbidden");
    client
        .get(&format!("/api/admin/orgs/{ada}/members"))
        .await
        .problem(404, "resource.not_found");
    assert_eq!(
        recorded(&pool, Some(&id)).await,
        ["org.created", "member.joined", "member.removed"]
    );
}

#[sqlx::test(migrations = "../store/migrations")]
async fn accounts_are_made_and_shut(pool: PgPool) {
    let people = People::new(pool.clone(), Signup::Open, false).await;
    let client = &people.client;
    let body = json!({"email": "Ada@acme.example", "name": "Ada", "password": PASSWORD,
        "orgId": OrganizationId::DEFAULT});
    let made = client.post("/api/admin/users", body).await;
    assert!(!made.text.contains(PASSWORD) && !made.text.contains("argon2"));
    let made = made.ok(201);
    assert_eq!(
        (
            &made["emailVerified"],
            &made["isServerAdmin"],
            &made["hasPassword"]
        ),
        (&json!(true), &json!(false), &json!(true))
    );
    let again = json!({"email": "ada@ACME.example", "name": "Ada"});
    client
        .post("/api/admin/users", again)
        .await
        .problem(409, "name.taken");
    let bad = json!({"email": "ada", "name": "", "password": "short"});
    assert_eq!(
        client.post("/api/admin/users", bad).await.fields(),
        ["email", "name", "password"]
    );
    let nowhere =
        json!({"email": "bea@acme.example", "name": "Bea", "orgId": ocore_domain::OrganizationId::new()});
    assert_eq!(client.post("/api/admin/users", nowhere).await.fields(), ["orgId"]);
    for name in ["bob", "cleo"] {
        let body = json!({"email": format!("{name}@acme.example"), "name": name});
        let made = client.post("/api/admin/users", body).await.ok(201);
        assert_eq!(made["hasPassword"], false);
    }
    assert_eq!(
        walk(client, "/api/admin/users", "name").await,
        ["Ada", "bob", "cleo"]
    );
    let found = client.get("/api/admin/users?search=ada@").await.ok(200);
    assert_eq!(found["data"].as_array().unwrap().len(), 1);

    let id = text(&made, "id");
    let path = format!("/api/admin/users/{id}");
    let (token, refresh) = people.tokens("ada@acme.example").await;
    let me = people.by(&token, "GET", "/api/auth/me", None).await.ok(200);
    assert_eq!(me["organizations"][0]["role"], "Viewer");
    let shut = client
        .post(&format!("{path}/deactivate"), json!({}))
        .await
        .ok(200);
    assert!(shut["deactivatedAt"].is_string());
    people
        .by(&token, "GET", "/api/auth/me", None)
        .await
        .problem(401, "auth.unauthenticated");
    people
        .log_in("ada@acme.example", PASSWORD)
        .await
        .problem(401, "auth.invalid_credentials");
    client.post(&format!("{path}/activate"), json!({})).await.ok(200);
    // What ended stays ended.
    people
        .by(&token, "GET", "/api/auth/me", None)
        .await
        .problem(401, "auth.unauthenticated");
    let refreshed = people
        .post("/api/auth/refresh", json!({"refreshToken": refresh}))
        .await;
    assert_eq!(refreshed.status, 401, "{}", refreshed.text);
    let (token, _) = people.tokens("ada@acme.example").await;
    assert_eq!(
        recorded(&pool, None)
            .await
            .iter()
            .filter(|action| action.starts_with("admin."))
            .collect::<Vec<_>>(),
        [
            "admin.user_created",
            "admin.user_created",
            "admin.user_created",
            "admin.user_deactivated",
            "admin.user_activated"
        ]
    );
    assert_eq!(
        recorded(&pool, Some(&OrganizationId::DEFAULT.to_string())).await[0],
        "admin.user_created"
    );

    // Nobody shuts out themselves.
    people.sql("update users set is_server_admin = true").await;
    people
        .by(&token, "POST", &format!("{path}/deactivate"), None)
        .await
        .problem(409, "state.conflict");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn keys_of_all_organizations_are_listed_and_revoked(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    let other = callers::organization(&pool, "Other", "other").await;
    let program = client
        .keyed(NewApiKey {
            is_server_admin: false,
            ..NewApiKey::administrator(other, "a program")
        })
        .await;
    client.with_key(&["view:servers"], Scope::default()).await;
    let names = walk(&client, "/api/admin/api-keys", "name").await;
    assert_eq!(names, ["limited", "a program", "test"]);
    let found = client.get("/api/admin/api-keys?search=OTHER").await.ok(200);
    let key = &found["data"][0];
    assert_eq!(
        (&key["name"], &key["organization"]["slug"], &key["isServerAdmin"]),
        (&json!("a program"), &json!("other"), &json!(false))
    );
    let path = format!("/api/admin/api-keys/{}", text(key, "id"));
    program.delete(&path).await.problem(403, "auth.forbidden");
    assert_eq!(client.delete(&path).await.status, 204);
    client.delete(&path).await.problem(404, "resource.not_found");
    program
        .get("/api/servers")
        .await
        .problem(401, "auth.unauthenticated");
    assert_eq!(
        recorded(&pool, Some(&other.to_string())).await,
        ["api_key.revoked"]
    );
}

/// Everything of an organization is not everything of an installation.
#[sqlx::test(migrations = "../store/migrations")]
async fn nobody_else_administers(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    let (user, token) = callers::member(&pool, OrganizationId::DEFAULT, "Owner", &Scope::default()).await;
    let whole = client
        .keyed(NewApiKey {
            is_server_admin: false,
            permissions: Permissions::all(),
            ..NewApiKey::administrator(OrganizationId::DEFAULT, "whole")
        })
        .await;
    let mut asked = 0;
    for route in ocore_api::table() {
        if !route.path.starts_with("/api/admin/") {
            continue;
        }
        let path = route
            .path
            .replace("{id}", &user.to_string())
            .replace("{userId}", &user.to_string());
        by(&client, &token, route.method, &path)
            .await
            .problem(403, "auth.forbidden");
        whole
            .send(route.method, &path, Some(&json!({})))
            .await
            .problem(403, "auth.forbidden");
        asked += 1;
    }
    assert!(asked >= 18, "{asked}");
}

/// A device's key for somebody who is a Viewer of the organization that an installation begins with.
async fn device_of(people: &People, name: &str) -> (String, String) {
    let user = people
        .client
        .member(&format!("{name}@acme.example"), SystemRole::Viewer)
        .await;
    let session = callers::session(&people.pool, user).await;
    let token = callers::access_token(user, session, chrono::TimeDelta::hours(1));
    let (device, code) = device::begin(people).await;
    let path = format!("/api/auth/device/{code}/approve");
    assert_eq!(people.by(&token, "POST", &path, None).await.status, 204);
    let answer = device::ask(people, &device).await.ok(200);
    let key = text(&answer, "apiKey");
    people.by(&key, "GET", "/api/servers", None).await.ok(200);
    (user.to_string(), key)
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_devices_key_ends_with_the_membership(pool: PgPool) {
    let people = People::without_mail(pool).await;
    let (anna, annas) = device_of(&people, "anna").await;
    let (bert, berts) = device_of(&people, "bert").await;
    let (_, carls) = device_of(&people, "carl").await;
    let (dora, doras) = device_of(&people, "dora").await;
    // Carl leaves; the others are removed from within, from above, and shut out.
    let members = people.client.get("/api/members?search=carl").await.ok(200);
    let carl = text(&members["data"][0], "userId").parse().unwrap();
    let session = callers::session(&people.pool, carl).await;
    let token = callers::access_token(carl, session, chrono::TimeDelta::hours(1));
    let left = people.by(&token, "POST", "/api/members/leave", None).await;
    assert_eq!(left.status, 204, "{}", left.text);
    let removed = people.client.delete(&format!("/api/members/{anna}")).await;
    assert_eq!(removed.status, 204, "{}", removed.text);
    for (key, status) in [(&carls, 401), (&annas, 401), (&berts, 200), (&doras, 200)] {
        let reply = people.by(key, "GET", "/api/servers", None).await;
        assert_eq!(reply.status, status, "{}", reply.text);
    }
    let path = format!("/api/admin/orgs/{}/members/{bert}", OrganizationId::DEFAULT);
    assert_eq!(people.client.delete(&path).await.status, 204);
    let path = format!("/api/admin/users/{dora}/deactivate");
    people.client.post(&path, json!({})).await.ok(200);
    for key in [&berts, &doras] {
        people
            .by(key, "GET", "/api/servers", None)
            .await
            .problem(401, "auth.unauthenticated");
    }
    // Who is let in again gets a new key, not the old one.
    let path = format!("/api/admin/users/{dora}/activate");
    people.client.post(&path, json!({})).await.ok(200);
    let reply = people.by(&doras, "GET", "/api/servers", None).await;
    assert_eq!(reply.status, 401);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn the_queue_is_paused_and_goes_on(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    let (pause, resume) = ("/api/admin/queue/pause", "/api/admin/queue/resume");
    let empty = client.get("/api/admin/queue").await.ok(200);
    assert_eq!((&empty["waiting"], &empty["pauses"]), (&json!(0), &json!([])));
    let kind = json!({"scope": "kind", "target": "instance_create", "reason": " The registry is down. "});
    let paused = client.post(pause, kind.clone()).await.ok(200);
    let shown = &paused["pauses"][0];
    assert_eq!(
        (
            &shown["scope"],
            &shown["target"],
            &shown["reason"],
            &shown["pausedBy"]
        ),
        (
            &json!("kind"),
            &json!("instance_create"),
            &json!("The registry is down."),
            &json!("test")
        )
    );
    // It is as it is wanted: nothing happens, and nothing is recorded.
    let again = client.post(pause, kind).await.ok(200);
    assert_eq!(again["pauses"].as_array().unwrap().len(), 1);

    let of = OrganizationId::DEFAULT.to_string();
    let organization = json!({"scope": "organization", "target": of});
    client.post(pause, organization.clone()).await.ok(200);
    client.post(pause, json!({"scope": "all"})).await.ok(200);
    let server = client.active_server("web-1").await;
    let target = server.to_string();
    let on_server = json!({"scope": "server", "target": target});
    let paused = client.post(pause, on_server.clone()).await.ok(200);
    assert_eq!(paused["pauses"].as_array().unwrap().len(), 4);
    assert_eq!(paused["pauses"][3]["name"], "web-1");

    for wrong in [
        json!({"scope": "kind", "target": "instance.create"}),
        json!({"scope": "kind"}),
        json!({"scope": "all", "target": "noop"}),
        json!({"scope": "server", "target": "web-1"}),
        json!({"scope": "server", "target": ocore_domain::ServerId::new()}),
        json!({"scope": "organization", "target": ocore_domain::OrganizationId::new()}),
    ] {
        assert_eq!(client.post(pause, wrong).await.fields(), ["target"]);
    }
    let long = json!({"scope": "all", "reason": "x".repeat(201)});
    assert_eq!(client.post(pause, long).await.fields(), ["reason"]);

    for body in [json!({"scope": "all"}), organization, on_server] {
        client.post(resume, body).await.ok(200);
    }
    let left = client
        .post(resume, json!({"scope": "kind", "target": "instance_create"}))
        .await
        .ok(200);
    assert_eq!(left["pauses"], json!([]));
    client
        .post(resume, json!({"scope": "all"}))
        .await
        .problem(409, "state.conflict");
    let own = recorded(&pool, None).await;
    let of_queue = |record: &[String]| {
        let count = |action: &str| record.iter().filter(|entry| *entry == action).count();
        (count("queue.paused"), count("queue.resumed"))
    };
    assert_eq!(of_queue(&own), (4, 4));
    assert_eq!(
        of_queue(&recorded(&pool, Some(&of)).await),
        (2, 2),
        "it and its server"
    );
}
