//! Members.

use ocore_domain::{
    OrganizationId, UserId,
    access::{Scope, SystemRole},
};
use ocore_store::members;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::Client;

/// A permission to manage members, and nothing else but to look.
const CLERK: &[&str] = &["manage:members", "view:servers", "view:instances"];

async fn found(client: &Client, user: UserId) -> Value {
    let page = client.get("/api/members?limit=200").await.ok(200);
    let mut members = page["data"].as_array().unwrap().iter();
    members
        .find(|member| member["userId"] == json!(user))
        .cloned()
        .unwrap_or_default()
}

#[sqlx::test(migrations = "../store/migrations")]
async fn members_are_listed_by_address(pool: PgPool) {
    let client = Client::new(pool).await;
    for name in ["Dora", "anna", "carl", "Bert"] {
        client
            .member(&format!("{name}@acme.example"), SystemRole::Viewer)
            .await;
    }
    let mut seen = Vec::new();
    let mut path = "/api/members?limit=3".to_owned();
    loop {
        let page = client.get(&path).await.ok(200);
        let data = page["data"].as_array().unwrap().iter();
        seen.extend(data.map(|member| member["name"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["nextCursor"].as_str() else {
            break;
        };
        path = format!("/api/members?limit=3&cursor={cursor}");
    }
    assert_eq!(seen, ["anna", "Bert", "carl", "Dora"]);
    let page = client.get("/api/members?search=CARL").await.ok(200);
    let member = &page["data"][0];
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
    assert_eq!(member["role"]["name"], "Viewer");
    assert_eq!(
        (&member["isOwner"], &member["scope"], &member["revision"]),
        (&json!(false), &Value::Null, &json!(1))
    );
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_member_gets_another_role_and_limits(pool: PgPool) {
    let client = Client::new(pool).await;
    let server = client.active_server("one").await;
    let user = client.member("anna@acme.example", SystemRole::Viewer).await;
    let developer = client.role(SystemRole::Developer).await;
    let path = format!("/api/members/{user}/role");

    let body = json!({"roleId": developer, "scope": {"servers": [server], "environments": ["staging"]}});
    let changed = client.put_if(&path, "\"1\"", body).await;
    assert_eq!(changed.etag(), "\"2\"");
    let member = changed.ok(200);
    assert_eq!(member["role"]["name"], "Developer");
    assert_eq!(
        member["scope"],
        json!({"servers": [server], "environments": ["staging"]})
    );
    let late = client.put_if(&path, "\"1\"", json!({"roleId": developer})).await;
    late.problem(412, "request.precondition_failed");
    // Limits stay when they are not named: another role does not widen them.
    let viewer = client.role(SystemRole::Viewer).await;
    let member = client.put(&path, json!({"roleId": viewer})).await.ok(200);
    assert_eq!(member["scope"]["environments"], json!(["staging"]));
    let member = client
        .put(&path, json!({"roleId": viewer, "scope": null}))
        .await
        .ok(200);
    assert_eq!(member["scope"], Value::Null);

    let nowhere = OrganizationId::new();
    for (body, field) in [
        (json!({"roleId": nowhere}), "roleId"),
        (json!({"roleId": "x"}), "roleId"),
        (
            json!({"roleId": viewer, "scope": {"servers": [nowhere]}}),
            "scope.servers",
        ),
        (
            json!({"roleId": viewer, "scope": {"instances": [nowhere]}}),
            "scope.instances",
        ),
        (
            json!({"roleId": viewer, "scope": {"servers": []}}),
            "scope.servers",
        ),
        (
            json!({"roleId": viewer, "scope": {"environments": ["moon"]}}),
            "scope.environments[0]",
        ),
        (json!({"roleId": viewer, "scope": {"server": []}}), "scope.server"),
    ] {
        assert_eq!(client.put(&path, body.clone()).await.fields(), [field], "{body}");
    }
    for unknown in [nowhere.to_string(), "some".to_owned()] {
        let path = format!("/api/members/{unknown}/role");
        let reply = client.put(&path, json!({"roleId": viewer})).await;
        reply.problem(404, "resource.not_found");
    }
    let recorded = client.recorded().await;
    assert_eq!(recorded.iter().filter(|a| *a == "member.role_changed").count(), 3);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn nobody_gives_or_takes_more_than_they_have(pool: PgPool) {
    let client = Client::new(pool).await;
    let clerk = client.with_key(CLERK, Scope::default()).await;
    let helper = client.own_role("Helper", &["view:servers"]).await;
    let admin = client.role(SystemRole::Admin).await;
    let weak = client.member("weak@acme.example", SystemRole::Viewer).await;
    let strong = client.member("strong@acme.example", SystemRole::Admin).await;
    let set = async |client: &Client, user: UserId, body: Value| {
        client.put(&format!("/api/members/{user}/role"), body).await
    };
    // A viewer may see more than this clerk: backups, for one.
    set(&clerk, weak, json!({"roleId": helper}))
        .await
        .problem(403, "auth.forbidden");
    set(&client, weak, json!({"roleId": helper})).await.ok(200);
    set(&clerk, weak, json!({"roleId": admin}))
        .await
        .problem(403, "auth.forbidden");
    // Not by way of limits either: the part still holds more than the clerk has.
    set(
        &clerk,
        weak,
        json!({"roleId": admin, "scope": {"environments": ["staging"]}}),
    )
    .await
    .problem(403, "auth.forbidden");
    set(&clerk, strong, json!({"roleId": helper}))
        .await
        .problem(403, "auth.forbidden");
    let path = format!("/api/members/{strong}");
    clerk.delete(&path).await.problem(403, "auth.forbidden");
    assert_eq!(found(&client, strong).await["role"]["name"], "Admin");
    assert_eq!(clerk.delete(&format!("/api/members/{weak}")).await.status, 204);
    assert_eq!(found(&client, weak).await, Value::Null);
    let recorded = client.recorded().await;
    assert_eq!(recorded, ["member.role_changed", "member.removed"]);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn the_owner_stays_the_owner(pool: PgPool) {
    let client = Client::new(pool).await;
    let owner = client.member("owner@acme.example", SystemRole::Owner).await;
    let user = client.member("anna@acme.example", SystemRole::Admin).await;
    let (viewer, owners) = (
        client.role(SystemRole::Viewer).await,
        client.role(SystemRole::Owner).await,
    );
    let path = format!("/api/members/{owner}");
    client.delete(&path).await.problem(409, "state.conflict");
    client
        .put(&format!("{path}/role"), json!({"roleId": viewer}))
        .await
        .problem(409, "state.conflict");
    // Nor is there a second one.
    for (path, body) in [
        (format!("/api/members/{user}/role"), json!({"roleId": owners})),
        (
            "/api/members/invite".into(),
            json!({"roleId": owners, "email": "b@c.example"}),
        ),
        ("/api/invite-links".into(), json!({"roleId": owners})),
    ] {
        let method = if path.ends_with("role") { "PUT" } else { "POST" };
        let reply = client.send(method, &path, Some(&body)).await;
        reply.problem(403, "auth.forbidden");
    }
    assert_eq!(found(&client, owner).await["isOwner"], true);
    assert!(client.recorded().await.is_empty());
}

#[sqlx::test(migrations = "../store/migrations")]
async fn to_look_is_not_to_change(pool: PgPool) {
    let client = Client::new(pool).await;
    let user = client.member("anna@acme.example", SystemRole::Viewer).await;
    let viewer = client.with_key(&["view:members"], Scope::default()).await;
    viewer.get("/api/members").await.ok(200);
    viewer.get("/api/invitations").await.ok(200);
    let path = format!("/api/members/{user}");
    viewer.delete(&path).await.problem(403, "auth.forbidden");
    viewer
        .get("/api/invite-links")
        .await
        .problem(403, "auth.forbidden");
    let nobody = client.with_key(&["manage:instances"], Scope::default()).await;
    nobody.get("/api/members").await.problem(403, "auth.forbidden");
    let mut conn = client.store.connection().await.unwrap();
    let left = members::get(&mut conn, OrganizationId::DEFAULT, user).await;
    assert!(left.unwrap().is_some());
}
