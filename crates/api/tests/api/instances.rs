//! Instances.

use ocore_domain::{InstanceId, instance::Transition};
use ocore_store::{instances as rows, servers};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::Client;

async fn moved(client: &Client, instance: &Value, transition: Transition) {
    let id: InstanceId = serde_json::from_value(instance["id"].clone()).unwrap();
    let mut conn = client.store.connection().await.unwrap();
    rows::transition(&mut conn, id, transition, None).await.unwrap();
}

async fn secrets(client: &Client, instance: &Value) -> rows::Secrets {
    let id: InstanceId = serde_json::from_value(instance["id"].clone()).unwrap();
    let mut conn = client.store.connection().await.unwrap();
    let row = rows::get(&mut conn, id).await.unwrap().unwrap();
    rows::secrets(&mut conn, client.store.sealer(), &row)
        .await
        .unwrap()
}

#[sqlx::test(migrations = "../store/migrations")]
async fn an_instance_is_created_with_sound_defaults(pool: PgPool) {
    let client = Client::new(pool).await;
    let server = client.active_server("one").await;
    let body = json!({"name": "Acme Prod", "serverId": "ONE", "envVars": {"SMTP_PASSWORD": "canary"}});
    let created = client.post("/api/instances", body).await.ok(202);
    let instance = &created["instance"];
    for (field, value) in [
        ("slug", json!("acme-prod")),
        ("serverId", json!(server)),
        ("serverName", json!("one")),
        ("odooVersion", json!("19.0")),
        ("odooEdition", json!("community")),
        ("environmentType", json!("development")),
        ("status", json!("creating")),
        ("image", json!("odoo:19")),
        ("workers", json!(2)),
        ("memoryLimitBytes", json!(3_355_443_200_u64)),
        ("cpuLimitMillis", Value::Null),
        ("envVars", json!({"SMTP_PASSWORD": null})),
        ("httpPort", json!(8069)),
        ("httpPortHost", Value::Null),
        ("longpollingPort", json!(8072)),
        ("databaseName", json!("odoo_acme_prod")),
        ("containerName", json!("ocore-acme-prod")),
        ("adminLogin", json!("admin")),
        ("url", Value::Null),
        ("health", json!("unknown")),
    ] {
        assert_eq!(instance[field], value, "{field}");
    }
    assert_eq!(created["operation"]["kind"], "instance_create");
    let kept = secrets(&client, instance).await;
    assert_eq!(
        created["adminPassword"],
        kept.admin_password.unwrap().expose_secret()
    );
    assert_eq!(created["adminPassword"].as_str().unwrap().len(), 20);
    assert_eq!(kept.master_password.expose_secret().len(), 43);
    assert_ne!(
        kept.master_password.expose_secret(),
        kept.database_password.expose_secret()
    );

    let shown = client.get("/api/instances/acme-prod").await;
    assert_eq!(shown.ok(200)["id"], instance["id"]);
    assert!(shown.json().get("adminPassword").is_none());
    assert!(!shown.text.contains("canary"));
}

#[sqlx::test(migrations = "../store/migrations")]
async fn what_is_chosen_is_kept(pool: PgPool) {
    let client = Client::new(pool).await;
    client.active_server("one").await;
    let body = json!({
        "name": "A", "slug": "aa", "serverId": "one", "odooVersion": "18", "odooEdition": "enterprise",
        "environmentType": "production", "image": "registry.local/odoo:18", "maxCronThreads": 1, "cpuLimitMillis": 1500,
        "limitTimeReal": 240, "logLevel": "warn", "adminPassword": "chosen"
    });
    let created = client.post("/api/instances", body).await.ok(202);
    let instance = &created["instance"];
    assert_eq!(
        (&instance["odooVersion"], &instance["workers"]),
        (&"18.0".into(), &9.into())
    );
    assert_eq!(
        (&instance["cpuLimitMillis"], &instance["logLevel"]),
        (&1500.into(), &"warn".into())
    );
    assert!(created.get("adminPassword").is_none(), "it is known already");
    assert_eq!(
        secrets(&client, instance)
            .await
            .admin_password
            .unwrap()
            .expose_secret(),
        "chosen"
    );
}

