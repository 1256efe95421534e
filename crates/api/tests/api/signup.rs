//! Making an account.

use futures::future::join_all;
use ocore_api::Signup;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::people::{PASSWORD, People, token_in};

fn account(name: &str) -> Value {
    json!({"email": format!("{name}@example.com"), "name": name, "password": PASSWORD})
}

#[sqlx::test(migrations = "../store/migrations")]
async fn of_several_at_once_one_is_the_first(pool: PgPool) {
    let people = People::new(pool, Signup::Invited, false).await;
    let setup = people.client.get("/api/auth/setup").await.ok(200);
    assert_eq!(setup["needsFirstAccount"], true);
    assert_eq!(setup["signup"], "invited");
    let names: Vec<String> = (0..8).map(|n| format!("person{n}")).collect();
    let mut first = account("x");
    first["organizationName"] = json!("Acme");
    let replies = join_all(names.iter().map(|name| {
        let mut body = account(name);
        body["organizationName"] = json!("Acme");
        people.post("/api/auth/signup", body)
    }))
    .await;
    let (made, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 201);
    assert_eq!(made.len(), 1);
    for reply in refused {
        reply.problem(403, "auth.signup_closed");
    }
    let made = made[0].json();
    assert_eq!(made["requiresVerification"], false);
    assert_eq!(made["user"]["isServerAdmin"], true);
    assert!(!made.to_string().contains("argon2"), "{made}");

    let (token, _) = people.tokens(made["user"]["email"].as_str().unwrap()).await;
    let me = people.by(&token, "GET", "/api/auth/me", None).await.ok(200);
    assert_eq!(me["organizations"].as_array().unwrap().len(), 1);
    assert_eq!(me["organizations"][0]["name"], "Acme");
    assert_eq!(me["organization"]["slug"], "default");
    assert_eq!(me["organization"]["isOwner"], true);
    people.by(&token, "GET", "/api/servers", None).await.ok(200);
    let setup = people.client.get("/api/auth/setup").await.ok(200);
    assert_eq!(setup["needsFirstAccount"], false);
    assert_eq!(people.recorded("auth.signup").await, 1);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn an_address_is_verified_by_mail(pool: PgPool) {
    let people = People::open(pool).await;
    people.person("somebody").await;
    let signed_up = people.post("/api/auth/signup", account("ada")).await.ok(201);
    assert_eq!(signed_up["requiresVerification"], true);
    people
        .log_in("ada@example.com", PASSWORD)
        .await
        .problem(403, "auth.email_unverified");
    people
        .log_in("ada@example.com", "wrong horse 4 battery")
        .await
        .problem(401, "auth.invalid_credentials");

    let mail = people.mail("ada@example.com", "Confirm").await;
    assert!(
        mail.link()
            .unwrap()
            .starts_with("http://localhost:3000/verify-email?token=")
    );
    let body = json!({"token": token_in(&mail)});
    let verified = join_all((0..5).map(|_| people.post("/api/auth/verify-email", body.clone()))).await;
    let good = verified.iter().filter(|reply| reply.status == 204).count();
    assert_eq!(good, 1, "a link is good once");
    people
        .post("/api/auth/verify-email", body)
        .await
        .problem(400, "auth.invalid_link");
    let (token, _) = people.tokens("ADA@example.com").await;
    let me = people.by(&token, "GET", "/api/auth/me", None).await.ok(200);
    assert_eq!(me["user"]["emailVerified"], true);
    assert_eq!(me["organization"]["isOwner"], true);
    assert_eq!(me["organizations"][0]["name"], "ada's organization");

    // Once more: the same answer, but for what was made up.
    let mut again = people.post("/api/auth/signup", account("ada")).await.ok(201);
    let mut first = signed_up.clone();
    for answer in [&mut again, &mut first] {
        answer["user"]["id"] = Value::Null;
        answer["user"]["createdAt"] = Value::Null;
    }
    assert_eq!(again, first);
    let mail = people.mail("ada@example.com", "account already").await;
    assert!(mail.link().unwrap().contains("/reset-password?token=reset_"));
    people.log_in("ada@example.com", PASSWORD).await.ok(200);
}

/// Somebody else may have signed up with an address before its owner does.
#[sqlx::test(migrations = "../store/migrations")]
async fn a_link_gives_what_was_entered_at_its_own_sign_up(pool: PgPool) {
    let people = People::open(pool).await;
    people.person("somebody").await;
    let mut thief = account("ada");
    thief["password"] = json!("the thief's password 1");
    people.post("/api/auth/signup", thief).await.ok(201);
    people.wait_for_mails("ada@example.com", 1).await;
    people.post("/api/auth/signup", account("ada")).await.ok(201);
    let mails = people.wait_for_mails("ada@example.com", 2).await;
    let body = json!({"token": token_in(&mails[1])});
    assert_eq!(people.post("/api/auth/verify-email", body).await.status, 204);
    people
        .log_in("ada@example.com", "the thief's password 1")
        .await
        .problem(401, "auth.invalid_credentials");
    people.log_in("ada@example.com", PASSWORD).await.ok(200);
    let body = json!({"token": token_in(&mails[0])});
    people
        .post("/api/auth/verify-email", body)
        .await
        .problem(400, "auth.invalid_link");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_mail_is_sent_again_to_who_waits_and_nobody_learns_who_does(pool: PgPool) {
    let people = People::open(pool).await;
    people.person("somebody").await;
    people.post("/api/auth/signup", account("ada")).await.ok(201);
    people.wait_for_mails("ada@example.com", 1).await;
    let resend = |email: &'static str| people.post("/api/auth/resend-verification", json!({"email": email}));
    let known = resend("ada@example.com").await;
    let unknown = resend("nobody@example.com").await;
    let verified = resend("somebody@example.com").await;
    for reply in [&known, &unknown, &verified] {
        assert_eq!(reply.ok(202), json!({}));
    }
    let mails = people.wait_for_mails("ada@example.com", 2).await;
    let body = json!({"token": token_in(&mails[1])});
    assert_eq!(people.post("/api/auth/verify-email", body).await.status, 204);
    people.log_in("ada@example.com", PASSWORD).await.ok(200);
    // Not without end: whoever asks for mails in somebody's name is stopped, and not told.
    people
        .sql("update users set email_verified_at = null where email = 'ada@example.com'")
        .await;
    for _ in 0..10 {
        resend("ada@example.com").await.ok(202);
    }
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert!(people.wait_for_mails("ada@example.com", 2).await.len() <= 4);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn who_is_invited_comes_in(pool: PgPool) {
    let people = People::new(pool, Signup::Invited, true).await;
    let owner = people.person("owner").await;
    let (token, _) = people.tokens(&owner).await;
    people
        .post("/api/auth/signup", account("ada"))
        .await
        .problem(403, "auth.signup_closed");
    let roles = people.by(&token, "GET", "/api/roles", None).await.ok(200);
    let role = roles["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|role| role["name"] == "Developer");
    let role = role.unwrap()["id"].clone();

    let invite = json!({"email": "ada@example.com", "roleId": role});
    people
        .by(&token, "POST", "/api/members/invite", Some(invite))
        .await
        .ok(201);
    let mail = people.mail("ada@example.com", "invites you").await;
    let invitation = mail.link().unwrap().rsplit(['/', '=']).next().unwrap().to_owned();
    let mut body = account("eve");
    body["invitation"] = json!(invitation);
    assert_eq!(people.post("/api/auth/signup", body).await.fields(), ["email"]);
    let mut body = account("ada");
    body["invitation"] = json!(invitation);
    let signed_up = people.post("/api/auth/signup", body.clone()).await.ok(201);
    assert_eq!(signed_up["requiresVerification"], false);
    people
        .post("/api/auth/signup", body)
        .await
        .problem(400, "auth.invalid_link");
    let (ada, _) = people.tokens("ada@example.com").await;
    let me = people.by(&ada, "GET", "/api/auth/me", None).await.ok(200);
    assert_eq!(me["organizations"][0]["role"], "Developer");
    assert_eq!(me["organizations"].as_array().unwrap().len(), 1);

    let link = json!({"roleId": role, "maxUses": 1});
    let link = people
        .by(&token, "POST", "/api/invite-links", Some(link))
        .await
        .ok(201);
    let mut body = account("bob");
    body["inviteCode"] = json!("wrong");
    people
        .post("/api/auth/signup", body.clone())
        .await
        .problem(400, "auth.invalid_link");
    body["inviteCode"] = link["code"].clone();
    let signed_up = people.post("/api/auth/signup", body).await.ok(201);
    assert_eq!(signed_up["requiresVerification"], true);
    people.wait_for_mails("bob@example.com", 1).await;
    // Also by a mail that was sent again.
    let resend = json!({"email": "bob@example.com"});
    people.post("/api/auth/resend-verification", resend).await.ok(202);
    let mails = people.wait_for_mails("bob@example.com", 2).await;
    let body = json!({"token": token_in(&mails[1])});
    assert_eq!(people.post("/api/auth/verify-email", body).await.status, 204);
    let (bob, _) = people.tokens("bob@example.com").await;
    let me = people.by(&bob, "GET", "/api/auth/me", None).await.ok(200);
    assert_eq!(me["organizations"][0]["name"], "owner's place");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn what_is_wrong_is_told(pool: PgPool) {
    let people = People::without_mail(pool).await;
    for (field, value) in [
        ("email", json!("no address")),
        ("email", json!("a@b.c\r\nBcc: d@e.f")),
        ("name", json!("")),
        ("password", json!("canary")),
        ("password", json!("canarycanary")),
        ("organizationName", json!("x")),
    ] {
        let mut body = account("ada");
        body[field] = value;
        let reply = people.post("/api/auth/signup", body).await;
        assert_eq!(reply.fields(), [field]);
        assert!(!reply.text.contains("canary"));
    }
    people.person("somebody").await;
    people
        .post("/api/auth/signup", account("ada"))
        .await
        .problem(502, "mail.failed");
    people
        .post(
            "/api/auth/forgot-password",
            json!({"email": "somebody@example.com"}),
        )
        .await
        .problem(502, "mail.failed");
}
