//! Strange requests to every route that is described: each answer is one that the description has.

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::Value;
use sqlx::PgPool;

use crate::support::{Client, Reply};

/// Asks, with a body of this type if there is one.
async fn ask(client: &Client, method: &str, path: &str, body: Option<(&str, &'static [u8])>) -> Reply {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", client.token());
    if let Some((kind, _)) = body {
        request = request.header("content-type", kind);
    }
    let body = body.map_or_else(Body::empty, |(_, bytes)| Body::from(bytes));
    client.raw(request.body(body).unwrap()).await
}

/// An answer of a described route is a described one.
#[track_caller]
fn fits(reply: &Reply, operation: &Value, what: &str) {
    let status = reply.status.as_u16();
    // These have no body.
    if [204, 303].contains(&status) {
        assert!(
            operation["responses"][status.to_string()].is_object(),
            "{what}: {status}"
        );
        return;
    }
    let described = &operation["responses"][status.to_string()]["content"];
    assert!(
        described.is_object(),
        "{what}: {status} is not described: {}",
        reply.text
    );
    let kind = reply.headers["content-type"].to_str().unwrap();
    let kind = kind.split(';').next().unwrap();
    assert!(described.get(kind).is_some(), "{what}: {status} as {kind}");
    assert!(status < 500, "{what}: {status} {}", reply.text);
    if status >= 400 {
        reply.problem(status, reply.json()["code"].as_str().unwrap());
    }
}

#[sqlx::test(migrations = "../store/migrations")]
async fn strange_requests_get_described_answers(pool: PgPool) {
    let client = Client::new(pool).await;
    let api = serde_json::to_value(ocore_api::openapi()).unwrap();
    let json = "application/json";
    let bodies: [Option<(&str, &'static [u8])>; 9] = [
        None,
        Some((json, b"")),
        Some((json, b"{")),
        Some((json, b"null")),
        Some((json, b"[]")),
        Some((json, b"{\"a\": 1e999, \"a\": \"\\u0000\"}")),
        Some((json, b"\xff\xfe\x00")),
        Some(("text/plain", b"{}")),
        Some(("application/x-www-form-urlencoded", b"a=b")),
    ];
    let queries = [
        "",
        "?colour=red",
        "?limit=1&limit=1",
        "?limit=99999999999999999999999999",
        "?limit=-1e9",
        "?search=%00&cursor=%00",
        "?search=%ff&cursor=%ff",
        "?%ff=%ff",
        "?&&=&",
        "?tail=-1&follow=maybe&after=x&confirm=%00",
    ];
    let mut asked = 0;
    for (path, item) in api["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = method.to_uppercase();
            for name in ["nothing", "%00", "%ff", "%2f..%2f", "%F0%9F%92%A9", "'%22;--"] {
                let path = path.replace("{id}", name).replace("{kind}", name);
                for (n, query) in queries.iter().enumerate() {
                    let path = format!("{path}{query}");
                    let body = bodies[(asked + n) % bodies.len()];
                    let what = format!("{method} {path} {body:?}");
                    let reply = ask(&client, &method, &path, body).await;
                    fits(&reply, operation, &what);
                    asked += 1;
                }
                if !path.contains("nothing") {
                    continue;
                }
                for body in bodies {
                    let what = format!("{method} {path} {body:?}");
                    fits(&ask(&client, &method, &path, body).await, operation, &what);
                }
            }
        }
    }
    assert!(asked > 1000, "{asked}");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_method_that_is_not_known_is_answered_with_those_that_are(pool: PgPool) {
    let client = Client::new(pool).await;
    let api = serde_json::to_value(ocore_api::openapi()).unwrap();
    for (path, item) in api["paths"].as_object().unwrap() {
        let path = path.replace("{id}", "x").replace("{kind}", "x");
        let known: Vec<String> = item
            .as_object()
            .unwrap()
            .keys()
            .map(|m| m.to_uppercase())
            .collect();
        let others = [
            Method::TRACE,
            Method::OPTIONS,
            Method::PATCH,
            Method::PUT,
            Method::DELETE,
        ];
        for method in others.iter().filter(|m| !known.contains(&m.to_string())) {
            let reply = ask(&client, method.as_str(), &path, None).await;
            reply.problem(405, "request.invalid");
            let mut allowed: Vec<&str> = reply.headers["allow"].to_str().unwrap().split(',').collect();
            allowed.retain(|method| *method != "HEAD");
            allowed.sort_unstable();
            let mut known: Vec<&str> = known.iter().map(String::as_str).collect();
            known.sort_unstable();
            assert_eq!(allowed, known, "{method} {path}");
        }
    }
}
