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
        let (method, path) = (route.method, route.path.replace(['{', '}'], ""));
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
            if route.path == "/api/auth/refresh" {
                // It asks for another token than this one.
                reply.problem(401, "auth.unauthenticated");
            } else if route.requirement == Requirement::Anyone {
                assert_ne!(reply.status, 401, "{method} {path}");
            } else {
                reply.problem(401, "auth.unauthenticated");
                assert_eq!(reply.headers["www-authenticate"], "Bearer");
                asked += 1;
            }
        }
    }
    assert!(asked >= 45 * 4, "{asked}");
}

/// What nobody has to be signed in for is listed here: a route does not get among them by mistake.
#[test]
fn the_public_routes_are_these() {
    let table = ocore_api::table();
    let public = table
        .iter()
        .filter(|route| route.requirement == Requirement::Anyone);
    let mut public: Vec<String> = public
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    public.sort();
    assert_eq!(
        public,
        [
            "GET /api/auth/oauth/{provider}",
            "GET /api/auth/oauth/{provider}/callback",
            "GET /api/auth/providers",
            "GET /api/auth/setup",
            "GET /api/auth/verify-email-change",
            "GET /api/docs",
            "GET /api/docs/style.css",
            "GET /api/invitations/lookup",
            "GET /api/openapi.json",
            "GET /api/problems",
            "GET /health",
            "GET /health/ready",
            "POST /api/auth/device",
            "POST /api/auth/device/token",
            "POST /api/auth/forgot-password",
            "POST /api/auth/login",
            "POST /api/auth/login/2fa",
            "POST /api/auth/passkey/login/begin",
            "POST /api/auth/passkey/login/finish",
            "POST /api/auth/refresh",
            "POST /api/auth/resend-verification",
            "POST /api/auth/reset-password",
            "POST /api/auth/signup",
            "POST /api/auth/verify-email",
        ]
    );
}
