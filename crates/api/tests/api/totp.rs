//! Codes of an app, made by oathtool.

use std::process::Command;

use futures::future::join_all;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::people::{PASSWORD, People, tokens};

/// The code of a secret, some seconds from now.
fn code(secret: &str, seconds: i32) -> String {
    let at = format!("now + {seconds} seconds");
    let output = Command::new("oathtool")
        .args(["--totp", "--base32", "--now", &at, secret])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "this test needs: apt-get install oathtool"
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

struct WithCodes {
    people: People,
    email: String,
    token: String,
    secret: String,
    recovery: Vec<String>,
}

impl WithCodes {
    async fn new(pool: PgPool) -> Self {
        let people = People::without_mail(pool).await;
        let email = people.person("ada").await;
        let (token, _) = people.tokens(&email).await;
        let by = |path: &'static str, body: Value| people.by(&token, "POST", path, Some(body));
        by("/api/user/totp/setup", json!({"password": "wrong horse 4"}))
            .await
            .problem(401, "auth.invalid_credentials");
        by("/api/user/totp/enable", json!({"code": "000000"}))
            .await
            .problem(409, "state.conflict");
        let set_up = by("/api/user/totp/setup", json!({"password": PASSWORD}))
            .await
            .ok(200);
        let secret = set_up["secret"].as_str().unwrap().to_owned();
        assert!(
            set_up["uri"]
                .as_str()
                .unwrap()
                .starts_with("otpauth://totp/oCore:ada%40example.com?secret=")
        );
        // It is not asked for before it was seen to work.
        people.log_in(&email, PASSWORD).await.ok(200)["accessToken"]
            .as_str()
            .unwrap();
        by("/api/user/totp/enable", json!({"code": "000000"}))
            .await
            .problem(401, "auth.invalid_credentials");
        let enabled = by("/api/user/totp/enable", json!({"code": code(&secret, 0)}))
            .await
            .ok(200);
        let recovery: Vec<String> = serde_json::from_value(enabled["recoveryCodes"].clone()).unwrap();
        assert_eq!(recovery.len(), 8);
        Self {
            people,
            email,
            token,
            secret,
            recovery,
        }
    }

    async fn partial(&self) -> String {
        let answer = self.people.log_in(&self.email, PASSWORD).await.ok(200);
        assert_eq!(
            (&answer["requiresTotp"], &answer["requiresTOTP"]),
            (&json!(true), &json!(true))
        );
        assert!(answer["accessToken"].is_null());
        answer["partialToken"].as_str().unwrap().to_owned()
    }

    async fn go_on(&self, partial: &str, code: &str) -> crate::support::Reply {
        let body = json!({"partialToken": partial, "code": code});
        self.people.post("/api/auth/login/2fa", body).await
    }

    async fn forget_steps(&self) {
        self.people.sql("update users set totp_last_step = null").await;
        self.people.sql("delete from login_attempts").await;
    }
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_code_is_asked_for_and_good_once(pool: PgPool) {
    let ada = WithCodes::new(pool).await;
    // The secret is not in the database as it is.
    let sealed: Vec<u8> = sqlx::query_scalar("select totp_secret_sealed from users where name = 'ada'")
        .fetch_one(&ada.people.pool)
        .await
        .unwrap();
    assert!(!String::from_utf8_lossy(&sealed).contains(&ada.secret));

    // The code that switched it on is used.
    let partial = ada.partial().await;
    ada.go_on(&partial, &code(&ada.secret, 0))
        .await
        .problem(401, "auth.invalid_credentials");
    ada.forget_steps().await;
    // The same code by several logins at once: one gets in.
    let mut partials = Vec::new();
    for _ in 0..4 {
        partials.push(ada.partial().await);
    }
    let now = code(&ada.secret, 0);
    let replies = join_all(partials.iter().map(|partial| ada.go_on(partial, &now))).await;
    let good: Vec<_> = replies.iter().filter(|reply| reply.status == 200).collect();
    assert_eq!(good.len(), 1);
    let (token, _) = tokens(&good[0].json());
    let sessions = ada
        .people
        .by(&token, "GET", "/api/user/sessions", None)
        .await
        .ok(200);
    assert_eq!(sessions["data"][0]["method"], "totp");
    // The half of a login that was ended is over.
    let winner = replies.iter().position(|reply| reply.status == 200).unwrap();
    ada.go_on(&partials[winner], &now)
        .await
        .problem(400, "auth.invalid_link");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_recovery_code_is_good_once(pool: PgPool) {
    let ada = WithCodes::new(pool).await;
    let mut partials = Vec::new();
    for _ in 0..4 {
        partials.push(ada.partial().await);
    }
    let typed = ada.recovery[0].to_uppercase().replace('-', " ");
    let replies = join_all(partials.iter().map(|partial| ada.go_on(partial, &typed))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);

    ada.forget_steps().await;
    let path = "/api/user/totp/recovery-codes";
    let body = Some(json!({"password": PASSWORD}));
    let renewed = ada.people.by(&ada.token, "POST", path, body).await.ok(200);
    let partial = ada.partial().await;
    ada.go_on(&partial, &ada.recovery[1])
        .await
        .problem(401, "auth.invalid_credentials");
    let new = renewed["recoveryCodes"][0].as_str().unwrap();
    ada.go_on(&partial, new).await.ok(200);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn codes_are_not_guessed(pool: PgPool) {
    let ada = WithCodes::new(pool).await;
    let partial = ada.partial().await;
    // Many at once are five, whatever they are; then the half login is over even for the right code.
    let replies = join_all((0..10).map(|_| ada.go_on(&partial, "000000"))).await;
    assert!(replies.iter().filter(|reply| reply.status == 401).count() <= 5);
    ada.forget_steps().await;
    ada.go_on(&partial, &code(&ada.secret, 0))
        .await
        .problem(400, "auth.invalid_link");
    // Another half is of no use either: the codes of an account are counted.
    for _ in 0..2 {
        let partial = ada.partial().await;
        for _ in 0..3 {
            ada.go_on(&partial, "000000").await;
        }
    }
    let partial = ada.partial().await;
    ada.go_on(&partial, &code(&ada.secret, 0))
        .await
        .problem(429, "request.too_many");
    // And it is too old after five minutes.
    ada.forget_steps().await;
    let partial = ada.partial().await;
    ada.people
        .sql("update one_time_tokens set expires_at = expires_at - interval '5 minutes' where purpose = 'second_factor'")
        .await;
    ada.go_on(&partial, &code(&ada.secret, 0))
        .await
        .problem(400, "auth.invalid_link");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn codes_are_switched_off(pool: PgPool) {
    let ada = WithCodes::new(pool).await;
    let disable = |body: Value| {
        ada.people
            .by(&ada.token, "POST", "/api/user/totp/disable", Some(body))
    };
    disable(json!({"password": PASSWORD, "code": "000000"}))
        .await
        .problem(401, "auth.invalid_credentials");
    disable(json!({"password": "wrong horse 4", "code": ada.recovery[0]}))
        .await
        .problem(401, "auth.invalid_credentials");
    let good = disable(json!({"password": PASSWORD, "code": ada.recovery[0]})).await;
    assert_eq!(good.status, 204);
    let answer = ada.people.log_in(&ada.email, PASSWORD).await.ok(200);
    assert!(answer["accessToken"].is_string());
    let left: i64 = sqlx::query_scalar("select count(*) from recovery_codes")
        .fetch_one(&ada.people.pool)
        .await
        .unwrap();
    assert_eq!(left, 0);
    assert_eq!(ada.people.recorded("auth.totp_disabled").await, 1);
}
