//! Servers, instances and operations.

use std::{
    io::Write,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures::StreamExt;
use ocore_domain::audit::Link;
use serde_json::{Value, json};

use crate::fake::{Ocore, Ran, problem};

const OPERATION: &str = "0198aaaa-0000-7000-8000-000000000001";
const INSTANCE: &str = "0198aaaa-0000-7000-8000-000000000002";
/// An operation of which nothing is ever heard.
const SILENT: &str = "0198aaaa-0000-7000-8000-00000000000e";
const SERVER: &str = "0198aaaa-0000-7000-8000-000000000003";
const FINGERPRINT: &str = "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU";
const CANARY: &str = "canary-7f3a";

/// What the API was asked: method and path, and the body or what else the test wants to see.
type Asked = Arc<Mutex<Vec<(String, Value)>>>;

struct Api {
    address: SocketAddr,
    asked: Asked,
}

impl Api {
    async fn start() -> Self {
        let asked = Asked::default();
        let routes = Router::new()
            .route("/api/servers", get(servers).post(add_server))
            .route("/api/servers/{id}", get(server).delete(remove_server))
            .route("/api/instances", get(instances).post(create))
            .route("/api/instances/{id}", get(instance).put(update).delete(delete))
            .route("/api/instances/{id}/control", post(refuse))
            .route("/api/instances/{id}/logs", get(async || "first\nsecond\n"))
            .route("/api/operations", get(operations))
            .route("/api/operations/{id}/cancel", post(cancel))
            .route("/api/operations/{id}/logs", get(events))
            .route("/api/audit-logs", get(audit_logs))
            .route("/api/audit-logs/export", get(audit_export))
            .route("/api/audit-logs/verify", get(audit_verify))
            .with_state(asked.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, routes).await });
        Self { address, asked }
    }

    async fn ocore(&self, arguments: &[&str]) -> Ran {
        self.ocore_with(arguments, "").await
    }

    async fn ocore_with(&self, arguments: &[&str], input: &str) -> Ran {
        run(&format!("http://{}", self.address), arguments, input).await
    }

    fn asked(&self, what: &str) -> Vec<Value> {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .filter(|(name, _)| name == what)
            .map(|(_, value)| value.clone())
            .collect()
    }
}

async fn run(url: &str, arguments: &[&str], input: &str) -> Ran {
    with_token(url, arguments).input(input).run().await
}

fn with_token(url: &str, arguments: &[&str]) -> Ocore {
    Ocore::new(arguments)
        .env("OCORE_URL", url)
        .env("OCORE_TOKEN", "ocore_test")
}

fn an_instance() -> Value {
    json!({"id": INSTANCE, "name": "Acme Prod", "slug": "acme", "serverName": "alpha", "odooVersion": "19.0",
        "status": "running", "health": "healthy", "url": "http://127.0.0.1:8069", "httpPortHost": 8069,
        "envVars": {"KEEP": null, "DROP": null}})
}

/// An instance when its creation is accepted.
fn a_new_instance() -> Value {
    let mut instance = an_instance();
    instance["status"] = "creating".into();
    instance["url"] = Value::Null;
    instance["httpPortHost"] = Value::Null;
    instance
}

fn a_server() -> Value {
    json!({"id": SERVER, "name": "alpha", "host": "10.0.0.1", "authMethod": "key", "status": "active",
        "instanceCount": 1, "ramTotalBytes": 8_589_934_592_u64, "hostKeyFingerprint": FINGERPRINT})
}

fn an_operation(state: &str, step: &str) -> Value {
    let error = (state == "failed")
        .then(|| json!({"code": "image.not_found", "detail": "no `odoo:99`", "mend": "Use another."}));
    json!({"id": OPERATION, "kind": "instance_create", "state": state, "subjectName": "acme", "error": error,
        "waitingFor": null, "steps": [{"name": "pull", "title": "Pull the image", "state": step, "durationMs": 1500}]})
}

fn accepted() -> Response {
    let answer = json!({"instance": an_instance(), "operation": an_operation("queued", "pending")});
    (StatusCode::ACCEPTED, Json(answer)).into_response()
}

