//! Signing in by password.

use std::time::Instant;

use futures::future::join_all;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::people::{Ask, PASSWORD, People, cookie_header, cookies};

const WRONG: &str = "wrong horse 4 battery";

#[sqlx::test(migrations = "../store/migrations")]
async fn every_failure_is_answered_alike(pool: PgPool) {
    let people = People::without_mail(pool).await;
    for name in ["ada", "passwordless", "deactivated"] {
        people.person(name).await;
    }
    people
        .sql("update users set password_hash = null where name = 'passwordless'")
        .await;
    people
        .sql("update users set deactivated_at = now() where name = 'deactivated'")
        .await;
    let mut answers = Vec::new();
    for (name, password) in [
        ("ada", WRONG),
        ("passwordless", PASSWORD),
        ("deactivated", PASSWORD),
        ("nobody", PASSWORD),
    ] {
        let reply = people.log_in(&format!("{name}@example.com"), password).await;
        assert!(reply.headers.get("set-cookie").is_none());
        let mut answer = reply.problem(401, "auth.invalid_credentials");
        answer["requestId"] = Value::Null;
        answers.push(answer);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    people.log_in("ada@example.com", PASSWORD).await.ok(200);

    // What somebody typed in the wrong field is kept nowhere; a known address is in the record of its organization.
    people.log_in("my canary password", PASSWORD).await;
    let entries: Vec<(String, bool)> = sqlx::query_as(
        "select entry::text, organization_id is null from audit_log where action = 'auth.login_failed' order by at",
    )
    .fetch_all(&people.pool)
    .await
    .unwrap();
    assert_eq!(entries.len(), 5);
    assert!(entries[0].0.contains("ada@example.com") && !entries[0].1);
    assert!(entries[3].0.contains("sha256:") && entries[3].1);
    assert!(
        entries
            .iter()
            .all(|(entry, _)| !entry.contains("canary") && !entry.contains("horse"))
    );
    assert_eq!(people.recorded("auth.login").await, 1);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn who_guesses_has_to_wait(pool: PgPool) {
    let people = People::without_mail(pool).await;
    people.person("ada").await;
    for email in ["ada@example.com", "nobody@example.com"] {
        // Many at once are no more than some after another.
        let replies = join_all((0..12).map(|n| {
            let ask = Ask {
                body: Some(json!({"email": email, "password": WRONG})),
                headers: vec![("x-forwarded-for", format!("192.0.2.{n}"))],
                ..Ask::default()
            };
            people.ask("POST", "/api/auth/login", ask)
        }))
        .await;
        let tried = replies.iter().filter(|reply| reply.status == 401).count();
        assert_eq!(tried, 5, "{email}");
        for reply in replies.iter().filter(|reply| reply.status != 401) {
            reply.problem(429, "request.too_many");
            assert_eq!(reply.headers["retry-after"], "1");
        }
    }
    // Even the right password has to wait; then it makes everything good.
    people
        .sql("update login_attempts set blocked_until = now() + interval '9.5 seconds'")
        .await;
    let reply = people.log_in("Ada@example.com", PASSWORD).await;
    reply.problem(429, "request.too_many");
    assert!(["9", "10"].contains(&reply.headers["retry-after"].to_str().unwrap()));
    people
        .sql("update login_attempts set blocked_until = now()")
        .await;
    people.log_in("ada@example.com", PASSWORD).await.ok(200);
    for _ in 0..4 {
        people
            .log_in("ada@example.com", WRONG)
            .await
            .problem(401, "auth.invalid_credentials");
    }
    people.log_in("ada@example.com", PASSWORD).await.ok(200);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn the_wait_gets_longer_and_not_too_long(pool: PgPool) {
    let people = People::without_mail(pool).await;
    let mut waits = Vec::new();
    for _ in 0..14 {
        let reply = people.log_in("nobody@example.com", WRONG).await;
        reply.problem(401, "auth.invalid_credentials");
        let wait: Option<i64> = sqlx::query_scalar(
            "select ceil(extract(epoch from max(blocked_until) - now()))::int8 from login_attempts",
        )
        .fetch_one(&people.pool)
        .await
        .unwrap();
        waits.push(wait.unwrap_or(0));
        people.sql("update login_attempts set blocked_until = null").await;
    }
    assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn an_address_has_to_wait_too(pool: PgPool) {
    let people = People::without_mail(pool).await;
    people.person("ada").await;
    let try_from = |address: &str, email: String, password: &'static str| {
        let ask = Ask {
            body: Some(json!({"email": email, "password": password})),
            headers: vec![("x-forwarded-for", address.to_owned())],
            ..Ask::default()
        };
        people.ask("POST", "/api/auth/login", ask)
    };
    for n in 0..20 {
        let address = format!("2001:db8:1:2::{n:x}");
        let reply = try_from(&address, format!("nobody{n}@example.com"), WRONG).await;
        reply.problem(401, "auth.invalid_credentials");
    }
    let reply = try_from("2001:db8:1:2:9::9", "ada@example.com".into(), PASSWORD).await;
    reply.problem(429, "request.too_many");
    let elsewhere = try_from("2001:db8:1:3::1", "ada@example.com".into(), PASSWORD).await;
    elsewhere.ok(200);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_browser_gets_cookies(pool: PgPool) {
    let people = People::without_mail(pool).await;
    people.person("ada").await;
    let log_in = |path: &'static str, headers| {
        let ask = Ask {
            body: Some(json!({"email": "ada@example.com", "password": PASSWORD})),
            headers,
            ..Ask::default()
        };
        people.ask("POST", path, ask)
    };
    let script = log_in("/api/auth/login", vec![]).await;
    assert_eq!(script.ok(200)["tokenType"], "Bearer");
    assert_eq!(script.headers["cache-control"], "no-store");
    for (path, headers) in [
        ("/api/auth/login?cookies=only", vec![]),
        (
            "/api/auth/login",
            vec![("x-requested-with", "ocore-dashboard".to_owned())],
        ),
    ] {
        let reply = log_in(path, headers).await;
        let body = reply.ok(200);
        assert!(body["accessToken"].is_null() && body["refreshToken"].is_null());
        for cookie in reply.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.contains("SameSite=Strict"), "{cookie}");
            assert_eq!(
                cookie.contains("HttpOnly"),
                !cookie.starts_with("ocore_csrf="),
                "{cookie}"
            );
            assert!(!cookie.contains("Secure"), "by http it would not come back");
        }
        let jar = cookies(&reply);
        for value in jar.values() {
            assert!(!reply.text.contains(value));
        }
        let change = |extra: Vec<(&'static str, String)>| {
            let mut headers = vec![("cookie", cookie_header(&jar))];
            headers.extend(extra);
            let ask = Ask {
                body: Some(json!({"name": "Ada"})),
                headers,
                ..Ask::default()
            };
            people.ask("PUT", "/api/user", ask)
        };
        let csrf = jar["ocore_csrf"].clone();
        change(vec![]).await.problem(403, "auth.cross_site");
        change(vec![("x-csrf-token", "wrong".into())])
            .await
            .problem(403, "auth.cross_site");
        change(vec![
            ("x-csrf-token", csrf.clone()),
            ("origin", "http://evil.example".into()),
        ])
        .await
        .problem(403, "auth.cross_site");
        let good = vec![("x-csrf-token", csrf), ("origin", "http://localhost:3000".into())];
        change(good).await.ok(200);
        // Under another name than APP_URL, but by a page of the same: only the token tells that one from others.
        let same = |csrf: String| {
            change(vec![
                ("x-csrf-token", csrf),
                ("origin", "http://10.0.0.5:8080".into()),
                ("host", "10.0.0.5:8080".into()),
            ])
        };
        same(jar["ocore_csrf"].clone()).await.ok(200);
        same("wrong".to_owned()).await.problem(403, "auth.cross_site");
    }
}

/// In how long somebody is told that a login failed does not tell whether the address is known.
#[sqlx::test(migrations = "../store/migrations")]
async fn known_and_unknown_addresses_take_the_same_time(pool: PgPool) {
    const SAMPLES: usize = 60;
    const NAMES: [&str; 3] = [
        "ada@example.com",
        "passwordless@example.com",
        "nobody@example.com",
    ];
    let people = People::without_mail(pool).await;
    people.person("ada").await;
    people.person("passwordless").await;
    people
        .sql("update users set password_hash = null where name = 'passwordless'")
        .await;
    // What else the machine does meanwhile is none of it: measured anew when it disturbed.
    let mut told = String::new();
    for _ in 0..4 {
        let mut times = [const { Vec::new() }; 3];
        for round in 0..SAMPLES {
            for turn in 0..3 {
                let which = (round + turn) % 3;
                people.sql("delete from login_attempts").await;
                let begin = Instant::now();
                let reply = people.log_in(NAMES[which], WRONG).await;
                times[which].push(begin.elapsed());
                reply.problem(401, "auth.invalid_credentials");
            }
        }
        let medians = times.map(|mut times| {
            times.sort();
            times[SAMPLES / 2].as_secs_f64() * 1000.0
        });
        told = format!(
            "known {:.2} ms, without a password {:.2} ms, unknown {:.2} ms",
            medians[0], medians[1], medians[2]
        );
        println!("{told}");
        let (least, most) = medians
            .iter()
            .fold((f64::MAX, 0.0_f64), |(least, most), &median| {
                (least.min(median), most.max(median))
            });
        if most / least < 1.15 {
            return;
        }
    }
    panic!("{told}");
}
