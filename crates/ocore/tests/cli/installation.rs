//! What who administers the installation does, and organizations that are deleted with all they have.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::fake::{Asked, Fake, Ocore, Ran, list, not_found, problem, tagged};

const ACME: &str = "0198aaaa-0000-7000-8000-000000000001";
const ADA: &str = "0198aaaa-0000-7000-8000-000000000011";
const KEY: &str = "0198aaaa-0000-7000-8000-000000000021";
const OPERATION: &str = "0198aaaa-0000-7000-8000-000000000031";
const PERSON: &str = "eyJhbGciOiJIUzI1NiJ9.person";

fn acme() -> Value {
    json!({"id": ACME, "name": "Acme Ltd", "slug": "acme", "logoUrl": null, "memberCount": 2, "serverCount": 1,
        "instanceCount": 3, "owner": {"id": ADA, "email": "ada@example.com", "name": "Ada"},
        "createdAt": "2026-11-23T12:00:00Z", "updatedAt": "2026-11-23T12:00:00Z", "deactivatedAt": null})
}

fn ada() -> Value {
    json!({"id": ADA, "userId": ADA, "email": "ada@example.com", "name": "Ada", "isServerAdmin": false,
        "createdAt": "2026-11-23T12:00:00Z", "lastLoginAt": null, "deactivatedAt": null, "isOwner": false,
        "role": {"id": KEY, "name": "Viewer"}, "scope": null,
        "organizations": [{"id": ACME, "name": "Acme Ltd", "slug": "acme", "role": "Viewer", "isOwner": false}]})
}

fn key() -> Value {
    json!({"id": KEY, "name": "ci", "prefix": "ocore_ab12", "permissions": ["view:servers"], "scope": null,
        "isServerAdmin": false, "organization": {"id": ACME, "name": "Acme Ltd", "slug": "acme"}})
}

fn operation(state: &str) -> Value {
    let error = (state == "failed").then(
        || json!({"code": "resource.in_use", "detail": "2 instances are gone; 1 could not", "mend": "Retry."}),
    );
    json!({"id": OPERATION, "kind": "organization_delete", "state": state, "subjectName": "Acme Ltd", "error": error,
        "steps": [{"name": "delete_instances", "title": "Delete the instances", "state": "done"}]})
}

fn queue() -> Value {
    json!({"waiting": 3, "paused": 2, "running": 1, "oldestSeconds": 7,
        "kinds": [{"kind": "instance_create", "waiting": 3, "running": 1, "oldestSeconds": 7}],
        "organizations": [{"id": ACME, "name": "Acme Ltd", "slug": "acme", "waiting": 3, "running": 1, "oldestSeconds": null}],
        "pauses": [{"scope": "organization", "target": ACME, "name": "Acme Ltd", "reason": "a move",
            "pausedAt": "2026-11-23T12:00:00Z", "pausedBy": "ada"}],
        "workers": [{"host": "one", "pid": 7, "startedAt": "2026-11-23T12:00:00Z", "seenAt": "2026-11-23T12:00:00Z",
            "running": 1}]})
}

/// A stream that ends with its operation in a state, or in the middle.
fn stream(state: Option<&str>) -> Response {
    let begin = format!("event: operation\ndata: {}\n\n", operation("running"));
    let end = state.map(|state| format!("event: end\ndata: {}\n\n", operation(state)));
    let text = [begin, end.unwrap_or_default()].concat();
    ([(header::CONTENT_TYPE, "text/event-stream")], text).into_response()
}

fn accepted() -> Response {
    let answer = json!({"organization": acme(), "operation": operation("queued")});
    (StatusCode::ACCEPTED, Json(answer)).into_response()
}

/// An installation whose one operation ends in a state.
async fn api(end: &'static str) -> Fake {
    Fake::start(move |request, _| {
        let (method, path) = request.what.split_once(" /api/admin/").unwrap_or(("", ""));
        match (method, path) {
            ("GET", "orgs") => list(&[acme()]),
            ("GET", "users") if request.query.contains("search=nobody") => list(&[]),
            ("GET", "users") => list(&[ada()]),
            ("GET", "api-keys" | "audit-logs") => list(&[key()]),
            ("GET", "audit-logs/verify") => {
                Json(json!({"valid": true, "entries": 2, "firstSeq": 1, "lastSeq": 2,
                "head": "ab", "broken": null, "next": null}))
                .into_response()
            }
            ("DELETE", path) if path.starts_with("orgs/") && request.query.contains("cascade") => accepted(),
            ("DELETE", _) => StatusCode::NO_CONTENT.into_response(),
            ("GET" | "POST", path) if path.ends_with("/members") => match method {
                "GET" => list(&[ada()]),
                _ => (StatusCode::CREATED, Json(ada())).into_response(),
            },
            ("GET" | "POST", path) if path.starts_with("orgs") => Json(acme()).into_response(),
            ("GET" | "POST", path) if path.starts_with("users") => Json(ada()).into_response(),
            ("GET" | "POST", path) if path.starts_with("queue") => Json(queue()).into_response(),
            ("GET", path) if path.ends_with("/logs") => stream(Some(end)),
            ("GET", path) if path.starts_with("operations/") => Json(operation(end)).into_response(),
            _ => not_found(),
        }
    })
    .await
}

