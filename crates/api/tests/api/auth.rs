//! Nobody gets in without a token.

use axum::{body::Body, http::Request};
use ocore_api::Requirement;
use sqlx::PgPool;

use crate::support::Client;

#[sqlx::test(migrations = "../store/migrations")]
async fn every_route_but_the_public_ones_asks_for_a_token(pool: PgPool) {
    let client = Client::new(pool).await;
    let mut asked = 0;
    for route in ocore_api::table() {
        let (method, path) = (route.method, route.path.replace('{', "").replace('}', ""));
        for token in [
            None,
            Some("Bearer ocore_wrong"),
            Some("Basic YTpi"),
            Some("Bearer "),
        ] {
            let mut request = Request::builder().method(method).uri(&path);
            if let Some(token) = token {
                request = request.header("authorization", token);
            }
            let reply = client.raw(request.body(Body::empty()).unwrap()).await;
            if route.requirement == Requirement::Anyone {
                assert_ne!(
                    reply.headers.get("www-authenticate").map(|_| reply.status),
                    Some(reply.status)
                );
            } else {
                reply.problem(401, "auth.unauthenticated");
                assert_eq!(reply.headers["www-authenticate"], "Bearer");
                asked += 1;
            }
        }
    }
    assert!(asked >= 17 * 4, "{asked}");
}
