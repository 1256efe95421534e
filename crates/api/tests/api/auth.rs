//! Nobody gets in without a token.

use axum::{body::Body, http::Request};
use sqlx::PgPool;

use crate::support::Client;

#[sqlx::test(migrations = "../store/migrations")]
async fn every_route_but_the_public_ones_asks_for_a_token(pool: PgPool) {
    let client = Client::new(pool).await;
    let api = serde_json::to_value(ocore_api::openapi()).unwrap();
    let mut asked = 0;
    for (path, methods) in api["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let path = path
                .replace("{id}", "some")
                .replace("{userId}", "some")
                .replace("{kind}", "noop");
            let is_public = operation["x-ocore-requires"] == "anyone";
            for token in [
                None,
                Some("Bearer ocore_wrong"),
                Some("Basic YTpi"),
                Some("Bearer "),
            ] {
                let mut request = Request::builder()
                    .method(method.to_uppercase().as_str())
                    .uri(&path);
                if let Some(token) = token {
                    request = request.header("authorization", token);
                }
                let reply = client.raw(request.body(Body::empty()).unwrap()).await;
                if path.starts_with("/health") || path == "/api/openapi.json" {
                    assert_eq!(reply.status, 200, "{method} {path}");
                } else if is_public {
                    assert_ne!(reply.status, 401, "{method} {path}");
                } else {
                    reply.problem(401, "auth.unauthenticated");
                    assert_eq!(reply.headers["www-authenticate"], "Bearer");
                    asked += 1;
                }
            }
        }
    }
    assert!(asked >= 45 * 4, "{asked}");
}