#[sqlx::test(migrations = "../store/migrations")]
async fn what_cannot_be_is_refused_and_leaves_nothing(pool: PgPool) {
    let client = Client::new(pool).await;
    client.active_server("one").await;
    client
        .post("/api/servers", json!({"name": "new", "authMethod": "local"}))
        .await
        .ok(202);
    client
        .post("/api/instances", json!({"name": "Acme", "serverId": "one"}))
        .await
        .ok(202);
    for (change, status, code) in [
        (json!({"name": "ACME", "slug": "other"}), 409, "name.taken"),
        (json!({"slug": "acme"}), 409, "name.taken"),
        (json!({"serverId": "nowhere"}), 404, "resource.not_found"),
        (json!({"serverId": "new"}), 409, "server.not_active"),
        (
            json!({"memoryLimitBytes": 15_u64 << 30}),
            409,
            "server.insufficient_memory",
        ),
        (json!({"workers": 257}), 400, "request.invalid"),
        (json!({"logLevel": "loud"}), 400, "request.invalid"),
        (json!({"image": "-v /:/host"}), 400, "request.invalid"),
        (json!({"odooVersion": "16.0"}), 400, "request.invalid"),
        (json!({"envVars": {"PATH": "/canary"}}), 400, "request.invalid"),
        (json!({"slug": "Acme!"}), 400, "request.invalid"),
    ] {
        let mut body = json!({"name": "Other", "serverId": "one", "adminPassword": "canary"});
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let reply = client.post("/api/instances", body).await;
        reply.problem(status, code);
        assert!(!reply.text.contains("canary"), "{}", reply.text);
    }
    let page = client.get("/api/instances").await.ok(200);
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
    let operations = client.get("/api/operations?kind=instance_create").await.ok(200);
    assert_eq!(operations["data"].as_array().unwrap().len(), 1);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn memory_is_not_promised_twice(pool: PgPool) {
    let client = Client::new(pool).await;
    client.active_server("one").await;
    let create = |n: u8| {
        let body = json!({"name": format!("i{n}"), "serverId": "one", "memoryLimitBytes": 4_u64 << 30});
        client.post("/api/instances", body)
    };
    // 16 GiB, of which 3 are kept for the server itself: three of 4 GiB fit, however many ask at once.
    let replies = futures::future::join_all((0..6).map(create)).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 202).count(), 3);
    for reply in replies.iter().filter(|reply| reply.status != 202) {
        reply.problem(409, "server.insufficient_memory");
    }
}