async fn servers(State(asked): State<Asked>, headers: HeaderMap) -> Response {
    let mut asked = asked.lock().unwrap();
    asked.push((
        "GET servers".into(),
        headers["authorization"].to_str().unwrap().into(),
    ));
    // The first time, the database is away.
    if asked.iter().filter(|(what, _)| what == "GET servers").count() == 1 {
        return problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "store.unavailable",
            "away",
            "wait",
        );
    }
    Json(json!({"data": [a_server()], "nextCursor": null, "hasMore": false})).into_response()
}

async fn add_server(State(asked): State<Asked>, Json(body): Json<Value>) -> Response {
    asked.lock().unwrap().push(("POST servers".into(), body));
    let answer = json!({"server": {"id": SERVER, "name": "alpha", "status": "validating", "hostKeyFingerprint": null},
        "operation": an_operation("queued", "pending")});
    (StatusCode::ACCEPTED, Json(answer)).into_response()
}

/// `both` is an instance and a server.
async fn server(Path(id): Path<String>) -> Response {
    if [SERVER, "alpha", "both"].contains(&id.as_str()) {
        return Json(a_server()).into_response();
    }
    problem(
        StatusCode::NOT_FOUND,
        "resource.not_found",
        &format!("There is no server `{id}`"),
        "Look at the list.",
    )
}

async fn remove_server(State(asked): State<Asked>) -> Response {
    asked.lock().unwrap().push(("DELETE server".into(), Value::Null));
    let answer = json!({"server": a_server(), "operation": an_operation("queued", "pending")});
    (StatusCode::ACCEPTED, Json(answer)).into_response()
}

async fn operations(State(asked): State<Asked>, Query(query): Query<Value>) -> Json<Value> {
    asked.lock().unwrap().push(("GET operations".into(), query));
    Json(json!({"data": [an_operation("running", "running")], "nextCursor": null, "hasMore": false}))
}

async fn cancel(State(asked): State<Asked>, Path(id): Path<String>) -> Json<Value> {
    asked.lock().unwrap().push(("POST cancel".into(), json!(id)));
    Json(an_operation("running", "running"))
}

async fn instances(Query(query): Query<Vec<(String, String)>>) -> Json<Value> {
    // Two pages of one each.
    let second = query.iter().any(|(name, _)| name == "cursor");
    let (name, cursor) = if second {
        ("second", Value::Null)
    } else {
        ("Acme Prod", json!("next"))
    };
    let mut instance = an_instance();
    instance["name"] = name.into();
    Json(json!({"data": [instance], "nextCursor": cursor, "hasMore": !second}))
}

async fn instance(Path(id): Path<String>) -> Response {
    // As the API does: by id, slug or name.
    if [INSTANCE, "acme", "Acme Prod", "both"].contains(&id.as_str()) {
        return Json(an_instance()).into_response();
    }
    problem(
        StatusCode::NOT_FOUND,
        "resource.not_found",
        &format!("There is no instance `{id}`"),
        "Look at the list.",
    )
}

async fn create(State(asked): State<Asked>, Json(body): Json<Value>) -> Response {
    asked.lock().unwrap().push(("POST instances".into(), body));
    let answer = json!({"instance": a_new_instance(), "operation": an_operation("queued", "pending"),
        "adminLogin": "admin", "adminPassword": "once"});
    (StatusCode::ACCEPTED, Json(answer)).into_response()
}

async fn update(State(asked): State<Asked>, Json(body): Json<Value>) -> Response {
    let mut instance = an_instance();
    if body["name"].is_string() {
        instance["name"] = body["name"].clone();
    }
    asked.lock().unwrap().push(("PUT instance".into(), body));
    Json(json!({"instance": instance, "operation": null})).into_response()
}

async fn delete(State(asked): State<Asked>, Query(query): Query<Value>) -> Response {
    asked.lock().unwrap().push(("DELETE instance".into(), query));
    accepted()
}

async fn refuse() -> Response {
    problem(
        StatusCode::CONFLICT,
        "state.conflict",
        "It is\u{1b}[2J stopped already",
        "Start it.",
    )
}

