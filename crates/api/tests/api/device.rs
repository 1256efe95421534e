//! Signing a device in.

use futures::future::join_all;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::people::People;

pub(crate) async fn begin(people: &People) -> (String, String) {
    let begun = people
        .post("/api/auth/device", json!({"clientName": "ada's laptop"}))
        .await
        .ok(200);
    assert_eq!(begun["verificationUri"], "http://localhost:3000/device");
    let text = |name: &str| begun[name].as_str().unwrap().to_owned();
    (text("deviceCode"), text("userCode"))
}

pub(crate) async fn ask(people: &People, device: &str) -> crate::support::Reply {
    // As if the device had waited.
    people
        .sql("update device_logins set polled_at = polled_at - interval '6 seconds'")
        .await;
    people
        .post("/api/auth/device/token", json!({"deviceCode": device}))
        .await
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_device_gets_a_key(pool: PgPool) {
    let people = People::without_mail(pool).await;
    let ada = people.person("ada").await;
    let (token, _) = people.tokens(&ada).await;
    let (device, code) = begin(&people).await;
    ask(&people, &device)
        .await
        .problem(400, "auth.authorization_pending");
    let hasty = people
        .post("/api/auth/device/token", json!({"deviceCode": device}))
        .await;
    hasty.problem(429, "request.too_many");
    assert_eq!(hasty.headers["retry-after"], "5");

    let path = format!("/api/auth/device/{}", code.to_lowercase().replace('-', ""));
    let shown = people.by(&token, "GET", &path, None).await.ok(200);
    assert_eq!(
        (&shown["clientName"], &shown["status"]),
        (&json!("ada's laptop"), &json!("pending"))
    );
    let approve = format!("{path}/approve");
    people
        .client
        .post(&approve, json!({}))
        .await
        .problem(403, "auth.forbidden");
    assert_eq!(people.by(&token, "POST", &approve, None).await.status, 204);
    people
        .by(&token, "POST", &approve, None)
        .await
        .problem(400, "auth.invalid_link");
    let replies = join_all((0..5).map(|_| ask(&people, &device))).await;
    let good: Vec<&crate::support::Reply> = replies.iter().filter(|reply| reply.status == 200).collect();
    assert_eq!(good.len(), 1, "one key, however often the device asks at once");
    let answer = good[0].json();
    assert_eq!(answer["organization"]["name"], "ada's place");
    let key = answer["apiKey"].as_str().unwrap();
    people.by(key, "GET", "/api/servers", None).await.ok(200);
    people
        .by(key, "GET", "/api/auth/me", None)
        .await
        .problem(403, "auth.forbidden");
    let keys = people.by(&token, "GET", "/api/api-keys", None).await.ok(200);
    assert_eq!(keys["data"][0]["name"], "ada's laptop");
    assert!(keys["data"][0]["expiresAt"].is_string());
    ask(&people, &device).await.problem(400, "auth.invalid_link");
    assert_eq!(people.recorded("auth.device_approved").await, 1);
    assert_eq!(people.recorded("api_key.created").await, 1);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_device_gets_no_more_than_its_person_has(pool: PgPool) {
    let people = People::without_mail(pool).await;
    let ada = people.person("ada").await;
    let (token, _) = people.tokens(&ada).await;
    // Ada also looks around in the organization there is.
    people
        .sql(
            "insert into members (organization_id, user_id, role_id)
             select r.organization_id, u.id, r.id from roles r, users u
             where r.organization_id = '00000000-0000-0000-0000-000000000001' and r.name = 'Viewer'",
        )
        .await;
    let (device, code) = begin(&people).await;
    let ask_for = crate::people::Ask {
        token: Some(&token),
        headers: vec![("x-org-slug", "default".to_owned())],
        ..crate::people::Ask::default()
    };
    let path = format!("/api/auth/device/{code}/approve");
    assert_eq!(people.ask("POST", &path, ask_for).await.status, 204);
    let answer = ask(&people, &device).await.ok(200);
    let key = answer["apiKey"].as_str().unwrap();
    assert_eq!(answer["organization"]["slug"], "default");
    people.by(key, "GET", "/api/servers", None).await.ok(200);
    let add: Value = json!({"name": "one", "authMethod": "local"});
    people
        .by(key, "POST", "/api/servers", Some(add))
        .await
        .problem(403, "auth.forbidden");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_device_is_refused(pool: PgPool) {
    let people = People::without_mail(pool).await;
    let ada = people.person("ada").await;
    let (token, _) = people.tokens(&ada).await;
    let (device, code) = begin(&people).await;
    let path = format!("/api/auth/device/{code}/deny");
    assert_eq!(people.by(&token, "POST", &path, None).await.status, 204);
    ask(&people, &device).await.problem(403, "auth.forbidden");
    // Too old.
    let (device, code) = begin(&people).await;
    people
        .sql("update device_logins set expires_at = now() - interval '1 second'")
        .await;
    let path = format!("/api/auth/device/{code}/approve");
    people
        .by(&token, "POST", &path, None)
        .await
        .problem(400, "auth.invalid_link");
    ask(&people, &device).await.problem(400, "auth.invalid_link");
    // Who approved it and left meanwhile gives nothing.
    let (device, code) = begin(&people).await;
    let path = format!("/api/auth/device/{code}/approve");
    assert_eq!(people.by(&token, "POST", &path, None).await.status, 204);
    people.sql("update users set deactivated_at = now()").await;
    ask(&people, &device).await.problem(403, "auth.forbidden");
    // Codes are not guessed.
    people.sql("update users set deactivated_at = null").await;
    for _ in 0..5 {
        people
            .by(&token, "GET", "/api/auth/device/BBBBBBBB", None)
            .await
            .problem(400, "auth.invalid_link");
    }
    people
        .by(&token, "GET", "/api/auth/device/BBBBBBBB", None)
        .await
        .problem(429, "request.too_many");
}
