//! Invitations and invite links.

use axum::{body::Body, http::Request};
use ocore_domain::access::{Scope, SystemRole};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::Client;

const BEGIN: &str = "http://localhost:3000/invitations/";

async fn look_up(client: &Client, link: &Value) -> crate::support::Reply {
    let token = link.as_str().unwrap().strip_prefix(BEGIN).unwrap();
    let path = format!("/api/invitations/lookup?token={token}");
    client.raw(Request::get(path).body(Body::empty()).unwrap()).await
}

#[sqlx::test(migrations = "../store/migrations")]
async fn an_invitation_is_sent_again_and_taken_back(pool: PgPool) {
    let client = Client::new(pool).await;
    let viewer = client.role(SystemRole::Viewer).await;
    let body =
        json!({"email": "Anna@acme.example", "roleId": viewer, "scope": {"environments": ["staging"]}});
    let sent = client.post("/api/members/invite", body).await.ok(201);
    assert_eq!(
        (
            &sent["status"],
            &sent["role"]["name"],
            &sent["invitedBy"],
            &sent["scope"]
        ),
        (
            &json!("pending"),
            &json!("Viewer"),
            &Value::Null,
            &json!({"environments": ["staging"]})
        )
    );
    let shown = look_up(&client, &sent["link"]).await.ok(200);
    assert_eq!(
        (&shown["organization"]["slug"], &shown["email"], &shown["role"]),
        (&json!("default"), &json!("Anna@acme.example"), &json!("Viewer"))
    );
    let again = json!({"email": "anna@ACME.example", "roleId": viewer});
    client
        .post("/api/members/invite", again)
        .await
        .problem(409, "state.conflict");

    let path = format!("/api/invitations/{}", sent["id"].as_str().unwrap());
    let resent = client.post(&format!("{path}/resend"), json!({})).await.ok(202);
    assert_eq!(resent["id"], sent["id"]);
    look_up(&client, &sent["link"])
        .await
        .problem(400, "auth.invalid_link");
    look_up(&client, &resent["link"]).await.ok(200);

    let listed = client.get("/api/invitations?status=pending").await.ok(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    assert!(!listed.to_string().contains("link"));
    assert_eq!(client.delete(&path).await.status, 204);
    look_up(&client, &resent["link"])
        .await
        .problem(400, "auth.invalid_link");
    client.delete(&path).await.problem(409, "state.conflict");
    let resend = client.post(&format!("{path}/resend"), json!({})).await;
    resend.problem(409, "state.conflict");
    let listed = client.get("/api/invitations?status=cancelled").await.ok(200);
    assert_eq!(listed["data"][0]["id"], sent["id"]);
    assert_eq!(
        client.get("/api/invitations?status=pending").await.ok(200)["data"],
        json!([])
    );

    assert_eq!(
        client.recorded().await,
        ["member.invited", "invitation.resent", "invitation.cancelled"]
    );
    let token = |sent: &Value| sent["link"].as_str().unwrap()[BEGIN.len()..].to_owned();
    let kept: String = sqlx::query_scalar(
        "select string_agg(entry::text, '') || (select string_agg(i::text, '') from invitations i) from audit_log",
    )
    .fetch_one(client.store.pool())
    .await
    .unwrap();
    assert!(kept.contains("Anna@acme.example"));
    assert!(!kept.contains(&token(&sent)) && !kept.contains(&token(&resent)));
}

#[sqlx::test(migrations = "../store/migrations")]
async fn an_invitation_that_is_too_old_is_renewed_or_made_again(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    let viewer = client.role(SystemRole::Viewer).await;
    let body = json!({"email": "anna@acme.example", "roleId": viewer});
    let old = client.post("/api/members/invite", body.clone()).await.ok(201);
    let expire = async || {
        let expired = sqlx::query("update invitations set expires_at = now() where status = 'pending'");
        expired.execute(&pool).await.unwrap();
    };
    expire().await;
    look_up(&client, &old["link"])
        .await
        .problem(400, "auth.invalid_link");
    let listed = client.get("/api/invitations?status=expired").await.ok(200);
    assert_eq!(listed["data"][0]["status"], "expired");
    let path = format!("/api/invitations/{}/resend", old["id"].as_str().unwrap());
    let renewed = client.post(&path, json!({})).await.ok(202);
    assert_eq!(renewed["status"], "pending");
    look_up(&client, &renewed["link"]).await.ok(200);
    expire().await;
    let new = client.post("/api/members/invite", body).await.ok(201);
    assert_ne!(new["id"], old["id"]);
    look_up(&client, &new["link"]).await.ok(200);
    // Who is in already is not invited.
    client.member("bert@acme.example", SystemRole::Viewer).await;
    let body = json!({"email": "BERT@acme.example", "roleId": viewer});
    client
        .post("/api/members/invite", body)
        .await
        .problem(409, "state.conflict");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn wrong_invitations_are_named(pool: PgPool) {
    let client = Client::new(pool).await;
    let viewer = client.role(SystemRole::Viewer).await;
    for (body, field) in [
        (json!({"email": "anna", "roleId": viewer}), "email"),
        (json!({"email": "a@b.c\r\nBcc: x@y.z", "roleId": viewer}), "email"),
        (json!({"email": "a@b.c"}), "roleId"),
        (
            json!({"email": "a@b.c", "roleId": viewer, "scope": {"servers": [viewer]}}),
            "scope.servers",
        ),
    ] {
        let reply = client.post("/api/members/invite", body.clone()).await;
        assert_eq!(reply.fields(), [field], "{body}");
    }
    for (body, field) in [
        (json!({"roleId": viewer, "maxUses": -1}), "maxUses"),
        (json!({"roleId": viewer, "maxUses": 10_001}), "maxUses"),
        (json!({"roleId": viewer, "expiresInDays": 0}), "expiresInDays"),
        (
            json!({"roleId": viewer, "expiresInDays": i64::MAX}),
            "expiresInDays",
        ),
        (
            json!({"roleId": viewer, "scope": {"instances": [viewer]}}),
            "scope.instances",
        ),
    ] {
        let reply = client.post("/api/invite-links", body.clone()).await;
        assert_eq!(reply.fields(), [field], "{body}");
    }
    let lookup = client.get("/api/invitations/lookup").await;
    assert_eq!(lookup.fields(), ["token"]);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_link_is_made_shown_and_revoked(pool: PgPool) {
    let client = Client::new(pool).await;
    let viewer = client.role(SystemRole::Viewer).await;
    let body = json!({"roleId": viewer, "maxUses": 3, "expiresInDays": 2});
    let link = client.post("/api/invite-links", body).await.ok(201);
    let code = link["code"].as_str().unwrap();
    assert_eq!(link["url"], format!("http://localhost:3000/join/{code}"));
    assert_eq!(
        (&link["role"]["name"], &link["maxUses"], &link["useCount"]),
        (&json!("Viewer"), &json!(3), &json!(0))
    );
    assert_eq!(
        client.get("/api/invite-links").await.ok(200)["data"],
        json!([link])
    );
    let path = format!("/api/invite-links/{}", link["id"].as_str().unwrap());
    assert_eq!(client.delete(&path).await.status, 204);
    client.delete(&path).await.problem(404, "resource.not_found");
    assert_eq!(client.get("/api/invite-links").await.ok(200)["data"], json!([]));
    assert_eq!(
        client.recorded().await,
        ["invite_link.created", "invite_link.revoked"]
    );
    let recorded: String = sqlx::query_scalar("select string_agg(entry::text, '') from audit_log")
        .fetch_one(client.store.pool())
        .await
        .unwrap();
    assert!(!recorded.contains(code));
}

#[sqlx::test(migrations = "../store/migrations")]
async fn nobody_invites_to_more_than_they_have(pool: PgPool) {
    let client = Client::new(pool).await;
    let clerk = client
        .with_key(&["manage:members", "view:servers"], Scope::default())
        .await;
    let (admin, helper) = (
        client.role(SystemRole::Admin).await,
        client.own_role("Helper", &["view:servers"]).await,
    );
    for path in ["/api/members/invite", "/api/invite-links"] {
        let body = |role| match path {
            "/api/invite-links" => json!({"roleId": role}),
            _ => json!({"roleId": role, "email": format!("{role}@acme.example")}),
        };
        clerk.post(path, body(admin)).await.problem(403, "auth.forbidden");
        clerk.post(path, body(helper)).await.ok(201);
        client.post(path, body(admin)).await.ok(201);
    }
    // The code of a link is as good as the role: it is not told to who could not give it.
    let links = clerk.get("/api/invite-links").await.ok(200);
    let (strong, weak) = (&links["data"][0], &links["data"][1]);
    assert_eq!(
        (&strong["role"]["name"], &strong["code"], &strong["url"]),
        (&json!("Admin"), &Value::Null, &Value::Null)
    );
    assert!(weak["code"].is_string() && weak["url"].is_string());
    let path = format!("/api/invite-links/{}", strong["id"].as_str().unwrap());
    clerk.delete(&path).await.problem(403, "auth.forbidden");
    // Nor does the link of an invitation come to them by sending it again.
    let invitations = clerk.get("/api/invitations").await.ok(200);
    assert_eq!(invitations["data"][0]["role"]["name"], "Admin");
    let path = format!(
        "/api/invitations/{}",
        invitations["data"][0]["id"].as_str().unwrap()
    );
    let resend = clerk.post(&format!("{path}/resend"), json!({})).await;
    resend.problem(403, "auth.forbidden");
    clerk.delete(&path).await.problem(403, "auth.forbidden");
}