/// The first connection breaks off after two lines, the second is a proxy's fault, the third goes on to the end.
async fn events(State(asked): State<Asked>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let last = headers
        .get("last-event-id")
        .map(|value| value.to_str().unwrap().to_owned());
    asked.lock().unwrap().push(("GET events".into(), json!(last)));
    let count = asked
        .lock()
        .unwrap()
        .iter()
        .filter(|(what, _)| what == "GET events")
        .count();
    if id == SILENT {
        std::future::pending::<()>().await;
    }
    let line = |seq: i64| {
        let data = json!({"seq": seq, "at": "2026-11-23T12:00:00Z", "level": "output", "step": "pull", "line": format!("line {seq}")});
        format!("event: line\nid: {seq}\ndata: {data}\n\n")
    };
    let operation = |kind: &str, state: &str, step: &str| {
        format!("event: {kind}\ndata: {}\n\n", an_operation(state, step))
    };
    let end = if id == OPERATION {
        ("done", "done")
    } else {
        ("failed", "failed")
    };
    let text = match count {
        1 => [
            &operation("operation", "running", "running"),
            &line(1),
            &line(2),
            "event: line\nid: 3\nda",
        ]
        .concat(),
        2 => return (StatusCode::BAD_GATEWAY, "<html>proxy</html>").into_response(),
        // Line 2 comes again, as from a server that does not know better.
        _ => [
            &operation("operation", "running", "running"),
            &line(2),
            &line(3),
            ": alive\n\n",
            &operation("end", end.0, end.1),
        ]
        .concat(),
    };
    ([(header::CONTENT_TYPE, "text/event-stream")], text).into_response()
}

async fn audit_logs(State(asked): State<Asked>, Query(query): Query<Value>) -> Json<Value> {
    asked.lock().unwrap().push(("GET audit".into(), query));
    let entry = json!({"id": 17, "createdAt": "2026-11-25T12:00:00.123456Z", "userName": "Zoë", "action": "server.created",
        "resourceName": "alpha", "ipAddress": null});
    Json(json!({"data": [entry], "nextCursor": null, "hasMore": false}))
}

/// Entries as the API exports them.
fn a_record(length: i64) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::new();
    for seq in 1..=length {
        let mut link = Link {
            seq,
            previous: links.last().map(|link| link.hash.clone()).unwrap_or_default(),
            hash: Vec::new(),
            entry: json!({"atMicros": seq, "action": "server.created"}).to_string(),
        };
        link.hash = link.digest();
        links.push(link);
    }
    links
}

fn lines(links: &[Link]) -> String {
    let line = |link| serde_json::to_string(link).unwrap() + "\n";
    links.iter().map(line).collect()
}

/// After 13 the connection breaks.
async fn audit_export(State(asked): State<Asked>, Query(query): Query<Value>) -> Response {
    let breaks = query["after"] == "13";
    asked.lock().unwrap().push(("GET export".into(), query));
    let sent = axum::body::Bytes::from(lines(&a_record(5)));
    let mut parts = vec![Ok(sent)];
    if breaks {
        parts.push(Err(std::io::Error::other("gone")));
    }
    let parts = futures::stream::iter(parts).then(async |part| {
        // What was sent before the end is on its way by then.
        if part.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        part
    });
    axum::body::Body::from_stream(parts).into_response()
}

/// Three parts of three entries, of which the last has what is asked for; after 99 it is broken, after 98 it goes on for ever.
async fn audit_verify(State(asked): State<Asked>, Query(query): Query<Value>) -> Json<Value> {
    let after: i64 = query["after"].as_str().map_or(0, |after| after.parse().unwrap());
    asked.lock().unwrap().push(("GET verify".into(), query));
    let broken = (after == 99).then(|| json!({"seq": 100, "why": "the entry was changed"}));
    let next = match after {
        0 | 3 => json!({"after": after + 3, "hash": "ab".repeat(32)}),
        98 => json!({"after": 98, "hash": "ab".repeat(32)}),
        _ => Value::Null,
    };
    Json(
        json!({"valid": broken.is_none(), "entries": 3, "firstSeq": 1, "lastSeq": 9, "head": "cd".repeat(32),
        "broken": broken, "next": next}),
    )
}

