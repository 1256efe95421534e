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
        for method in methods.as_object().unwrap().keys() {
            let path = path.replace("{id}", "some").replace("{kind}", "noop");
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
                let is_about_the_api = [
                    "/api/openapi.json",
                    "/api/docs",
                    "/api/docs/style.css",
                    "/api/problems",
                ];
                if path.starts_with("/health") || is_about_the_api.contains(&path.as_str()) {
                    assert_eq!(reply.status, 200, "{method} {path}");
                } else {
                    reply.problem(401, "auth.unauthenticated");
                    assert_eq!(reply.headers["www-authenticate"], "Bearer");
                    asked += 1;
                }
            }
        }
    }
    assert!(asked >= 17 * 4, "{asked}");
}