async fn ocore(api: &Fake, arguments: &[&str]) -> Ran {
    let arguments = [&["installation"], arguments].concat();
    let ocore = Ocore::new(&arguments).env("OCORE_URL", &api.url);
    ocore.env("OCORE_TOKEN", "ocore_test").run().await
}

#[tokio::test]
async fn accounts_are_listed_made_and_shut_out() {
    let api = api("done").await;
    let ran = ocore(&api, &["user", "list", "--sort", "-lastLoginAt", "--search", "a"]).await;
    assert!(ran.done().out.contains("ada@example.com"));
    let asked = &api.asked("GET /api/admin/users")[0].query;
    assert_eq!(asked, "search=a&sort=-lastLoginAt&limit=100");
    ocore(&api, &["user", "list", "--sort", "age"])
        .await
        .failed(2, "possible values: email, -email, name");
    let shown = ocore(&api, &["user", "show", "ADA@example.com"]).await.done();
    assert!(shown.out.contains("acme"), "{}", shown.out);
    ocore(&api, &["user", "show", "nobody"])
        .await
        .failed(2, "ocore installation user list");

    let create = [
        "user",
        "create",
        "--email",
        "new@example.com",
        "--name",
        "New",
        "--in",
        "acme",
    ];
    let ocore_with = Ocore::new(&[&["installation"], &create[..], &["--password-stdin"]].concat())
        .env("OCORE_URL", &api.url)
        .env("OCORE_TOKEN", "ocore_test")
        .input("correct horse 1\n");
    ocore_with.run().await.done();
    assert_eq!(
        api.the("POST /api/admin/users").body,
        json!({"email": "new@example.com", "name": "New", "password": "correct horse 1", "orgId": ACME})
    );

    ocore(&api, &["user", "deactivate", "ada@example.com"])
        .await
        .failed(2, "--yes ada@example.com");
    ocore(&api, &["user", "deactivate", "Ada", "--yes", "ada@example.com"])
        .await
        .done();
    ocore(&api, &["user", "activate", ADA]).await.done();
    api.the(&format!("POST /api/admin/users/{ADA}/deactivate"));
    api.the(&format!("POST /api/admin/users/{ADA}/activate"));
}

#[tokio::test]
async fn organizations_and_their_members_are_looked_after() {
    let api = api("done").await;
    let ran = ocore(&api, &["org", "list", "--json", "--sort=-createdAt"])
        .await
        .done();
    assert_eq!(ran.json()["data"][0]["slug"], "acme");
    let create = [
        "org",
        "create",
        "--name",
        "Acme Ltd",
        "--owner",
        "ada@example.com",
    ];
    ocore(&api, &create).await.done();
    assert_eq!(
        api.the("POST /api/admin/orgs").body,
        json!({"name": "Acme Ltd", "ownerUserId": ADA})
    );
    ocore(&api, &["org", "deactivate", "acme"])
        .await
        .failed(2, "--yes Acme Ltd");
    ocore(&api, &["org", "deactivate", "acme", "--yes", "acme"])
        .await
        .done();
    ocore(&api, &["org", "activate", "Acme Ltd"]).await.done();
    let shown = ocore(&api, &["org", "show", ACME]).await.done();
    assert!(shown.out.contains("ada@example.com"), "{}", shown.out);

    let members = ocore(&api, &["member", "list", "acme", "--sort", "joinedAt"])
        .await
        .done();
    assert!(members.out.contains("Viewer"), "{}", members.out);
    ocore(
        &api,
        &["member", "add", "acme", "--user", "Ada", "--role", "Developer"],
    )
    .await
    .done();
    assert_eq!(
        api.the(&format!("POST /api/admin/orgs/{ACME}/members")).body,
        json!({"userId": ADA, "roleName": "Developer"})
    );
    ocore(&api, &["member", "remove", "acme", "ada"])
        .await
        .failed(2, "--yes ada@example.com");
    ocore(
        &api,
        &["member", "remove", "acme", "ada", "--yes", "ada@example.com"],
    )
    .await
    .done();
    api.the(&format!("DELETE /api/admin/orgs/{ACME}/members/{ADA}"));
}

