//! Servers.

use ocore_domain::server::ServerStatus;
use ocore_store::servers as rows;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::Client;

const FINGERPRINT: &str = "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU";
const HOST_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

fn by_key(name: &str) -> Value {
    json!({"name": name, "host": "10.0.0.1", "authMethod": "key", "sshPrivateKey": "k", "sshKeyPassphrase": "p"})
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_server_is_added_shown_and_removed(pool: PgPool) {
    let client = Client::new(pool).await;
    let added = client.post("/api/servers", by_key("Web One")).await.ok(202);
    let (server, operation) = (&added["server"], &added["operation"]);
    assert_eq!(
        (&server["port"], &server["sshUser"], &server["status"]),
        (&22.into(), &"root".into(), &"validating".into())
    );
    assert_eq!(server["osName"], Value::Null);
    assert!(server.get("observedAt").is_some());
    assert_eq!(
        (&operation["kind"], &operation["state"]),
        (&"server_validate".into(), &"queued".into())
    );
    assert_eq!(operation["subjectId"], server["id"]);
    assert_eq!(operation["waitingFor"], "a free worker");
    assert_eq!(operation["steps"][0]["state"], "pending");
    for name in ["Web%20One", "web%20one", server["id"].as_str().unwrap()] {
        assert_eq!(
            client.get(&format!("/api/servers/{name}")).await.ok(200)["id"],
            server["id"]
        );
    }

    let id = serde_json::from_value(server["id"].clone()).unwrap();
    let mut conn = client.store.connection().await.unwrap();
    rows::pin_host_key(&mut conn, id, Some(HOST_KEY)).await.unwrap();
    assert_eq!(
        client.get("/api/servers/web%20one").await.ok(200)["hostKeyFingerprint"],
        FINGERPRINT
    );

    for confirm in ["", "?confirm=web", "?confirm=web%20one", "?force=true"] {
        let reply = client.delete(&format!("/api/servers/web%20one{confirm}")).await;
        reply.problem(400, "request.confirmation_missing");
    }
    // The validation is still queued.
    let reply = client.delete("/api/servers/web%20one?confirm=Web%20One").await;
    assert_eq!(
        reply.problem(409, "operation.in_progress")["operationId"],
        operation["id"]
    );
    let cancelled = format!("/api/operations/{}/cancel", operation["id"].as_str().unwrap());
    assert_eq!(
        client.post(&cancelled, json!({})).await.ok(202)["state"],
        "cancelled"
    );
    let removed = client
        .delete("/api/servers/web%20one?confirm=Web%20One&force=true")
        .await
        .ok(202);
    assert_eq!(removed["operation"]["kind"], "server_remove");
    assert_eq!(removed["server"]["status"], "removing");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_name_is_given_once(pool: PgPool) {
    let client = Client::new(pool).await;
    client.post("/api/servers", by_key("one")).await.ok(202);
    let problem = client
        .post("/api/servers", by_key("ONE"))
        .await
        .problem(409, "name.taken");
    assert!(problem["detail"].as_str().unwrap().contains("`ONE`"));
    assert_eq!(
        client.get("/api/operations").await.ok(200)["data"]
            .as_array()
            .unwrap()
            .len(),
        1,
        "nothing is left"
    );
}

#[sqlx::test(migrations = "../store/migrations")]
async fn lists_are_paged_and_searched(pool: PgPool) {
    let client = Client::new(pool).await;
    for n in 0..5 {
        client
            .post("/api/servers", by_key(&format!("Server {n}")))
            .await
            .ok(202);
    }
    let mut seen = Vec::new();
    let mut path = "/api/servers?limit=2".to_owned();
    loop {
        let page = client.get(&path).await.ok(200);
        seen.extend(
            page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|s| s["name"].as_str().unwrap().to_owned()),
        );
        assert_eq!(page["hasMore"], !page["nextCursor"].is_null());
        let Some(cursor) = page["nextCursor"].as_str() else {
            break;
        };
        path = format!("/api/servers?limit=2&cursor={}", cursor.replace(' ', "%20"));
    }
    assert_eq!(seen, ["Server 0", "Server 1", "Server 2", "Server 3", "Server 4"]);
    for (query, count) in [
        ("search=vER%203", 1),
        ("search=10.0.0", 5),
        ("search=%25", 0),
        ("status=active", 0),
        ("status=validating", 5),
    ] {
        let page = client.get(&format!("/api/servers?{query}")).await.ok(200);
        assert_eq!(page["data"].as_array().unwrap().len(), count, "{query}");
    }
    let page = client
        .get("/api/operations?limit=3&kind=server_validate")
        .await
        .ok(200);
    assert_eq!(page["data"][0]["subjectName"], "Server 4", "newest first");
    assert!(
        page["data"]
            .as_array()
            .unwrap()
            .iter()
            .all(|o| o["steps"].as_array().unwrap().len() == 6)
    );
    let rest = client
        .get(&format!(
            "/api/operations?cursor={}",
            page["nextCursor"].as_str().unwrap()
        ))
        .await
        .ok(200);
    assert_eq!(rest["data"].as_array().unwrap().len(), 2);
    assert_eq!(rest["hasMore"], false);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_server_is_validated_again_with_other_credentials(pool: PgPool) {
    let client = Client::new(pool).await;
    let added = client.post("/api/servers", by_key("one")).await.ok(202);
    let reply = client.post("/api/servers/one/validate", json!({})).await;
    assert_eq!(
        reply.problem(409, "operation.in_progress")["operationId"],
        added["operation"]["id"]
    );
    let end = async |operation: &Value| {
        client
            .post(
                &format!("/api/operations/{}/cancel", operation["id"].as_str().unwrap()),
                json!({}),
            )
            .await
            .ok(202);
    };
    end(&added["operation"]).await;

    // A passphrase alone is that of the key that is kept.
    let again = client
        .post("/api/servers/one/validate", json!({"sshKeyPassphrase": "other"}))
        .await
        .ok(202);
    let mut conn = client.store.connection().await.unwrap();
    let id = serde_json::from_value(added["server"]["id"].clone()).unwrap();
    let row = rows::get(&mut conn, id).await.unwrap().unwrap();
    let (kept, _) = rows::secrets(&mut conn, client.store.sealer(), &row)
        .await
        .unwrap();
    assert_eq!(kept.private_key.unwrap().expose_secret(), "k");
    assert_eq!(kept.passphrase.unwrap().expose_secret(), "other");
    end(&again["operation"]).await;

    let again = client.post(
        "/api/servers/one/validate",
        json!({"sshPassword": "p", "hostKeyFingerprint": FINGERPRINT}),
    );
    let again = again.await.ok(202);
    assert_eq!(again["server"]["authMethod"], "password");
    end(&again["operation"]).await;
    for (body, field) in [
        (json!({"sshPassword": "p", "sshPrivateKey": "k"}), "sshPrivateKey"),
        (json!({"sshKeyPassphrase": "canary"}), "sshPrivateKey"),
        (json!({"hostKeyFingerprint": "SHA256:x"}), "hostKeyFingerprint"),
    ] {
        let reply = client.post("/api/servers/one/validate", body.clone()).await;
        let fields = reply.fields();
        // The key was given up with the change to a password.
        assert!(fields.contains(&field.to_owned()), "{body}: {fields:?}");
    }
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_server_that_bears_instances_stays(pool: PgPool) {
    let client = Client::new(pool).await;
    client.active_server("one").await;
    client
        .post("/api/instances", json!({"name": "acme", "serverId": "one"}))
        .await
        .ok(202);
    assert_eq!(client.get("/api/servers/one").await.ok(200)["instanceCount"], 1);
    let problem = client
        .delete("/api/servers/one?confirm=one")
        .await
        .problem(409, "resource.in_use");
    assert!(problem["detail"].as_str().unwrap().contains("acme"));
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_server_that_is_lost_is_forgotten_with_its_instances(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    let server = client.active_server("one").await;
    client
        .post("/api/instances", json!({"name": "acme", "serverId": "one"}))
        .await
        .ok(202);
    let forget = "/api/servers/one?confirm=one&force=true";
    client.delete(forget).await.problem(409, "resource.in_use");
    let mut conn = client.store.connection().await.unwrap();
    rows::set_status(&mut conn, server, ServerStatus::Unreachable, None)
        .await
        .unwrap();
    // An operation is at work on it.
    client.delete(forget).await.problem(409, "operation.in_progress");
    sqlx::query("update instances set status = 'running'")
        .execute(&pool)
        .await
        .unwrap();
    let lost = client.delete("/api/servers/one?confirm=one").await;
    let lost = lost.problem(409, "resource.in_use");
    assert!(lost["mend"].as_str().unwrap().contains("--force"), "{lost}");
    client.delete(forget).await.ok(202);
    client
        .get("/api/instances/acme")
        .await
        .problem(404, "resource.not_found");
    let activity = client.get("/api/activity").await.ok(200);
    assert!(activity.to_string().contains("was given up"), "{activity}");
}