#[tokio::test]
async fn the_record_is_listed_and_exported() {
    let api = Api::start().await;
    let ran = api
        .ocore(&[
            "audit",
            "list",
            "--action",
            "server.",
            "--since",
            "2026-11-01",
            "--until",
            "2026-11-30",
            "--search",
            "alp",
        ])
        .await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(
        ran.out,
        "NUMBER  WHEN                  WHO  ACTION          ON     FROM\n\
         17      2026-11-25T12:00:00Z  Zoë  server.created  alpha  –\n"
    );
    assert_eq!(
        api.asked("GET audit"),
        [
            json!({"action": "server.", "start_date": "2026-11-01", "end_date": "2026-11-30", "search": "alp", "limit": "100"})
        ]
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("record.jsonl");
    let to = file.to_str().unwrap();
    let ran = api
        .ocore(&["audit", "export", "--format", "json", "--output", to, "--json"])
        .await;
    assert_eq!((ran.code, &ran.json()["file"]), (0, &json!(to)), "{}", ran.err);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), lines(&a_record(5)));
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(api.asked("GET export"), [json!({"format": "json"})]);
    let ran = api
        .ocore(&["audit", "export", "--format", "csv", "--output", "-"])
        .await;
    assert_eq!((ran.code, ran.out), (0, lines(&a_record(5))));
    // One that breaks off is not taken for whole, and the earlier one stays.
    let ran = api
        .ocore(&[
            "audit", "export", "--format", "json", "--after", "13", "--output", to,
        ])
        .await;
    assert!(
        ran.code == 5 && ran.err.contains("not whole"),
        "{} {}",
        ran.code,
        ran.err
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), lines(&a_record(5)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn the_record_is_verified_part_by_part() {
    let api = Api::start().await;
    let ran = api.ocore(&["audit", "verify"]).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    let known = format!("9:{}", "cd".repeat(32));
    assert!(
        ran.out.contains("9 entries checked") && ran.out.ends_with(&format!("{known}\n")),
        "{}",
        ran.out
    );
    let hash = "ab".repeat(32);
    assert_eq!(
        api.asked("GET verify"),
        [
            json!({}),
            json!({"after": "3", "hash": hash}),
            json!({"after": "6", "hash": hash})
        ]
    );
    let ran = api
        .ocore(&["audit", "verify", "--json", "--known", &format!("99:{hash}")])
        .await;
    assert_eq!(
        (ran.code, &ran.json()["broken"]["seq"], &ran.json()["valid"]),
        (4, &json!(100), &json!(false))
    );
    assert!(
        ran.err.contains("BROKEN at entry 100: the entry was changed"),
        "{}",
        ran.err
    );
    let ran = api
        .ocore(&["audit", "verify", "--known", &format!("98:{hash}")])
        .await;
    assert_eq!(ran.code, 1, "{}", ran.err);
    let ran = api.ocore(&["audit", "verify", "--known", "98"]).await;
    assert_eq!(ran.code, 2, "{}", ran.err);
}

#[tokio::test]
async fn an_export_is_verified_without_an_api() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("record.jsonl");
    let links = a_record(5);
    let check = async |text: String, more: &[&str]| {
        std::fs::write(&file, text).unwrap();
        let arguments = [&["audit", "verify", "--file", file.to_str().unwrap()], more].concat();
        // Nobody is there to be asked.
        run("http://127.0.0.1:1", &arguments, "").await
    };
    let ran = check(lines(&links), &["--json"]).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    let document = ran.json();
    assert_eq!(
        (&document["valid"], &document["entries"], &document["lastSeq"]),
        (&json!(true), &json!(5), &json!(5))
    );
    // A part is good too, and an entry that is known has to be in it.
    let known = links[3].place().to_string();
    let ran = check(lines(&links[2..]), &["--known", &known]).await;
    assert!(
        ran.code == 0 && ran.out.contains("it holds 3 to 5"),
        "{}{}",
        ran.out,
        ran.err
    );
    let ran = check(lines(&links[..3]), &["--known", &known]).await;
    assert!(
        ran.code == 4
            && ran
                .err
                .contains("entry 4: the entry that is known is not in the file"),
        "{}",
        ran.err
    );
    let other = format!("4:{}", "ab".repeat(32));
    let ran = check(lines(&links), &["--known", &other]).await;
    assert!(
        ran.code == 4 && ran.err.contains("entry 4: it is another entry"),
        "{}",
        ran.err
    );
    // Tampered with.
    let ran = check(
        lines(&links).replace(r#"\"atMicros\":3"#, r#"\"atMicros\":4"#),
        &[],
    )
    .await;
    assert!(
        ran.code == 4 && ran.err.contains("BROKEN at entry 3"),
        "{}",
        ran.err
    );
    let mut less = links.clone();
    less.remove(1);
    let ran = check(lines(&less), &["--json"]).await;
    assert_eq!((ran.code, &ran.json()["broken"]["seq"]), (4, &json!(2)));
    let ran = check("{}\n".to_owned(), &[]).await;
    assert!(ran.code == 1 && ran.err.contains("line 1"), "{}", ran.err);
    let ran = check(String::new(), &[]).await;
    assert!(
        ran.code == 0 && ran.out.contains("empty"),
        "{}{}",
        ran.out,
        ran.err
    );
}

#[tokio::test]
async fn lists_are_tables_or_one_document() {
    let api = Api::start().await;
    let ran = api.ocore(&["server", "list"]).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(
        ran.out,
        "NAME   HOST      STATUS  INSTANCES  CORES  MEMORY  DISK FREE  DOCKER  SEEN\n\
         alpha  10.0.0.1  active  1          –      8 GiB   –          –       –\n"
    );
    // A read is tried again; the first answer was a 503.
    assert_eq!(
        api.asked("GET servers"),
        ["Bearer ocore_test", "Bearer ocore_test"]
    );

    let both = api.ocore(&["instance", "list", "--json"]).await.json();
    assert_eq!(both["data"].as_array().unwrap().len(), 2);
    let one = api.ocore(&["instance", "list", "--limit", "1"]).await;
    assert_eq!(one.out.lines().count(), 2);
    assert!(one.err.contains("--cursor next"), "{}", one.err);
}

#[tokio::test]
async fn a_problem_is_told_with_its_mend() {
    let api = Api::start().await;
    let ran = api.ocore(&["instance", "stop", "acme"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (3, ""));
    assert_eq!(
        ran.err,
        "error: Refused (state.conflict)\n  It is[2J stopped already\n  → Start it.\n  request req-1\n"
    );
    let ran = api.ocore(&["instance", "stop", "acme", "--json"]).await;
    assert_eq!((ran.code, &ran.json()["code"]), (3, &json!("state.conflict")));
}

#[tokio::test]
async fn nobody_there_and_wrong_usage_have_codes_of_their_own() {
    let ran = run("http://127.0.0.1:1", &["server", "list", "--json"], "").await;
    assert_eq!((ran.code, &ran.json()["code"]), (5, &json!("cli.unreachable")));
    assert!(ran.err.contains("Connection refused"), "{}", ran.err);
    let ran = run("ftp://x", &["server", "list"], "").await;
    assert_eq!(ran.code, 2, "{}", ran.err);
    let ran = run("http://127.0.0.1:1", &["server", "add", "--host", "h"], "").await;
    assert!(ran.code == 2 && ran.err.contains("--key-file"), "{}", ran.err);
    let ran = run(
        "http://127.0.0.1:1",
        &["server", "add", "--local", "--key-file", "k"],
        "",
    )
    .await;
    assert_eq!(ran.code, 2, "{}", ran.err);
}

#[tokio::test]
async fn following_survives_a_lost_connection() {
    let api = Api::start().await;
    let ran = api
        .ocore(&["instance", "create", "Acme Prod", "--json", "--memory", "4G"])
        .await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    // Each line once, in order.
    let lines: Vec<_> = ran
        .err
        .lines()
        .filter(|line| line.contains("line "))
        .map(str::trim)
        .collect();
    assert_eq!(lines, ["line 1", "line 2", "line 3"]);
    assert!(ran.err.contains("✓ Pull the image  1.5 s"), "{}", ran.err);
    assert_eq!(api.asked("GET events"), [Value::Null, json!("2"), json!("2")]);
    let answer = ran.json();
    assert_eq!(
        (&answer["operation"]["state"], &answer["adminPassword"]),
        (&json!("done"), &json!("once"))
    );
    // As it is at the end, and not as it was when the creation was accepted.
    assert_eq!(answer["instance"], an_instance());
    // No server is named: the API picks one.
    let body = &api.asked("POST instances")[0];
    assert_eq!(body["memoryLimitBytes"], 4_u64 << 30);
    for absent in ["serverId", "workers", "adminPassword", "placementGroup"] {
        assert!(body.get(absent).is_none(), "{absent}: {body}");
    }
}

#[tokio::test]
async fn what_came_of_it_is_shown_as_it_is_at_the_end() {
    let api = Api::start().await;
    let ran = api
        .ocore(&["instance", "create", "--name", "Acme Prod", "--server", "alpha"])
        .await;
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (
            0,
            "Login admin, password once (shown only now)\nInstance `Acme Prod` runs at http://127.0.0.1:8069.\n"
        ),
        "{}",
        ran.err
    );
    assert_eq!(api.asked("POST instances")[0]["name"], "Acme Prod");
    let add = ["server", "add", "alpha", "--host", "h", "--password-stdin"];
    let ran = api.ocore_with(&add, "secret\n").await;
    assert_eq!(
        (ran.code, ran.out),
        (0, format!("Server `alpha` is ready.\nHost key {FINGERPRINT}\n")),
        "{}",
        ran.err
    );
    let none = api.ocore(&["instance", "create", "--server", "alpha"]).await;
    assert!(none.code == 2 && none.err.contains("NAME"), "{}", none.err);
    let two = api.ocore(&["instance", "create", "a", "--name", "b"]).await;
    assert_eq!(two.code, 2, "{}", two.err);
}

#[tokio::test]
async fn a_name_that_means_two_things_is_refused() {
    let api = Api::start().await;
    let ran = api.ocore(&["operation", "cancel", "both", "--no-wait"]).await;
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(
        ran.err.contains(&format!("`Acme Prod` ({INSTANCE})"))
            && ran.err.contains(&format!("`alpha` ({SERVER})")),
        "{}",
        ran.err
    );
    assert!(api.asked("POST cancel").is_empty());
    for (name, id) in [("acme", INSTANCE), ("alpha", SERVER)] {
        let ran = api.ocore(&["operation", "cancel", name, "--no-wait"]).await;
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert_eq!(api.asked("GET operations").pop().unwrap()["subjectId"], id);
    }
    assert_eq!(api.asked("POST cancel"), [OPERATION, OPERATION]);
    let ran = api.ocore(&["operation", "cancel", "nobody"]).await;
    assert_eq!(ran.code, 3, "{}", ran.err);
}

#[tokio::test]
async fn removing_a_server_says_that_its_dumps_go_too() {
    let api = Api::start().await;
    let ran = api.ocore(&["server", "remove", "alpha"]).await;
    assert!(
        ran.code == 2 && ran.err.contains("ALL FINAL DUMPS") && ran.err.contains("--yes alpha"),
        "{}",
        ran.err
    );
    assert!(api.asked("DELETE server").is_empty());
}

#[tokio::test]
async fn an_operation_that_fails_is_a_failure() {
    let api = Api::start().await;
    let other = "0198aaaa-0000-7000-8000-00000000000f";
    let ran = api.ocore(&["operation", "follow", other]).await;
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert!(
        ran.err
            .contains("no `odoo:99` (image.not_found)\n  → Use another."),
        "{}",
        ran.err
    );
}

#[tokio::test]
async fn not_waiting_returns_at_once() {
    let api = Api::start().await;
    let ran = api
        .ocore(&["instance", "create", "acme", "--server", "alpha", "--no-wait"])
        .await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.out.contains("password once") && ran.out.contains(&format!("follow {OPERATION}")),
        "{}",
        ran.out
    );
    assert!(api.asked("GET events").is_empty());
}

