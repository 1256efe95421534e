//! Sessions: going on with one, looking at them, ending them.

use futures::future::join_all;
use serde_json::json;
use sqlx::PgPool;

use crate::people::{Ask, People, cookie_header, cookies, tokens};

#[sqlx::test(migrations = "../store/migrations")]
async fn a_refresh_token_is_good_once(pool: PgPool) {
    let people = People::open(pool).await;
    let email = people.person("ada").await;
    let (_, first) = people.tokens(&email).await;
    let refresh = |token: String| people.post("/api/auth/refresh", json!({"refreshToken": token}));
    // Ten at once: one gets the next, the others are other tabs.
    let replies = join_all((0..10).map(|_| refresh(first.clone()))).await;
    let answers: Vec<_> = replies.iter().map(|reply| reply.ok(200)).collect();
    let rotated: Vec<_> = answers
        .iter()
        .filter(|answer| !answer["refreshToken"].is_null())
        .collect();
    assert_eq!(rotated.len(), 1);
    let (access, second) = tokens(rotated[0]);
    for answer in &answers {
        let access = answer["accessToken"].as_str().unwrap();
        people.by(access, "GET", "/api/auth/me", None).await.ok(200);
    }
    let (_, third) = tokens(&refresh(second.clone()).await.ok(200));

    // Later, the same token is a thief's, or its owner's after a thief: nobody goes on.
    people
        .sql("update refresh_tokens set used_at = used_at - interval '11 seconds'")
        .await;
    refresh(first).await.problem(401, "auth.unauthenticated");
    people
        .by(&access, "GET", "/api/auth/me", None)
        .await
        .problem(401, "auth.unauthenticated");
    refresh(third).await.problem(401, "auth.unauthenticated");
    refresh(second).await.problem(401, "auth.unauthenticated");
    assert_eq!(people.recorded("auth.refresh_reused").await, 1, "told once");
    people.mail(&email, "session").await;
    for wrong in ["", "refresh_00", "ocore_00"] {
        refresh(wrong.to_owned())
            .await
            .problem(401, "auth.unauthenticated");
    }
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_session_lasts_while_it_is_used(pool: PgPool) {
    let people = People::without_mail(pool).await;
    let email = people.person("ada").await;
    let (access, first) = people.tokens(&email).await;
    people
        .sql("update sessions set expires_at = now() + interval '1 minute'")
        .await;
    let refresh = |token: String| people.post("/api/auth/refresh", json!({"refreshToken": token}));
    let (_, second) = tokens(&refresh(first).await.ok(200));
    let left: i64 = sqlx::query_scalar("select extract(day from expires_at - now())::int8 from sessions")
        .fetch_one(&people.pool)
        .await
        .unwrap();
    assert!(left >= 29, "{left}");
    people
        .sql("update sessions set expires_at = now() - interval '1 second'")
        .await;
    people
        .by(&access, "GET", "/api/auth/me", None)
        .await
        .problem(401, "auth.unauthenticated");
    refresh(second).await.problem(401, "auth.unauthenticated");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_browser_goes_on_by_cookie(pool: PgPool) {
    let people = People::without_mail(pool).await;
    let email = people.person("ada").await;
    let reply = people.log_in(&email, crate::people::PASSWORD).await;
    let mut jar = cookies(&reply);
    // The access token is gone by then.
    jar.remove("ocore_access");
    let refresh = |headers| {
        let ask = Ask {
            headers,
            ..Ask::default()
        };
        people.ask("POST", "/api/auth/refresh", ask)
    };
    let cookie = ("cookie", cookie_header(&jar));
    refresh(vec![cookie.clone()])
        .await
        .problem(403, "auth.cross_site");
    let csrf = ("x-csrf-token", jar["ocore_csrf"].clone());
    let reply = refresh(vec![cookie, csrf]).await;
    let body = reply.ok(200);
    assert!(body["accessToken"].is_null() && body["refreshToken"].is_null());
    let next = cookies(&reply);
    assert_ne!(next["ocore_refresh"], jar["ocore_refresh"]);
    let ask = Ask {
        headers: vec![("cookie", cookie_header(&next))],
        ..Ask::default()
    };
    people.ask("GET", "/api/auth/me", ask).await.ok(200);
    refresh(vec![]).await.problem(401, "auth.unauthenticated");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn sessions_are_seen_and_ended(pool: PgPool) {
    let people = People::without_mail(pool).await;
    let ada = people.person("ada").await;
    let bob = people.person("bob").await;
    let mut tokens = Vec::new();
    for _ in 0..4 {
        tokens.push(people.tokens(&ada).await.0);
    }
    let (bobs, _) = people.tokens(&bob).await;
    let list = people
        .by(&tokens[0], "GET", "/api/user/sessions?limit=3", None)
        .await
        .ok(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 3);
    let path = format!(
        "/api/user/sessions?cursor={}",
        list["nextCursor"].as_str().unwrap()
    );
    let rest = people.by(&tokens[0], "GET", &path, None).await.ok(200);
    assert_eq!(rest["data"].as_array().unwrap().len(), 1);
    assert_eq!(rest["data"][0]["isCurrent"], true);
    assert_eq!(list["data"][0]["method"], "password");

    // The newest is the last one's. Nobody ends another's.
    let newest = format!("/api/user/sessions/{}", list["data"][0]["id"].as_str().unwrap());
    people
        .by(&bobs, "DELETE", &newest, None)
        .await
        .problem(404, "resource.not_found");
    people.by(&tokens[3], "GET", "/api/auth/me", None).await.ok(200);
    assert_eq!(people.by(&tokens[0], "DELETE", &newest, None).await.status, 204);
    people
        .by(&tokens[3], "GET", "/api/auth/me", None)
        .await
        .problem(401, "auth.unauthenticated");
    people
        .by(&tokens[0], "DELETE", &newest, None)
        .await
        .problem(404, "resource.not_found");

    let others = people.by(&tokens[0], "DELETE", "/api/user/sessions", None).await;
    assert_eq!(others.status, 204);
    for token in &tokens[1..] {
        people
            .by(token, "GET", "/api/auth/me", None)
            .await
            .problem(401, "auth.unauthenticated");
    }
    let out = people.by(&tokens[0], "POST", "/api/auth/logout", None).await;
    assert_eq!(out.status, 204);
    assert_eq!(cookies(&out)["ocore_refresh"], "");
    people
        .by(&tokens[0], "GET", "/api/auth/me", None)
        .await
        .problem(401, "auth.unauthenticated");
    people.by(&bobs, "GET", "/api/auth/me", None).await.ok(200);
    assert_eq!(people.recorded("auth.session_revoked").await, 2);
    assert_eq!(people.recorded("auth.logout").await, 1);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_key_has_no_account(pool: PgPool) {
    let people = People::without_mail(pool).await;
    for path in ["/api/auth/me", "/api/user/sessions", "/api/user/passkeys"] {
        people.client.get(path).await.problem(403, "auth.forbidden");
    }
}