#[sqlx::test(migrations = "../store/migrations")]
async fn settings_change_by_an_operation_and_names_without(pool: PgPool) {
    let client = Client::new(pool).await;
    client.active_server("one").await;
    let body = json!({"name": "Acme", "serverId": "one", "envVars": {"A": "1", "B": "2"}});
    let instance = client.post("/api/instances", body).await.ok(202)["instance"].clone();
    client
        .post("/api/instances", json!({"name": "Other", "serverId": "one"}))
        .await
        .ok(202);
    moved(&client, &instance, Transition::Up).await;

    for same in [
        json!({}),
        json!({"workers": 2, "cpuLimitMillis": null}),
        json!({"envVars": {"A": null, "B": "2"}}),
    ] {
        assert_eq!(
            client.put("/api/instances/acme", same).await.ok(202)["operation"],
            Value::Null
        );
    }
    let renamed = client
        .put("/api/instances/acme", json!({"name": "Acme Prod"}))
        .await
        .ok(202);
    assert_eq!(
        (&renamed["operation"], &renamed["instance"]["name"]),
        (&Value::Null, &"Acme Prod".into())
    );
    assert_eq!(renamed["instance"]["slug"], "acme", "the slug stays");
    client
        .put("/api/instances/acme", json!({"name": "OTHER"}))
        .await
        .problem(409, "name.taken");
    for (bad, code) in [
        (json!({"workers": 999}), "request.invalid"),
        (json!({"slug": "x"}), "request.invalid"),
    ] {
        client.put("/api/instances/acme", bad).await.problem(400, code);
    }
    let reply = client
        .put("/api/instances/acme", json!({"envVars": {"C": null}}))
        .await;
    assert_eq!(reply.fields(), ["envVars.C"]);
    client
        .put("/api/instances/acme", json!({"memoryLimitBytes": 1_u64 << 40}))
        .await
        .problem(409, "server.insufficient_memory");

    let changed = client
        .put(
            "/api/instances/acme",
            json!({"workers": 3, "envVars": {"A": null, "C": "canary"}}),
        )
        .await;
    assert!(!changed.text.contains("canary"));
    let changed = changed.ok(202);
    assert_eq!(changed["operation"]["kind"], "instance_update");
    assert_eq!(changed["instance"]["status"], "updating");
    let reply = client.put("/api/instances/acme", json!({"workers": 4})).await;
    reply.problem(409, "operation.in_progress");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn it_is_started_stopped_and_deleted(pool: PgPool) {
    let client = Client::new(pool).await;
    client.active_server("one").await;
    let created = client
        .post("/api/instances", json!({"name": "Acme", "serverId": "one"}))
        .await
        .ok(202);
    let instance = &created["instance"];
    let control = |action: &str| client.post("/api/instances/acme/control", json!({"action": action}));
    let problem = control("stop").await.problem(409, "operation.in_progress");
    assert_eq!(problem["operationId"], created["operation"]["id"]);
    assert_eq!(control("explode").await.fields(), ["action"]);

    moved(&client, instance, Transition::Up).await;
    control("start").await.problem(409, "state.conflict");
    assert_eq!(
        control("stop").await.ok(202)["operation"]["kind"],
        "instance_stop"
    );
    moved(&client, instance, Transition::Down).await;
    let started = control("start").await.ok(202);
    assert_eq!(started["instance"]["status"], "starting");
    moved(&client, instance, Transition::Up).await;
    assert_eq!(
        control("restart").await.ok(202)["instance"]["status"],
        "restarting"
    );
    moved(&client, instance, Transition::Up).await;

    client
        .delete("/api/instances/acme")
        .await
        .problem(400, "request.confirmation_missing");
    client
        .delete("/api/instances/acme?confirm=acm")
        .await
        .problem(400, "request.confirmation_missing");
    let deleted = client
        .delete("/api/instances/acme?confirm=acme&keepDump=false")
        .await
        .ok(202);
    assert_eq!(deleted["operation"]["kind"], "instance_delete");
    assert_eq!(deleted["instance"]["status"], "removing");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn lists_are_filtered(pool: PgPool) {
    let client = Client::new(pool).await;
    client.active_server("one").await;
    client.active_server("two").await;
    for (name, server) in [("b", "one"), ("a", "one"), ("c", "two")] {
        let body = json!({"name": format!("{name}-instance"), "serverId": server});
        client.post("/api/instances", body).await.ok(202);
    }
    for (query, names) in [
        ("", &["a-instance", "b-instance", "c-instance"][..]),
        ("?serverId=one", &["a-instance", "b-instance"]),
        ("?server_id=two", &["c-instance"]),
        ("?search=C-", &["c-instance"]),
        ("?status=running", &[]),
        ("?limit=1", &["a-instance"]),
        ("?limit=2&sort=-name", &["c-instance", "b-instance"]),
    ] {
        let page = client.get(&format!("/api/instances{query}")).await.ok(200);
        let seen: Vec<_> = page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|i| i["name"].as_str().unwrap())
            .collect();
        assert_eq!(seen, names, "{query}");
    }
    client
        .get("/api/instances?serverId=three")
        .await
        .problem(404, "resource.not_found");
    let both = client.get("/api/instances?serverId=one&server_id=one").await;
    assert_eq!(both.fields(), ["serverId"]);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn the_log_of_a_server_that_is_away_is_a_problem(pool: PgPool) {
    let client = Client::new(pool).await;
    // Nobody listens on port 1.
    let far =
        json!({"name": "far", "authMethod": "password", "host": "127.0.0.1", "port": 1, "sshPassword": "x"});
    let server = client.active(far).await;
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    let mut conn = client.store.connection().await.unwrap();
    servers::pin_host_key(&mut conn, server, Some(key)).await.unwrap();
    drop(conn);
    client
        .post("/api/instances", json!({"name": "Acme", "serverId": "far"}))
        .await
        .ok(202);
    for query in ["", "?follow=true"] {
        let reply = client.get(&format!("/api/instances/acme/logs{query}")).await;
        reply.problem(502, "ssh.unreachable");
    }
}
