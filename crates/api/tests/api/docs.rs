//! What the API says of itself.

use axum::{body::Body, http::Request};
use sqlx::PgPool;

use crate::support::{Client, Reply};

async fn unsigned(client: &Client, path: &str) -> Reply {
    client.raw(Request::get(path).body(Body::empty()).unwrap()).await
}

#[sqlx::test(migrations = "../store/migrations")]
async fn anybody_may_read_what_the_api_is(pool: PgPool) {
    let client = Client::new(pool).await;
    for (path, kind, holds) in [
        ("/api/docs", "text/html; charset=utf-8", "/api/instances/{id}"),
        ("/api/docs/style.css", "text/css; charset=utf-8", "body {"),
    ] {
        let reply = unsigned(&client, path).await;
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(reply.headers["content-type"], kind);
        assert!(reply.text.contains(holds), "{path}");
        let policy = reply.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self';"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
    }
    let problems = unsigned(&client, "/api/problems").await.ok(200);
    let problems = problems["data"].as_array().unwrap();
    assert_eq!(problems.len(), ocore_domain::Code::ALL.len());
    assert_eq!(problems[0]["code"], "request.invalid");
    assert_eq!(
        problems[0]["type"],
        "https://docs.ocore.sh/problems/request.invalid"
    );
    assert_eq!(problems[0]["status"], 400);
    for text in ["title", "meaning", "mend"] {
        assert!(!problems[0][text].as_str().unwrap().is_empty(), "{text}");
    }
}
