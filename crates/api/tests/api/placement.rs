//! Where instances go: proposals, picking a server, marks of servers, moves and drains as they are asked for.

use axum::{body::Body, http::Request};
use ocore_domain::{InstanceId, ServerId, access::Scope, instance::Transition};
use ocore_store::instances as rows;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::{Client, Reply};

async fn patch(client: &Client, path: &str, if_match: Option<&str>, body: Value) -> Reply {
    let mut request = Request::patch(path)
        .header("authorization", client.token())
        .header("content-type", "application/json");
    if let Some(tag) = if_match {
        request = request.header("if-match", tag);
    }
    client
        .raw(request.body(Body::from(body.to_string())).unwrap())
        .await
}

/// The instance of this name has been made.
async fn up(client: &Client, name: &str) -> InstanceId {
    let shown = client.get(&format!("/api/instances/{name}")).await.ok(200);
    let id: InstanceId = serde_json::from_value(shown["id"].clone()).unwrap();
    let mut conn = client.store.connection().await.unwrap();
    rows::transition(&mut conn, id, Transition::Up, None)
        .await
        .unwrap();
    id
}

async fn create(client: &Client, body: Value) -> Value {
    client.post("/api/instances", body).await.ok(202)
}

fn names(proposal: &Value) -> Vec<(String, Option<u64>)> {
    let servers = proposal["servers"].as_array().unwrap().iter();
    servers
        .map(|one| {
            (
                one["serverName"].as_str().unwrap().to_owned(),
                one["score"].as_u64(),
            )
        })
        .collect()
}

#[sqlx::test(migrations = "../store/migrations")]
async fn what_is_said_of_a_server_is_kept(pool: PgPool) {
    let client = Client::new(pool).await;
    client.active_server("one").await;
    let shown = client.get("/api/servers/one").await;
    let tag = shown.etag().to_owned();
    let body = json!({"country": "de", "region": "fsn1", "labels": {"disk": "nvme"}, "separateProduction": true,
        "taints": [{"key": "gpu"}, {"key": "team", "value": "a"}], "dedicatedTo": "acme"});
    let changed = patch(&client, "/api/servers/one", Some(&tag), body).await;
    let server = changed.ok(200);
    for (field, value) in [
        ("country", json!("DE")),
        ("region", json!("fsn1")),
        ("labels", json!({"disk": "nvme"})),
        ("taints", json!([{"key": "gpu"}, {"key": "team", "value": "a"}])),
        ("dedicatedTo", json!("acme")),
        ("separateProduction", json!(true)),
        ("cordonedAt", Value::Null),
    ] {
        assert_eq!(server[field], value, "{field}");
    }
    assert_ne!(changed.etag(), tag);
    patch(&client, "/api/servers/one", Some(&tag), json!({"name": "late"}))
        .await
        .problem(412, "request.precondition_failed");
    // Null takes away, and what is not given stays.
    let server = patch(
        &client,
        "/api/servers/one",
        None,
        json!({"dedicatedTo": null, "name": "uno"}),
    )
    .await;
    let server = server.ok(200);
    assert_eq!(
        (&server["dedicatedTo"], &server["country"], &server["name"]),
        (&Value::Null, &json!("DE"), &json!("uno"))
    );
    client.active_server("two").await;
    patch(&client, "/api/servers/two", None, json!({"name": "UNO"}))
        .await
        .problem(409, "name.taken");
    for (bad, field) in [
        (json!({"country": "GER"}), "country"),
        (json!({"region": " x"}), "region"),
        (json!({"labels": {"": "x"}}), "labels"),
        (json!({"taints": [{"key": "a\nb"}]}), "taints"),
        (json!({"dedicatedTo": ""}), "dedicatedTo"),
        (json!({"description": "x".repeat(2001)}), "description"),
        (json!({"name": ""}), "name"),
    ] {
        let reply = patch(&client, "/api/servers/two", None, bad.clone()).await;
        assert!(
            reply.fields().contains(&field.to_owned()),
            "{bad}: {}",
            reply.text
        );
    }
    let recorded = client.recorded().await;
    assert_eq!(
        recorded
            .iter()
            .filter(|action| *action == "server.updated")
            .count(),
        2
    );
}

