//! The record of who did what: every change is in it, no secret is, and whoever reads it sees their own only.

use std::collections::BTreeSet;

use axum::body::Body;
use http_body_util::BodyExt;
use ocore_domain::{
    OrganizationId,
    audit::{ChainCheck, Link, Place},
};
use ocore_store::{
    api_keys::{self, NewApiKey},
    audit::{self, Entry},
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::Client;

const CANARY: &str = "canary-7f3a";

/// The newest entry.
async fn newest(client: &Client) -> Value {
    client.get("/api/audit-logs?limit=1").await.ok(200)["data"][0].clone()
}

/// A key of another organization, and the client that uses it.
async fn other(client: &Client) -> Client {
    let id = OrganizationId::new();
    sqlx::query("insert into organizations (id, name, slug) values ($1, 'Other', 'other')")
        .bind(id.uuid())
        .execute(client.store.pool())
        .await
        .unwrap();
    let new = NewApiKey {
        is_server_admin: false,
        ..NewApiKey::administrator(id, "theirs")
    };
    let mut conn = client.store.connection().await.unwrap();
    let (_, key) = api_keys::create(&mut conn, &new).await.unwrap();
    client.with_token(key.expose_secret())
}

/// Writes entries as `ocore` itself does.
async fn write(client: &Client, organization: Option<OrganizationId>, count: i64) {
    let mut tx = client.store.begin().await.unwrap();
    for number in 0..count {
        let entry = Entry {
            at_micros: 1_700_000_000_000_000 + number,
            action: "test.written".into(),
            actor_type: "system".into(),
            user_name: "=1+1".into(),
            after_state: Some(json!({"number": number, "text": "ä \"quoted\"\n"})),
            ..Entry::default()
        };
        audit::append(&mut tx, organization, &entry).await.unwrap();
    }
    tx.commit().await.unwrap();
}

#[sqlx::test(migrations = "../store/migrations")]
async fn every_change_leaves_its_entry_and_no_secret(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    client.active_server("one").await;
    client.active_server("two").await;
    let mut done = BTreeSet::new();
    let mut secrets = vec![CANARY.to_owned()];
    // An entry for each, with what it was before and what it is after.
    let add = json!({"name": "keyed", "host": "h", "authMethod": "key", "sshPrivateKey": CANARY, "sshKeyPassphrase": CANARY});
    let password = json!({"name": "password", "host": "h", "authMethod": "password", "sshPassword": CANARY});
    let create =
        json!({"name": "Acme", "serverId": "one", "adminPassword": CANARY, "envVars": {"SECRET": CANARY}});
    let made_up = json!({"name": "Other", "serverId": "one", "envVars": {"SECRET": CANARY}});
    let running = "update instances set status = 'running'; update operations set state = 'done' where state <> 'cancelled'; \
                   delete from operation_leases";
    let failed = "update servers set status = 'failed' where name = 'keyed'; update operations set state = 'failed' where \
                  subject_name = 'keyed'; delete from operation_leases";
    for (method, route, path, body, action, on, before, after, between) in [
        (
            "POST",
            "/api/servers",
            "/api/servers",
            Some(add),
            "server.created",
            "keyed",
            None,
            Some(("status", "validating")),
            "",
        ),
        (
            "POST",
            "/api/servers",
            "/api/servers",
            Some(password),
            "server.created",
            "password",
            None,
            Some(("status", "validating")),
            failed,
        ),
        (
            "POST",
            "/api/operations/{id}/retry",
            "/api/operations/{newest of keyed}/retry",
            None,
            "operation.retried",
            "server_validate",
            Some(("state", "failed")),
            Some(("state", "queued")),
            "",
        ),
        (
            "POST",
            "/api/operations/{id}/cancel",
            "/api/operations/{newest of keyed}/cancel",
            None,
            "operation.cancelled",
            "server_validate",
            Some(("state", "queued")),
            Some(("state", "cancelled")),
            "",
        ),
        (
            "POST",
            "/api/servers/{id}/validate",
            "/api/servers/keyed/validate",
            Some(json!({"sshPassword": CANARY})),
            "server.updated",
            "keyed",
            Some(("authMethod", "key")),
            Some(("authMethod", "password")),
            failed,
        ),
        (
            "DELETE",
            "/api/servers/{id}",
            "/api/servers/keyed?confirm=keyed",
            None,
            "server.deleted",
            "keyed",
            Some(("status", "failed")),
            None,
            "",
        ),
        (
            "POST",
            "/api/instances",
            "/api/instances",
            Some(create),
            "instance.created",
            "Acme",
            None,
            Some(("status", "creating")),
            "",
        ),
        (
            "POST",
            "/api/instances",
            "/api/instances",
            Some(made_up),
            "instance.created",
            "Other",
            None,
            Some(("status", "creating")),
            running,
        ),
        (
            "PUT",
            "/api/instances/{id}",
            "/api/instances/acme",
            Some(json!({"name": "Renamed", "envVars": {"SECRET": CANARY, "MORE": CANARY}})),
            "instance.settings_updated",
            "Acme",
            Some(("name", "Acme")),
            Some(("name", "Renamed")),
            running,
        ),
        (
            "POST",
            "/api/instances/{id}/control",
            "/api/instances/acme/control",
            Some(json!({"action": "restart"})),
            "instance.restarted",
            "Renamed",
            Some(("status", "running")),
            Some(("name", "Renamed")),
            running,
        ),
        (
            "POST",
            "/api/instances/{id}/control",
            "/api/instances/acme/control",
            Some(json!({"action": "stop"})),
            "instance.stopped",
            "Renamed",
            Some(("status", "running")),
            Some(("status", "stopping")),
            "update instances set status = 'stopped'; \
            update operations set state = 'done' where state <> 'cancelled'; delete from operation_leases",
        ),
        (
            "POST",
            "/api/instances/{id}/control",
            "/api/instances/acme/control",
            Some(json!({"action": "start"})),
            "instance.started",
            "Renamed",
            Some(("status", "stopped")),
            Some(("status", "starting")),
            running,
        ),
        (
            "PATCH",
            "/api/servers/{id}",
            "/api/servers/one",
            Some(json!({"country": "DE"})),
            "server.updated",
            "one",
            Some(("name", "one")),
            Some(("country", "DE")),
            "",
        ),
        (
            "POST",
            "/api/servers/{id}/cordon",
            "/api/servers/one/cordon",
            None,
            "server.cordoned",
            "one",
            Some(("name", "one")),
            Some(("name", "one")),
            "",
        ),
        (
            "POST",
            "/api/servers/{id}/uncordon",
            "/api/servers/one/uncordon",
            None,
            "server.uncordoned",
            "one",
            Some(("name", "one")),
            Some(("name", "one")),
            "",
        ),
        (
            "POST",
            "/api/instances/{id}/move",
            "/api/instances/acme/move",
            Some(json!({"serverId": "two"})),
            "instance.moved",
            "Renamed",
            Some(("status", "running")),
            Some(("status", "moving")),
            "update instances set status = 'running', move_target_id = null; \
            update operations set state = 'done' where state <> 'cancelled'; delete from operation_leases",
        ),
        (
            "POST",
            "/api/servers/{id}/drain",
            "/api/servers/one/drain",
            None,
            "server.drained",
            "one",
            Some(("name", "one")),
            Some(("name", "one")),
            "",
        ),
        (
            "DELETE",
            "/api/instances/{id}",
            "/api/instances/acme?confirm=acme",
            None,
            "instance.deleted",
            "Renamed",
            Some(("status", "running")),
            None,
            "",
        ),
    ] {
        let path = if path.contains('{') {
            let keyed = client.get("/api/servers/keyed").await.ok(200)["id"]
                .as_str()
                .unwrap()
                .to_owned();
            let newest = client
                .get(&format!("/api/operations?subjectId={keyed}&limit=1"))
                .await
                .ok(200);
            path.replace("{newest of keyed}", newest["data"][0]["id"].as_str().unwrap())
        } else {
            path.to_owned()
        };
        let reply = client.send(method, &path, body.as_ref()).await;
        let answers_at_once = method == "PATCH" || path.ends_with("cordon");
        let answer = reply.ok(if answers_at_once { 200 } else { 202 });
        secrets.extend(answer["adminPassword"].as_str().map(str::to_owned));
        let entry = newest(&client).await;
        assert_eq!(
            (&entry["action"], &entry["resourceName"]),
            (&json!(action), &json!(on))
        );
        assert_eq!(
            (&entry["actorType"], &entry["userName"]),
            (&json!("api_key"), &json!("test"))
        );
        assert_eq!(
            entry["requestId"],
            reply.headers["x-request-id"].to_str().unwrap()
        );
        for (state, wanted) in [("beforeState", before), ("afterState", after)] {
            match wanted {
                None => assert_eq!(entry[state], Value::Null, "{action} {state}"),
                Some((field, value)) => assert_eq!(entry[state][field], value, "{action} {state}: {entry}"),
            }
        }
        done.insert((method, route));
        if !between.is_empty() {
            sqlx::raw_sql(between).execute(&pool).await.unwrap();
        }
    }
    // There is none of these that is not above.
    let changing: BTreeSet<(&str, String)> = ocore_api::table()
        .into_iter()
        .filter(|route| route.method != "GET")
        .map(|route| (route.method, route.path))
        .filter(|(_, path)| {
            ["/api/servers", "/api/instances", "/api/operations"]
                .iter()
                .any(|of| path.starts_with(of))
                // Those take an agent to install, and are looked at in `agents.rs`.
                && !path.contains("/agent")
        })
        .collect();
    assert_eq!(
        changing,
        done.iter()
            .map(|&(method, route)| (method, route.to_owned()))
            .collect()
    );

    // Whole rows, whatever columns they have.
    assert_eq!(secrets.len(), 2);
    secrets.push(client.token()["Bearer ".len()..].to_owned());
    let rows: Vec<(String,)> = sqlx::query_as("select l::text from audit_log l")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert!(rows.len() >= 13);
    for (row,) in &rows {
        assert!(!secrets.iter().any(|secret| row.contains(secret)), "{row}");
    }
    // Names of variables are no secrets; that the canary could be found shows this.
    assert!(rows.iter().any(|(row,)| row.contains("SECRET")));
    assert_eq!(client.get("/api/audit-logs/verify").await.ok(200)["valid"], true);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn what_fails_is_not_recorded(pool: PgPool) {
    let client = Client::new(pool).await;
    let add = json!({"name": "one", "authMethod": "local"});
    client.post("/api/servers", add.clone()).await.ok(202);
    client.post("/api/servers", add).await.problem(409, "name.taken");
    client
        .delete("/api/servers/one")
        .await
        .problem(400, "request.confirmation_missing");
    let logs = client.get("/api/audit-logs").await.ok(200);
    assert_eq!(logs["data"].as_array().unwrap().len(), 1, "{logs}");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn the_list_is_filtered_and_comes_in_pages(pool: PgPool) {
    let client = Client::new(pool).await;
    for name in ["alpha", "beta"] {
        client
            .post("/api/servers", json!({"name": name, "authMethod": "local"}))
            .await
            .ok(202);
    }
    write(&client, Some(OrganizationId::DEFAULT), 3).await;
    let alpha = client.get("/api/servers/alpha").await.ok(200)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let first = client.get("/api/audit-logs?limit=3").await.ok(200);
    let third = first["nextCursor"].as_str().unwrap();
    let today = chrono::Utc::now().date_naive();
    for (query, found) in [
        (String::new(), vec![5, 4, 3, 2, 1]),
        ("action=server.created".into(), vec![2, 1]),
        ("action=server.".into(), vec![2, 1]),
        ("action=test.&limit=200".into(), vec![5, 4, 3]),
        ("resource_type=server".into(), vec![2, 1]),
        ("resourceType=instance".into(), vec![]),
        (format!("resource_id={alpha}"), vec![1]),
        (format!("resourceId={alpha}"), vec![1]),
        ("user_id=nobody".into(), vec![]),
        ("search=BET".into(), vec![2]),
        (format!("start_date={today}"), vec![2, 1]),
        (format!("startDate={today}&end_date={today}"), vec![2, 1]),
        ("endDate=2023-11-14".into(), vec![5, 4, 3]),
        ("end_date=2023-11-13".into(), vec![]),
        ("end_date=2023-11-14T22:13:20.000001Z".into(), vec![3]),
        ("limit=2".into(), vec![5, 4]),
        (format!("cursor={third}"), vec![2, 1]),
        ("sort=createdAt".into(), vec![1, 2, 3, 4, 5]),
    ] {
        let list = client.get(&format!("/api/audit-logs?{query}")).await.ok(200);
        let ids: Vec<i64> = list["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].as_i64().unwrap())
            .collect();
        assert_eq!(ids, found, "{query}");
    }
    let list = client.get("/api/audit-logs?limit=2").await.ok(200);
    assert!(list["hasMore"] == true && list["nextCursor"].is_string());
    let entry = &client.get("/api/audit-logs?limit=1").await.ok(200)["data"][0];
    assert_eq!(entry["createdAt"], "2023-11-14T22:13:20.000002Z");
    assert_eq!(
        entry["afterState"],
        json!({"number": 2, "text": "ä \"quoted\"\n"})
    );
    assert_eq!(entry["hash"].as_str().unwrap().len(), 64);
    for (query, field) in [
        ("start_date=yesterday", "start_date"),
        ("endDate=2026-13-01", "end_date"),
        ("end_date=%2B262142-12-31", "end_date"),
        ("limit=0", "limit"),
        ("cursor=x", "cursor"),
        ("search=", "search"),
        ("colour=red", "colour"),
    ] {
        assert_eq!(
            client.get(&format!("/api/audit-logs?{query}")).await.fields(),
            [field],
            "{query}"
        );
    }
}

/// The parts of an answer, as they come.
async fn parts(mut body: Body) -> Vec<bytes::Bytes> {
    let mut parts = Vec::new();
    while let Some(frame) = body.frame().await {
        parts.push(frame.unwrap().into_data().unwrap());
    }
    parts
}

#[sqlx::test(migrations = "../store/migrations")]
async fn an_export_streams_and_is_complete(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    write(&client, Some(OrganizationId::DEFAULT), 4_999).await;
    let body = client.stream("/api/audit-logs/export?format=json", None).await;
    // What is written after it began is not in it.
    write(&client, Some(OrganizationId::DEFAULT), 300).await;
    let parts = parts(body).await;
    assert_eq!(parts.len(), 25, "it came at once");
    let text = String::from_utf8(parts.concat()).unwrap();
    let links: Vec<Link> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(links.len(), 5_000);
    let mut check = ChainCheck::after(Place::default());
    for link in &links {
        check.feed(link);
    }
    check.end_at(&links[4_999].place());
    assert_eq!((check.broken(), check.entries()), (None, 5_000));
    // Its own entry is the last, and says what it was.
    let own = Entry::read(&links[4_999].entry);
    assert_eq!(own.action, "audit_logs.exported");
    assert_eq!(own.after_state, Some(json!({"format": "json", "after": null})));

    let body = client.get("/api/audit-logs/export?format=json&after=5000").await;
    assert_eq!((body.status.as_u16(), body.text.lines().count()), (200, 301));
    assert_eq!(body.headers["content-type"], "application/x-ndjson");

    let table = client.get("/api/audit-logs/export?format=csv").await;
    assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8");
    let mut reader = csv::Reader::from_reader(table.text.as_bytes());
    let columns = reader.headers().unwrap().clone();
    let column = |name| columns.iter().position(|column| column == name).unwrap();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 5_302);
    for (number, row) in (1_i64..).zip(&rows) {
        assert_eq!(row[column("id")], number.to_string());
    }
    let row = &rows[16];
    assert_eq!(&row[column("userName")], "'=1+1");
    assert_eq!(
        serde_json::from_str::<Value>(&row[column("afterState")]).unwrap(),
        json!({"number": 16, "text": "ä \"quoted\"\n"})
    );
    assert_eq!(row[column("hash")], hex::encode(&links[16].hash));

    assert_eq!(
        client.get("/api/audit-logs/export?format=xml").await.fields(),
        ["format"]
    );
    assert_eq!(client.get("/api/audit-logs/export").await.fields(), ["format"]);
    assert_eq!(
        client
            .get("/api/audit-logs/export?format=csv&after=-1")
            .await
            .fields(),
        ["after"]
    );
}

#[sqlx::test(migrations = "../store/migrations")]
async fn who_reads_slowly_holds_nothing(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    write(&client, Some(OrganizationId::DEFAULT), 1_000).await;
    let mut body = client.stream("/api/audit-logs/export?format=json", None).await;
    body.frame().await.unwrap().unwrap();
    // The transaction is taken back by the pool at its leisure.
    let mut open = 1;
    for _ in 0..100 {
        let (count,): (i64,) = sqlx::query_as(
            "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'",
        )
        .fetch_one(&pool)
        .await
        .unwrap();
        open = count;
        if open == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(open, 0);
    assert_eq!(parts(body).await.len(), 5);
    // When oCore stops, an export ends without an end, and is not taken for whole.
    let mut body = client.stream("/api/audit-logs/export?format=json", None).await;
    body.frame().await.unwrap().unwrap();
    client.closing.cancel();
    assert!(body.frame().await.unwrap().is_err());
}

#[sqlx::test(migrations = "../store/migrations")]
async fn tampering_is_found(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    write(&client, Some(OrganizationId::DEFAULT), 10).await;
    write(&client, None, 2).await;
    let sound = client.get("/api/audit-logs/verify").await.ok(200);
    assert_eq!(
        (
            &sound["valid"],
            &sound["entries"],
            &sound["firstSeq"],
            &sound["lastSeq"]
        ),
        (&json!(true), &json!(10), &json!(1), &json!(10))
    );
    assert_eq!((&sound["broken"], &sound["next"]), (&Value::Null, &Value::Null));
    let newest = newest(&client).await;
    assert_eq!(sound["head"], newest["hash"]);

    // In parts.
    let (mut query, mut entries) = ("limit=4".to_owned(), 0);
    loop {
        let part = client
            .get(&format!("/api/audit-logs/verify?{query}"))
            .await
            .ok(200);
        assert_eq!(part["valid"], true);
        entries += part["entries"].as_i64().unwrap();
        match &part["next"] {
            Value::Null => break,
            next => {
                query = format!(
                    "limit=4&after={}&hash={}",
                    next["after"],
                    next["hash"].as_str().unwrap()
                );
            }
        }
    }
    assert_eq!(entries, 10);
    for (query, field) in [
        ("limit=0", "limit"),
        ("after=3", "after"),
        ("hash=00", "after"),
        ("after=3&hash=00", "after"),
        ("after=-1&hash=", "after"),
    ] {
        assert_eq!(
            client
                .get(&format!("/api/audit-logs/verify?{query}"))
                .await
                .fields(),
            [field],
            "{query}"
        );
    }

    let change = "alter table audit_log disable trigger user;
        update audit_log set entry = replace(entry::text, '\"system\"', '\"user\"')::json where seq = 7 and organization_id is not null;
        delete from audit_log where seq = 2 and organization_id is null";
    sqlx::raw_sql(change).execute(&pool).await.unwrap();
    let broken = client.get("/api/audit-logs/verify").await.ok(200);
    assert_eq!(
        (&broken["valid"], &broken["broken"]["seq"], &broken["entries"]),
        (&json!(false), &json!(7), &json!(6))
    );
    assert!(
        broken["broken"]["why"].as_str().unwrap().contains("was changed"),
        "{broken}"
    );
    let own = client.get("/api/admin/audit-logs/verify").await.ok(200);
    assert_eq!((&own["valid"], &own["broken"]["seq"]), (&json!(false), &json!(2)));
    // What is known of the end tells too, whatever is before it.
    let after = format!(
        "/api/audit-logs/verify?after=10&hash={}",
        sound["head"].as_str().unwrap()
    );
    assert_eq!(client.get(&after).await.ok(200)["valid"], true);
    assert_eq!(
        client.get(&after.replace("after=10", "after=9")).await.ok(200)["broken"]["seq"],
        10
    );
    // It can be read all the same.
    assert_eq!(
        client.get("/api/audit-logs").await.ok(200)["data"]
            .as_array()
            .unwrap()
            .len(),
        10
    );

    // Before what was taken away in time, nothing can be checked any more.
    sqlx::raw_sql("update audit_chains set first_seq = 5, first_previous = 'x'")
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(
        client.get(&after.replace("after=10", "after=3")).await.fields(),
        ["after"]
    );
}

#[sqlx::test(migrations = "../store/migrations")]
async fn nobody_sees_the_record_of_another_organization(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    write(&client, Some(OrganizationId::DEFAULT), 3).await;
    write(&client, None, 2).await;
    let other = other(&client).await;
    assert_eq!(other.get("/api/audit-logs").await.ok(200)["data"], json!([]));
    let empty = other.get("/api/audit-logs/verify").await.ok(200);
    assert_eq!(
        (&empty["valid"], &empty["entries"], &empty["lastSeq"]),
        (&json!(true), &json!(0), &json!(0))
    );
    let export = other.get("/api/audit-logs/export?format=json").await;
    // Of the export itself only.
    assert_eq!(export.text.lines().count(), 1);
    for path in ["/api/admin/audit-logs", "/api/admin/audit-logs/verify"] {
        other.get(path).await.problem(403, "auth.forbidden");
    }
    let ours = client.get("/api/audit-logs").await.ok(200);
    assert_eq!(ours["data"].as_array().unwrap().len(), 3);
    let own = client.get("/api/admin/audit-logs?action=test.").await.ok(200);
    assert_eq!(own["data"].as_array().unwrap().len(), 2);
    assert_eq!(
        client.get("/api/admin/audit-logs/verify").await.ok(200)["entries"],
        2
    );

    // Nor does a key without the permission.
    let key = NewApiKey {
        permissions: "view:servers"
            .parse::<ocore_domain::access::Permission>()
            .into_iter()
            .collect(),
        is_server_admin: false,
        ..NewApiKey::administrator(OrganizationId::DEFAULT, "narrow")
    };
    let mut conn = client.store.connection().await.unwrap();
    let (_, key) = api_keys::create(&mut conn, &key).await.unwrap();
    let narrow = client.with_token(key.expose_secret());
    for path in [
        "/api/audit-logs",
        "/api/audit-logs/verify",
        "/api/audit-logs/export?format=csv",
    ] {
        narrow.get(path).await.problem(403, "auth.forbidden");
    }
    assert_eq!(
        client.get("/api/audit-logs").await.ok(200)["data"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

/// The names of all acts that stand in the source of a folder.
fn acts(folder: &std::path::Path, found: &mut BTreeSet<String>) {
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            acts(&path, found);
        } else {
            let source = std::fs::read_to_string(path).unwrap();
            let named = source.split("Act::new(").skip(1);
            found.extend(
                named.filter_map(|rest| {
                    Some(rest.trim_start().strip_prefix('"')?.split_once('"')?.0.to_owned())
                }),
            );
        }
    }
}

#[test]
fn the_handbook_lists_every_event() {
    let mut found = BTreeSet::new();
    acts(
        std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")),
        &mut found,
    );
    assert!(found.len() >= 9, "{found:?}");
    let handbook = include_str!("../../../../docs/operators/audit.md");
    let told: BTreeSet<&str> = handbook.split('`').collect();
    let missing: Vec<_> = found.iter().filter(|act| !told.contains(act.as_str())).collect();
    assert!(
        missing.is_empty(),
        "docs/operators/audit.md does not tell of {missing:?}"
    );
}