#[tokio::test]
async fn keys_and_the_record_are_everybodys() {
    let api = api("done").await;
    let listed = ocore(&api, &["api-key", "list"]).await.done();
    assert!(listed.out.contains("acme") && listed.out.contains("ocore_ab12"));
    ocore(&api, &["api-key", "revoke", KEY])
        .await
        .failed(2, "of `Acme Ltd`");
    ocore(&api, &["api-key", "revoke", "ci", "--yes", "ci"])
        .await
        .done();
    api.the(&format!("DELETE /api/admin/api-keys/{KEY}"));
    let arguments = ["audit", "list", "--action", "admin.", "--sort", "createdAt"];
    ocore(&api, &arguments).await.done();
    assert_eq!(
        api.the("GET /api/admin/audit-logs").query,
        "action=admin.&sort=createdAt&limit=100"
    );
    let ran = ocore(&api, &["audit", "verify"]).await.done();
    assert!(ran.out.contains("as it was written"), "{}", ran.out);
}

#[tokio::test]
async fn an_organization_with_all_it_has_is_followed_to_its_end() {
    let good = api("done").await;
    ocore(&good, &["org", "delete", "acme", "--cascade"])
        .await
        .failed(2, "WITH ALL ITS INSTANCES");
    ocore(&good, &["org", "delete", "acme", "--no-dump", "--yes", "acme"])
        .await
        .failed(2, "--cascade");
    let delete = ["org", "delete", "acme", "--cascade", "--no-dump", "--yes", "acme"];
    let ran = ocore(&good, &delete).await.done();
    assert!(ran.out.contains("`Acme Ltd` is deleted"), "{}", ran.out);
    assert_eq!(
        good.the(&format!("DELETE /api/admin/orgs/{ACME}")).query,
        "confirm=acme&cascade=true&keepDump=false"
    );
    let ran = ocore(&good, &[&delete[..], &["--no-wait"]].concat()).await.done();
    let told = format!("ocore installation operation follow {OPERATION}");
    assert!(ran.out.contains(&told), "{}", ran.out);
    ocore(&good, &["operation", "follow", OPERATION]).await.done();
    let shown = ocore(&good, &["operation", "show", OPERATION]).await.done();
    assert!(shown.out.contains("organization_delete"), "{}", shown.out);

    let bad = api("failed").await;
    let ran = ocore(&bad, &delete)
        .await
        .failed(4, "2 instances are gone; 1 could not");
    assert!(!ran.out.contains("is deleted"), "{}", ran.out);
}

/// The owner loses the sight of the operation together with the organization: the stream is cut, and what is asked then is
/// refused.
async fn shut_out(is_gone: bool) -> Fake {
    Fake::start(move |request: &Asked, before| match request.what.as_str() {
        "GET /api/org" => tagged("\"3\"", acme()),
        "DELETE /api/org" => accepted(),
        "GET /api/user/orgs" if is_gone => list(&[]),
        "GET /api/user/orgs" => list(&[acme()]),
        what if what.ends_with("/logs") && before == 0 => stream(None),
        _ => problem(
            StatusCode::FORBIDDEN,
            "auth.forbidden",
            "You are in no such organization",
            "Ask to be invited.",
        ),
    })
    .await
}

#[tokio::test]
async fn whose_organization_is_gone_is_told_so() {
    let delete = ["org", "delete", "--cascade", "--yes", "acme", "--json"];
    let run = async |api: &Fake| {
        let ocore = Ocore::new(&delete).env("OCORE_URL", &api.url);
        ocore.env("OCORE_TOKEN", PERSON).run().await
    };
    let gone = run(&shut_out(true).await).await.done();
    assert_eq!(gone.json()["organization"]["slug"], "acme");
    assert_eq!(gone.json()["operation"], Value::Null);
    // Who was only shut out is not told that it is gone.
    let there = run(&shut_out(false).await).await;
    there.failed(3, "You are in no such organization");
}

#[tokio::test]
async fn the_queue_is_shown_paused_and_let_go_on() {
    let api = api("done").await;
    let shown = ocore(&api, &["queue", "show"]).await.done();
    for text in ["instance_create", "acme", "a move", "7 s", "one"] {
        assert!(shown.out.contains(text), "{text}: {}", shown.out);
    }
    ocore(&api, &["queue", "pause", "--reason", "a move"])
        .await
        .done();
    ocore(&api, &["queue", "pause", "--of", "acme"]).await.done();
    ocore(&api, &["queue", "resume", "--kind", "instance_move"])
        .await
        .done();
    let paused = api.asked("POST /api/admin/queue/pause");
    let body = |asked: &Asked| asked.body.clone();
    assert_eq!(body(&paused[0]), json!({"scope": "all", "reason": "a move"}));
    assert_eq!(
        body(&paused[1]),
        json!({"scope": "organization", "target": ACME, "reason": ""})
    );
    let resumed = api.asked("POST /api/admin/queue/resume");
    assert_eq!(
        body(&resumed[0]),
        json!({"scope": "kind", "target": "instance_move"})
    );
    ocore(&api, &["queue", "pause", "--kind", "a", "--of", "acme"])
        .await
        .failed(2, "cannot be used with");
}