#[sqlx::test(migrations = "../store/migrations")]
async fn servers_are_proposed_with_reasons(pool: PgPool) {
    let client = Client::new(pool).await;
    for (name, country) in [("near", "NL"), ("far", "AU"), ("closed", "DE")] {
        client.active_server(name).await;
        let path = format!("/api/servers/{name}");
        patch(&client, &path, None, json!({"country": country}))
            .await
            .ok(200);
    }
    client.post("/api/servers/closed/cordon", json!({})).await.ok(200);
    let wish = json!({"placement": {"country": "DE"}, "memoryLimitBytes": 2_u64 << 30});
    let proposal = client.post("/api/placement", wish).await.ok(200);
    assert_eq!(proposal["policy"], "spread");
    let order = names(&proposal);
    assert_eq!(
        order.iter().map(|one| one.0.as_str()).collect::<Vec<_>>(),
        ["near", "far", "closed"]
    );
    assert!(order[0].1 > order[1].1 && order[2].1.is_none(), "{order:?}");
    let near = &proposal["servers"][0];
    assert_eq!(near["takes"]["memoryBytes"], 2_u64 << 30);
    let distance = near["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["code"] == "distance");
    assert!(
        distance.unwrap()["figures"]["kilometres"].as_f64().unwrap() > 100.0,
        "{near}"
    );
    assert_eq!(proposal["servers"][2]["reasons"][0]["code"], "cordoned");
    // The organization prefers full servers, or this request does.
    let one = json!({"name": "aa", "serverId": "far"});
    create(&client, one).await;
    let first = |proposal: &Value| names(proposal)[0].0.clone();
    assert_eq!(
        first(&client.post("/api/placement", json!({})).await.ok(200)),
        "near"
    );
    let pack = client.post("/api/placement", json!({"policy": "pack"})).await;
    assert_eq!(first(&pack.ok(200)), "far");
    let settings = client
        .put("/api/org/settings", json!({"placementPolicy": "pack"}))
        .await;
    assert_eq!(settings.ok(200)["placementPolicy"], "pack");
    assert_eq!(
        first(&client.post("/api/placement", json!({})).await.ok(200)),
        "far"
    );
    let bad = client
        .post("/api/placement", json!({"placement": {"country": "Germany"}}))
        .await;
    assert_eq!(bad.fields(), ["placement.country"]);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn without_a_server_the_best_is_taken_until_none_is_left(pool: PgPool) {
    let client = Client::new(pool).await;
    client.active_server("one").await;
    client.active_server("two").await;
    // 13 GiB of 16 can be promised on each.
    let mut taken = Vec::new();
    for i in 0..4 {
        let body = json!({"name": format!("i{i}"), "memoryLimitBytes": 6_u64 << 30});
        let created = create(&client, body).await;
        assert_eq!(
            created["placement"]["serverName"],
            created["instance"]["serverName"]
        );
        assert!(created["placement"]["score"].as_u64().is_some(), "{created}");
        taken.push(created["instance"]["serverName"].as_str().unwrap().to_owned());
    }
    taken.sort();
    assert_eq!(taken, ["one", "one", "two", "two"]);
    let full = client
        .post(
            "/api/instances",
            json!({"name": "late", "memoryLimitBytes": 6_u64 << 30}),
        )
        .await
        .problem(409, "placement.no_server");
    let detail = full["detail"].as_str().unwrap();
    assert!(
        detail.contains("one:") && detail.contains("two:") && detail.contains("MiB"),
        "{detail}"
    );
    client
        .get("/api/instances/late")
        .await
        .problem(404, "resource.not_found");
}

/// Many at once: each server's row is locked, so that together they do not take more than there is.
#[sqlx::test(migrations = "../store/migrations")]
async fn many_at_once_do_not_take_more_than_there_is(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    client.active_server("one").await;
    client.active_server("two").await;
    let asked = (0..12).map(|i| {
        let client = &client;
        let body = json!({"name": format!("i{i}"), "memoryLimitBytes": 4_u64 << 30});
        async move { client.post("/api/instances", body).await }
    });
    let replies = futures::future::join_all(asked).await;
    let made = replies.iter().filter(|reply| reply.status == 202).count();
    assert_eq!(made, 6, "three of 4 GiB go into 13 GiB, twice");
    for reply in replies.iter().filter(|reply| reply.status != 202) {
        reply.problem(409, "placement.no_server");
    }
    let promised: Vec<i64> = sqlx::query_scalar(
        "select sum((settings ->> 'memoryLimitBytes')::bigint)::bigint from instances group by server_id",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(promised, [12_i64 << 30, 12 << 30]);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn who_names_a_server_sets_aside_taints_and_not_what_is_kept_apart(pool: PgPool) {
    let client = Client::new(pool).await;
    client.active_server("one").await;
    let on_one = |name: &str, more: Value| {
        let mut body = json!({"name": name, "serverId": "one", "memoryLimitBytes": 1_u64 << 30});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    patch(
        &client,
        "/api/servers/one",
        None,
        json!({"taints": [{"key": "gpu"}]}),
    )
    .await
    .ok(200);
    let nobody = json!({"name": "any", "memoryLimitBytes": 1_u64 << 30});
    client
        .post("/api/instances", nobody.clone())
        .await
        .problem(409, "placement.no_server");
    create(&client, on_one("named", json!({}))).await;
    let mut tolerant = nobody;
    tolerant["placement"] = json!({"tolerations": [{"key": "gpu"}]});
    create(&client, tolerant).await;

    let refused = |reply: Reply, word: &str| {
        let problem = reply.problem(409, "placement.refused");
        assert!(problem["detail"].as_str().unwrap().contains(word), "{problem}");
    };
    patch(&client, "/api/servers/one", None, json!({"dedicatedTo": "acme"}))
        .await
        .ok(200);
    let reply = client.post("/api/instances", on_one("foreign", json!({}))).await;
    refused(reply, "dedicated");
    let acme = json!({"placementGroup": "acme", "antiAffinity": true});
    let created = create(&client, on_one("first", acme.clone())).await;
    assert_eq!(created["instance"]["placementGroup"], "acme");
    let reply = client.post("/api/instances", on_one("second", acme)).await;
    refused(reply, "kept apart");
    patch(
        &client,
        "/api/servers/one",
        None,
        json!({"dedicatedTo": null, "separateProduction": true}),
    )
    .await
    .ok(200);
    let reply = client
        .post(
            "/api/instances",
            on_one("prod", json!({"environmentType": "production"})),
        )
        .await;
    refused(reply, "Production");
    client.post("/api/servers/one/cordon", json!({})).await.ok(200);
    let reply = client.post("/api/instances", on_one("late", json!({}))).await;
    refused(reply, "cordoned");
    client.post("/api/servers/one/uncordon", json!({})).await.ok(200);
    create(&client, on_one("again", json!({}))).await;
    let recorded = client.recorded().await;
    for action in ["server.cordoned", "server.uncordoned"] {
        assert!(recorded.iter().any(|one| one == action), "{action}");
    }
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_move_holds_its_place_on_both_servers(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    client.active_server("one").await;
    let two = client.active_server("two").await;
    create(
        &client,
        json!({"name": "acme", "serverId": "one", "memoryLimitBytes": 8_u64 << 30}),
    )
    .await;
    client
        .post("/api/instances/acme/move", json!({"serverId": "two"}))
        .await
        .problem(409, "operation.in_progress");
    up(&client, "acme").await;
    client
        .post("/api/instances/acme/move", json!({"serverId": "one"}))
        .await
        .problem(409, "state.conflict");
    client.post("/api/servers/two/cordon", json!({})).await.ok(200);
    client
        .post("/api/instances/acme/move", json!({"serverId": "two"}))
        .await
        .problem(409, "placement.refused");
    client
        .post("/api/instances/acme/move", json!({}))
        .await
        .problem(409, "placement.no_server");
    client.post("/api/servers/two/uncordon", json!({})).await.ok(200);

    let moving = client.post("/api/instances/acme/move", json!({})).await.ok(202);
    assert_eq!(moving["placement"]["serverName"], "two", "{moving}");
    assert_eq!(moving["operation"]["kind"], "instance_move");
    assert_eq!(moving["instance"]["status"], "moving");
    assert_eq!(moving["instance"]["moveTargetId"], json!(two));
    // Its memory is promised on both until it has moved.
    for server in ["one", "two"] {
        client
            .post(
                "/api/instances",
                json!({"name": "late", "serverId": server, "memoryLimitBytes": 6_u64 << 30}),
            )
            .await
            .problem(409, "server.insufficient_memory");
        client
            .delete(&format!("/api/servers/{server}?confirm={server}"))
            .await
            .problem(409, "resource.in_use");
    }
    client
        .post("/api/instances/acme/control", json!({"action": "stop"}))
        .await
        .problem(409, "operation.in_progress");
    // Nobody has begun it: it is as it was.
    let id = moving["operation"]["id"].as_str().unwrap();
    client
        .post(&format!("/api/operations/{id}/cancel"), json!({}))
        .await
        .ok(202);
    let shown = client.get("/api/instances/acme").await.ok(200);
    assert_eq!(
        (&shown["status"], &shown["moveTargetId"]),
        (&json!("running"), &Value::Null)
    );
    client.delete("/api/servers/two?confirm=two").await.ok(202);
    assert!(
        client
            .recorded()
            .await
            .iter()
            .any(|action| action == "instance.moved")
    );
}

/// Parts of it may be on both: it is not started with one while the other could run.
#[sqlx::test(migrations = "../store/migrations")]
async fn a_move_that_did_not_end_is_ended_first(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    client.active_server("one").await;
    let two = client.active_server("two").await;
    create(&client, json!({"name": "acme", "serverId": "one"})).await;
    let id = up(&client, "acme").await;
    sqlx::query("update instances set status = 'failed', move_target_id = $1")
        .bind(two.uuid())
        .execute(&pool)
        .await
        .unwrap();
    for action in ["start", "stop", "restart"] {
        let refused = client
            .post("/api/instances/acme/control", json!({"action": action}))
            .await;
        let refused = refused.problem(409, "state.conflict");
        assert!(
            refused["mend"].as_str().unwrap().contains("move acme --to two"),
            "{refused}"
        );
    }
    client
        .delete("/api/instances/acme?confirm=acme")
        .await
        .problem(409, "state.conflict");
    client
        .post("/api/instances/acme/move", json!({"serverId": "two"}))
        .await
        .ok(202);
    // After the switch it is used like any other; only its old copy is to be removed before it is deleted.
    sqlx::query(
        "update instances set status = 'running', move_target_id = null, move_source_id = server_id, server_id = $2 where id = $1",
    )
    .bind(id.uuid())
    .bind(two.uuid())
    .execute(&pool)
    .await
    .unwrap();
    client
        .delete("/api/instances/acme?confirm=acme")
        .await
        .problem(409, "state.conflict");
    client
        .post("/api/instances/acme/move", json!({"serverId": "one"}))
        .await
        .problem(409, "state.conflict");
    client
        .post("/api/instances/acme/control", json!({"action": "stop"}))
        .await
        .ok(202);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_drain_cordons_and_goes_on_alone(pool: PgPool) {
    let client = Client::new(pool).await;
    client.active_server("one").await;
    let drain = client.post("/api/servers/one/drain", json!({})).await.ok(202);
    assert_eq!(drain["operation"]["kind"], "server_drain");
    assert!(drain["server"]["cordonedAt"].is_string(), "{drain}");
    client
        .post("/api/servers/one/drain", json!({}))
        .await
        .problem(409, "operation.in_progress");
    assert!(
        client
            .recorded()
            .await
            .iter()
            .any(|action| action == "server.drained")
    );
}

/// A limited grant neither sees servers beside its own nor places anything there; what others are promised counts all the
/// same.
#[sqlx::test(migrations = "../store/migrations")]
async fn a_limited_grant_places_within_its_limits(pool: PgPool) {
    let client = Client::new(pool).await;
    let one: ServerId = client.active_server("mine").await;
    client.active_server("beside").await;
    create(&client, json!({"name": "big", "serverId": "mine", "memoryLimitBytes": 8_u64 << 30, "environmentType": "production"})).await;
    let scope = Scope {
        servers: Some([one].into()),
        ..Scope::default()
    };
    let limited = client
        .with_key(
            &["manage:servers", "manage:instances", "manage:operations"],
            scope,
        )
        .await;
    let proposal = limited
        .post("/api/placement", json!({"memoryLimitBytes": 1_u64 << 30}))
        .await;
    assert!(!proposal.text.contains("beside"), "{}", proposal.text);
    assert_eq!(names(&proposal.ok(200)).len(), 1);
    let created = create(&limited, json!({"name": "aa", "memoryLimitBytes": 1_u64 << 30})).await;
    assert_eq!(created["instance"]["serverName"], "mine");
    limited
        .post(
            "/api/instances",
            json!({"name": "bb", "memoryLimitBytes": 6_u64 << 30}),
        )
        .await
        .problem(409, "placement.no_server");
    limited
        .post("/api/instances", json!({"name": "cc", "serverId": "beside"}))
        .await
        .problem(404, "resource.not_found");
    up(&client, "aa").await;
    limited
        .post("/api/instances/aa/move", json!({"serverId": "beside"}))
        .await
        .problem(404, "resource.not_found");
    limited
        .post("/api/instances/aa/move", json!({}))
        .await
        .problem(409, "placement.no_server");
    limited
        .post("/api/servers/mine/drain", json!({}))
        .await
        .problem(403, "auth.forbidden");
    limited
        .post("/api/servers/beside/drain", json!({}))
        .await
        .problem(404, "resource.not_found");
    patch(&limited, "/api/servers/beside", None, json!({"region": "x"}))
        .await
        .problem(404, "resource.not_found");
    // One that is kept to an environment counts the memory of what it does not see.
    let scope = Scope {
        environments: Some(vec![ocore_domain::instance::EnvironmentType::Staging]),
        servers: Some([one].into()),
        ..Scope::default()
    };
    let staging = client
        .with_key(&["manage:servers", "manage:instances"], scope)
        .await;
    let proposal = staging
        .post("/api/placement", json!({"memoryLimitBytes": 6_u64 << 30}))
        .await
        .ok(200);
    assert_eq!(
        proposal["servers"][0]["reasons"][0]["code"], "memory",
        "{proposal}"
    );
}