#[tokio::test]
async fn deleting_wants_the_name() {
    let api = Api::start().await;
    // Without a terminal nobody can be asked.
    let ran = api
        .ocore_with(&["instance", "delete", "acme"], "Acme Prod\n")
        .await;
    assert!(
        ran.code == 2 && ran.err.contains("--yes Acme Prod"),
        "{}",
        ran.err
    );
    let ran = api.ocore(&["instance", "delete", "acme", "--yes", "other"]).await;
    assert!(
        ran.code == 2 && ran.err.contains("nothing was done"),
        "{}",
        ran.err
    );
    assert!(api.asked("DELETE instance").is_empty());
    // By its full name, which is no slug.
    let ran = api
        .ocore(&[
            "instance",
            "delete",
            "Acme Prod",
            "--confirm",
            "acme",
            "--no-dump",
            "--no-wait",
        ])
        .await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(
        api.asked("DELETE instance"),
        [json!({"confirm": "acme", "keepDump": "false"})]
    );
}

#[tokio::test]
async fn secrets_come_by_file_and_input_and_are_never_shown() {
    let api = Api::start().await;
    let mut key = tempfile::NamedTempFile::new().unwrap();
    writeln!(key, "-----BEGIN {CANARY}").unwrap();
    let arguments = [
        "server",
        "add",
        "alpha",
        "--host",
        "h",
        "--no-wait",
        "--key-file",
        key.path().to_str().unwrap(),
    ];
    let with_key = api.ocore(&arguments).await;
    let by_password = ["server", "add", "--host", "h", "--no-wait", "--password-stdin"];
    let with_password = api.ocore_with(&by_password, &format!("{CANARY}\n")).await;
    let create = [
        "instance",
        "create",
        "acme",
        "--server",
        "alpha",
        "--no-wait",
        "--env-file",
        "-",
    ];
    let with_variables = api.ocore_with(&create, &format!("API_KEY={CANARY}\n")).await;
    for ran in [with_key, with_password, with_variables] {
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(!ran.out.contains(CANARY) && !ran.err.contains(CANARY));
    }
    let sent = api.asked("POST servers");
    assert_eq!(
        (&sent[0]["authMethod"], &sent[0]["name"]),
        (&json!("key"), &json!("alpha"))
    );
    assert_eq!(sent[0]["sshPrivateKey"], format!("-----BEGIN {CANARY}\n"));
    assert!(sent[0].get("sshPassword").is_none());
    assert_eq!(
        (&sent[1]["name"], &sent[1]["sshPassword"]),
        (&json!("h"), &json!(CANARY))
    );
    assert_eq!(
        api.asked("POST instances")[0]["envVars"],
        json!({"API_KEY": CANARY})
    );
}

