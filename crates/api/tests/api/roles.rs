//! Roles.

use ocore_domain::access::{Scope, SystemRole};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::Client;

fn path(role: &Value) -> String {
    format!("/api/roles/{}", role["id"].as_str().unwrap())
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_role_is_made_changed_and_deleted(pool: PgPool) {
    let client = Client::new(pool).await;
    let permissions = client.get("/api/permissions").await.ok(200);
    assert_eq!(permissions["data"].as_array().unwrap().len(), 20);
    assert_eq!(
        permissions["data"][1],
        json!({"id": "manage:organization", "action": "manage", "resource": "organization"})
    );

    let body = json!({"name": "Operator", "description": "Restarts", "permissionIds": ["manage:instances", "view:servers"]});
    let made = client.post("/api/roles", body).await;
    assert_eq!(made.etag(), "\"1\"");
    let role = made.ok(201);
    assert_eq!(
        (&role["isSystem"], &role["memberCount"], &role["permissions"]),
        (
            &json!(false),
            &json!(0),
            &json!(["view:servers", "manage:instances"])
        )
    );
    let again = json!({"name": "OPERATOR", "permissionIds": ["view:servers"]});
    client.post("/api/roles", again).await.problem(409, "name.taken");

    let changed = client
        .put_if(&path(&role), "\"1\"", json!({"permissionIds": ["view:servers"]}))
        .await;
    assert_eq!(changed.etag(), "\"2\"");
    assert_eq!(changed.ok(200)["description"], "Restarts");
    let late = client
        .put_if(&path(&role), "\"1\"", json!({"name": "Late"}))
        .await;
    late.problem(412, "request.precondition_failed");
    let taken = client.put(&path(&role), json!({"name": "viewer"})).await;
    taken.problem(409, "name.taken");

    let names = |page: &Value| -> Vec<String> {
        let data = page["data"].as_array().unwrap().iter();
        data.map(|role| role["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let page = client.get("/api/roles?limit=3").await.ok(200);
    assert_eq!(names(&page), ["Admin", "Developer", "Operator"]);
    let cursor = page["nextCursor"].as_str().unwrap();
    let rest = client.get(&format!("/api/roles?cursor={cursor}")).await.ok(200);
    assert_eq!(names(&rest), ["Owner", "Viewer"]);

    assert_eq!(client.delete(&path(&role)).await.status, 204);
    client
        .delete(&path(&role))
        .await
        .problem(404, "resource.not_found");
    client
        .delete("/api/roles/some")
        .await
        .problem(404, "resource.not_found");
    assert_eq!(
        client.recorded().await,
        ["role.created", "role.updated", "role.deleted"]
    );

    for (body, field) in [
        (json!({"name": "", "permissionIds": ["view:servers"]}), "name"),
        (json!({"name": "A", "permissionIds": []}), "permissionIds"),
        (
            json!({"name": "A", "permissionIds": ["view:moon"]}),
            "permissionIds",
        ),
        (json!({"name": "A"}), "permissionIds"),
        (
            json!({"name": "A", "permissionIds": ["view:servers"], "description": "x".repeat(501)}),
            "description",
        ),
    ] {
        assert_eq!(
            client.post("/api/roles", body.clone()).await.fields(),
            [field],
            "{body}"
        );
    }
}

#[sqlx::test(migrations = "../store/migrations")]
async fn system_roles_are_the_same_everywhere(pool: PgPool) {
    let client = Client::new(pool).await;
    for role in SystemRole::ALL {
        let path = format!("/api/roles/{}", client.role(*role).await);
        let reply = client.put(&path, json!({"description": "mine"})).await;
        reply.problem(409, "state.conflict");
        client.delete(&path).await.problem(409, "state.conflict");
    }
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_role_that_somebody_has_or_was_offered_stays(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    let role = client.own_role("Helper", &["view:servers"]).await;
    let path = format!("/api/roles/{role}");
    let user = client.member("anna@acme.example", SystemRole::Viewer).await;
    let set = format!("/api/members/{user}/role");
    client.put(&set, json!({"roleId": role})).await.ok(200);
    let problem = client.delete(&path).await.problem(409, "resource.in_use");
    assert!(
        problem["detail"].as_str().unwrap().contains("1 members"),
        "{problem}"
    );
    let viewer = client.role(SystemRole::Viewer).await;
    client.put(&set, json!({"roleId": viewer})).await.ok(200);

    let invite = json!({"email": "bert@acme.example", "roleId": role});
    let invitation = client.post("/api/members/invite", invite).await.ok(201);
    let link = client
        .post("/api/invite-links", json!({"roleId": role}))
        .await
        .ok(201);
    client.delete(&path).await.problem(409, "resource.in_use");
    let link = format!("/api/invite-links/{}", link["id"].as_str().unwrap());
    assert_eq!(client.delete(&link).await.status, 204);
    client.delete(&path).await.problem(409, "resource.in_use");
    // One that nobody can accept any more is in nobody's way.
    sqlx::query("update invitations set expires_at = now()")
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(client.delete(&path).await.status, 204);
    let listed = client.get("/api/invitations").await.ok(200);
    assert_eq!(listed["data"][0]["id"], invitation["id"]);
    assert_eq!(
        (&listed["data"][0]["role"], &listed["data"][0]["status"]),
        (&Value::Null, &json!("cancelled"))
    );
}

#[sqlx::test(migrations = "../store/migrations")]
async fn nobody_makes_a_role_of_more_than_they_have(pool: PgPool) {
    let client = Client::new(pool).await;
    let limited = client
        .with_key(&["manage:roles", "manage:instances"], Scope::default())
        .await;
    let make = |permissions: Value| json!({"name": "New", "permissionIds": permissions});
    for more in ["view:servers", "manage:members", "manage:organization"] {
        let reply = limited.post("/api/roles", make(json!([more]))).await;
        let problem = reply.problem(403, "auth.forbidden");
        assert!(problem["detail"].as_str().unwrap().contains(more), "{problem}");
    }
    // To view is implied, and manage:roles is one's own.
    let body = make(json!(["view:instances", "manage:roles"]));
    let role = limited.post("/api/roles", body).await.ok(201);
    let raise = json!({"permissionIds": ["manage:roles", "manage:servers"]});
    let reply = limited.put(&path(&role), raise.clone()).await;
    reply.problem(403, "auth.forbidden");
    // What somebody stronger made of it is not theirs any more, not even to make less of it.
    client.put(&path(&role), raise).await.ok(200);
    for body in [
        json!({"name": "Other"}),
        json!({"permissionIds": ["view:instances"]}),
    ] {
        let reply = limited.put(&path(&role), body).await;
        reply.problem(403, "auth.forbidden");
    }
    limited.delete(&path(&role)).await.problem(403, "auth.forbidden");
    let viewer = client.with_key(&["view:roles"], Scope::default()).await;
    viewer.get("/api/roles").await.ok(200);
    viewer.delete(&path(&role)).await.problem(403, "auth.forbidden");
}
