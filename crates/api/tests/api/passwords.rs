//! Other passwords and other addresses.

use futures::future::join_all;
use serde_json::json;
use sqlx::PgPool;

use crate::people::{PASSWORD, People, token_in};

const NEW: &str = "another horse 5 battery";

#[sqlx::test(migrations = "../store/migrations")]
async fn a_forgotten_password_is_replaced(pool: PgPool) {
    let people = People::open(pool).await;
    let email = people.person("ada").await;
    people.person("deactivated").await;
    people
        .sql("update users set deactivated_at = now() where name = 'deactivated'")
        .await;
    let (access, refresh) = people.tokens(&email).await;
    let forgot = |email: &'static str| people.post("/api/auth/forgot-password", json!({"email": email}));
    for email in ["ada@example.com", "nobody@example.com", "deactivated@example.com"] {
        assert_eq!(forgot(email).await.ok(200), json!({}));
    }
    let token = token_in(&people.mail(&email, "new password").await);
    let reset = |token: String, password: &'static str| {
        people.post(
            "/api/auth/reset-password",
            json!({"token": token, "password": password}),
        )
    };
    // A password that does not do does not use it up.
    assert_eq!(reset(token.clone(), "short").await.fields(), ["password"]);
    let replies = join_all((0..4).map(|_| reset(token.clone(), NEW))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 204).count(), 1);
    reset(token, NEW).await.problem(400, "auth.invalid_link");
    people.mail(&email, "was changed").await;
    people
        .by(&access, "GET", "/api/auth/me", None)
        .await
        .problem(401, "auth.unauthenticated");
    people
        .post("/api/auth/refresh", json!({"refreshToken": refresh}))
        .await
        .problem(401, "auth.unauthenticated");
    people
        .log_in(&email, PASSWORD)
        .await
        .problem(401, "auth.invalid_credentials");
    people.log_in(&email, NEW).await.ok(200);
    assert_eq!(people.recorded("auth.password_reset").await, 1);

    // Too old, and for something else.
    forgot("ada@example.com").await.ok(200);
    let mails = people.wait_for_mails(&email, 3).await;
    let token = token_in(mails.last().unwrap());
    people
        .post("/api/auth/verify-email", json!({"token": token}))
        .await
        .problem(400, "auth.invalid_link");
    people
        .sql("update one_time_tokens set expires_at = now() - interval '1 second'")
        .await;
    reset(token, PASSWORD).await.problem(400, "auth.invalid_link");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_password_is_changed(pool: PgPool) {
    let people = People::open(pool).await;
    let email = people.person("ada").await;
    let (here, _) = people.tokens(&email).await;
    let (elsewhere, _) = people.tokens(&email).await;
    let change = |current: &'static str, new: &'static str, others: bool| {
        let body = json!({"currentPassword": current, "newPassword": new, "revokeOtherSessions": others});
        people.by(&here, "POST", "/api/user/change-password", Some(body))
    };
    change("wrong horse 4", NEW, true)
        .await
        .problem(401, "auth.invalid_credentials");
    assert_eq!(change(PASSWORD, "short", true).await.fields(), ["newPassword"]);
    assert_eq!(change(PASSWORD, NEW, false).await.status, 204);
    people.by(&elsewhere, "GET", "/api/auth/me", None).await.ok(200);
    assert_eq!(change(NEW, PASSWORD, true).await.status, 204);
    people
        .by(&elsewhere, "GET", "/api/auth/me", None)
        .await
        .problem(401, "auth.unauthenticated");
    people.by(&here, "GET", "/api/auth/me", None).await.ok(200);
    people.wait_for_mails(&email, 2).await;
    // Whoever sits at somebody's desk does not guess for long.
    let replies = join_all((0..12).map(|_| change("wrong horse 4", NEW, true))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 401).count(), 5);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn an_address_is_changed(pool: PgPool) {
    let people = People::open(pool).await;
    let email = people.person("ada").await;
    let bob = people.person("bob").await;
    let (token, _) = people.tokens(&email).await;
    let change = |new: &str, password: &str| {
        let body = json!({"newEmail": new, "password": password});
        let token = &token;
        let people = &people;
        async move {
            people
                .by(token, "POST", "/api/user/change-email", Some(body))
                .await
        }
    };
    change("new@example.com", "wrong horse 4")
        .await
        .problem(401, "auth.invalid_credentials");
    let free = change("new@example.com", PASSWORD).await.ok(202);
    let link = people.mail("new@example.com", "new e-mail address").await;
    people.log_in(&email, PASSWORD).await.ok(200);
    let path = format!("/api/auth/verify-email-change?token={}", token_in(&link));
    assert_eq!(people.client.get(&path).await.status, 204);
    people.client.get(&path).await.problem(400, "auth.invalid_link");
    people.mail(&email, "was changed").await;
    people.log_in("new@example.com", PASSWORD).await.ok(200);
    people
        .log_in(&email, PASSWORD)
        .await
        .problem(401, "auth.invalid_credentials");
    assert_eq!(people.recorded("auth.email_changed").await, 1);
    // Nobody learns whether an address is another's.
    assert_eq!(change(&bob, PASSWORD).await.ok(202), free);
}