#[tokio::test]
async fn updating_keeps_the_variables_that_are_not_named() {
    let api = Api::start().await;
    let ran = api
        .ocore(&[
            "instance",
            "update",
            "acme",
            "--env",
            "NEW=1",
            "--unset-env",
            "DROP",
        ])
        .await;
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "Nothing had to be changed.\n"),
        "{}",
        ran.err
    );
    assert_eq!(
        api.asked("PUT instance"),
        [json!({"envVars": {"KEEP": null, "NEW": "1"}})]
    );
}

#[tokio::test]
async fn another_name_is_a_change_too() {
    let api = Api::start().await;
    for (name, said) in [
        ("Acme", "Instance `Acme Prod` is named `Acme` now.\n"),
        ("Acme Prod", "Nothing had to be changed.\n"),
    ] {
        let ran = api.ocore(&["instance", "update", "acme", "--name", name]).await;
        assert_eq!((ran.code, ran.out.as_str()), (0, said), "{}", ran.err);
    }
}

#[tokio::test]
async fn logs_come_as_they_are() {
    let api = Api::start().await;
    assert_eq!(
        api.ocore(&["instance", "logs", "acme"]).await.out,
        "first\nsecond\n"
    );
    assert_eq!(
        api.ocore(&["instance", "logs", "acme", "--json"]).await.json(),
        json!({"lines": ["first", "second"]})
    );
    assert_eq!(
        api.ocore(&["instance", "logs", "acme", "-f", "--json"])
            .await
            .code,
        2
    );
}

#[tokio::test]
async fn leaving_says_that_the_operation_goes_on() {
    let api = Api::start().await;
    let child = with_token(
        &format!("http://{}", api.address),
        &["operation", "follow", SILENT],
    )
    .spawn();
    while api.asked("GET events").is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let id = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(id, nix::sys::signal::SIGINT).unwrap();
    let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap());
    let Ran { code, err: told, .. } = Ran::new(output.await.unwrap());
    assert_eq!(code, 130, "{told}");
    assert!(
        told.contains(&format!("ocore operation follow {SILENT}")),
        "{told}"
    );
    assert!(
        told.contains(&format!("ocore operation cancel {SILENT}")),
        "{told}"
    );
}

#[tokio::test]
async fn names_cannot_leave_their_place_in_the_path() {
    let api = Api::start().await;
    for name in ["", ".", ".."] {
        let ran = api.ocore(&["instance", "show", name]).await;
        assert_eq!(ran.code, 2, "`{name}`: {}{}", ran.out, ran.err);
    }
    let ran = api.ocore(&["instance", "show", "../servers?x#y"]).await;
    assert!(
        ran.code == 3 && ran.err.contains("`../servers?x#y`"),
        "{}",
        ran.err
    );
}
