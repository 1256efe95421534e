//! Signing in by another provider: the certified `oidc-provider`, and a stand-in for GitHub.

use std::collections::BTreeMap;

use ocore_api::{Installation, Settings, Signup};
use ocore_sso::Provider;
use ocore_testbed::{FakeGitHub, OidcClient, OidcProvider};
use serde_json::json;
use sqlx::PgPool;

use crate::{
    people::{Ask, People, cookie_header, cookies},
    support::{Reply, settings},
};

const APP: &str = "http://localhost:3000";

struct World {
    people: People,
    provider: OidcProvider,
    github: FakeGitHub,
}

impl World {
    async fn new(pool: PgPool, signup: Signup) -> Self {
        let client = OidcClient {
            redirect_uri: format!("{APP}/api/auth/oauth/oidc/callback"),
            ..OidcClient::default()
        };
        let provider = OidcProvider::start(&client).unwrap();
        let github = FakeGitHub::start(
            "ocore",
            "secret",
            &format!("{APP}/api/auth/oauth/github/callback"),
        )
        .unwrap();
        let logins = vec![
            Provider::Oidc {
                id: "oidc".parse().unwrap(),
                name: "Company".to_owned(),
                issuer: provider.issuer(),
                client_id: client.id,
                client_secret: client.secret.into(),
            },
            Provider::GitHub {
                client_id: "ocore".to_owned(),
                client_secret: "secret".into(),
                base_url: github.url(),
                api_url: github.url(),
            },
        ];
        let logins = logins.into_iter().map(|login| login.login().unwrap()).collect();
        let installation = Installation::new(Settings { signup, ..settings() })
            .unwrap()
            .with_logins(logins);
        let people = People::of(pool, installation, None).await;
        people.person("somebody").await;
        Self {
            people,
            provider,
            github,
        }
    }

    /// Where the browser is sent, and with which cookie.
    async fn begin(&self, path: &str, token: Option<&str>) -> (String, BTreeMap<String, String>) {
        let ask = Ask {
            token,
            ..Ask::default()
        };
        let reply = self.people.ask("GET", path, ask).await;
        assert_eq!(reply.status, 303, "{}", reply.text);
        let cookie = reply.headers["set-cookie"].to_str().unwrap();
        assert!(
            cookie.contains("SameSite=Lax") && cookie.contains("HttpOnly"),
            "{cookie}"
        );
        (
            reply.headers["location"].to_str().unwrap().to_owned(),
            cookies(&reply),
        )
    }

    /// Comes back, as a script.
    async fn back(&self, url: &str, jar: &BTreeMap<String, String>, accept: &str) -> Reply {
        let ask = Ask {
            headers: vec![("cookie", cookie_header(jar)), ("accept", accept.to_owned())],
            ..Ask::default()
        };
        self.people.ask("GET", url.strip_prefix(APP).unwrap(), ask).await
    }

    async fn log_in(&self, name: &str) -> Reply {
        let (url, jar) = self.begin("/api/auth/oauth/oidc", None).await;
        let back = self.provider.log_in(&url, name).unwrap();
        self.back(&back, &jar, "application/json").await
    }
}

#[sqlx::test(migrations = "../store/migrations")]
async fn somebody_new_gets_an_account_where_anybody_may(pool: PgPool) {
    let world = World::new(pool, Signup::Open).await;
    let providers = world.people.client.get("/api/auth/providers").await.ok(200);
    assert_eq!(
        providers,
        json!([{"id": "oidc", "name": "Company"}, {"id": "github", "name": "GitHub"}])
    );
    let answer = world.log_in("anna").await.ok(200);
    assert_eq!(answer["user"]["email"], "anna@example.com");
    assert_eq!(answer["user"]["hasPassword"], false);
    let token = answer["accessToken"].as_str().unwrap();
    let me = world.people.by(token, "GET", "/api/auth/me", None).await.ok(200);
    assert_eq!(me["organization"]["isOwner"], true);
    // Again: the same one.
    let again = world.log_in("anna").await.ok(200);
    assert_eq!(again["user"]["id"], answer["user"]["id"]);
    // By GitHub, to a browser.
    let (url, jar) = world.begin("/api/auth/oauth/github", None).await;
    let back = world.github.log_in(&url, "octocat").unwrap();
    let reply = world.back(&back, &jar, "text/html").await;
    assert_eq!(reply.status, 303);
    assert_eq!(reply.headers["location"], "http://localhost:3000/");
    let signed_in = cookies(&reply);
    assert!(signed_in.contains_key("ocore_access") && signed_in["ocore_sso"].is_empty());
    // Their only way in stays.
    let path = "/api/user/connected-accounts/oidc";
    world
        .people
        .by(token, "DELETE", path, None)
        .await
        .problem(409, "state.conflict");
    // An address that the provider has not verified is nobody's.
    world.log_in("unverified").await.problem(403, "sso.refused");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn nobody_new_comes_in_where_that_takes_an_invitation(pool: PgPool) {
    let world = World::new(pool, Signup::Invited).await;
    world.log_in("anna").await.problem(403, "auth.signup_closed");
    let (url, jar) = world.begin("/api/auth/oauth/oidc", None).await;
    let back = world.provider.log_in(&url, "anna").unwrap();
    let reply = world.back(&back, &jar, "text/html").await;
    assert_eq!(
        reply.headers["location"],
        "http://localhost:3000/login?error=auth.signup_closed"
    );
    let people: i64 = sqlx::query_scalar("select count(*) from users")
        .fetch_one(&world.people.pool)
        .await
        .unwrap();
    assert_eq!(people, 1);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn an_account_there_is_is_not_taken_over(pool: PgPool) {
    let world = World::new(pool, Signup::Open).await;
    for name in ["anna", "bert", "carl", "unverified"] {
        world.people.person(name).await;
    }
    // Somebody signed up with an address that may not be theirs.
    world
        .people
        .sql("update users set email_verified_at = null where name = 'bert'")
        .await;
    world.log_in("bert").await.problem(403, "sso.refused");
    // The second factor is not left out.
    world
        .people
        .sql("update users set totp_enabled_at = now() where name = 'carl'")
        .await;
    world.log_in("carl").await.problem(403, "sso.refused");
    // The provider has not seen that the address is theirs.
    world.log_in("unverified").await.problem(403, "sso.refused");
    // Both have: it is the same person.
    let answer = world.log_in("anna").await.ok(200);
    assert_eq!(answer["user"]["hasPassword"], true);
    assert_eq!(world.people.recorded("auth.account_connected").await, 1);
    world
        .people
        .sql("update users set deactivated_at = now() where name = 'anna'")
        .await;
    world.log_in("anna").await.problem(403, "sso.refused");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_login_ends_in_the_browser_that_began_it(pool: PgPool) {
    let world = World::new(pool, Signup::Open).await;
    let (url, jar) = world.begin("/api/auth/oauth/oidc", None).await;
    let (_, other) = world.begin("/api/auth/oauth/oidc", None).await;
    let back = world.provider.log_in(&url, "anna").unwrap();
    // Somebody else is made to follow the link, with no cookie or one of their own.
    let nobody = BTreeMap::new();
    world
        .back(&back, &nobody, "application/json")
        .await
        .problem(403, "sso.refused");
    world
        .back(&back, &other, "application/json")
        .await
        .problem(403, "sso.refused");
    world.back(&back, &jar, "application/json").await.ok(200);
    world
        .back(&back, &jar, "application/json")
        .await
        .problem(400, "auth.invalid_link");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn an_account_is_connected_by_its_owner(pool: PgPool) {
    let world = World::new(pool, Signup::Invited).await;
    let (token, _) = world.people.tokens("somebody@example.com").await;
    let ask = Ask::default();
    world
        .people
        .ask("GET", "/api/auth/oauth/oidc?flow=link", ask)
        .await
        .problem(401, "auth.unauthenticated");
    let (url, jar) = world.begin("/api/auth/oauth/oidc?flow=link", Some(&token)).await;
    let back = world.provider.log_in(&url, "unverified").unwrap();
    let connected = world.back(&back, &jar, "application/json").await.ok(200);
    assert_eq!(connected, json!({"connected": true}));
    // From now on it leads to this account, whatever address is there.
    let answer = world.log_in("unverified").await.ok(200);
    assert_eq!(answer["user"]["email"], "somebody@example.com");
    let list = world
        .people
        .by(&token, "GET", "/api/user/connected-accounts", None)
        .await
        .ok(200);
    assert_eq!(list["data"][0]["provider"], "oidc");

    // Nobody else connects it too, and nobody connects by a session that has ended.
    let other = world.people.person("other").await;
    let (others, _) = world.people.tokens(&other).await;
    let (url, jar) = world.begin("/api/auth/oauth/oidc?flow=link", Some(&others)).await;
    let back = world.provider.log_in(&url, "unverified").unwrap();
    world
        .back(&back, &jar, "application/json")
        .await
        .problem(403, "sso.refused");
    let (url, jar) = world.begin("/api/auth/oauth/oidc?flow=link", Some(&others)).await;
    let back = world.provider.log_in(&url, "late").unwrap();
    world.people.by(&others, "POST", "/api/auth/logout", None).await;
    world
        .back(&back, &jar, "application/json")
        .await
        .problem(403, "sso.refused");

    let path = "/api/user/connected-accounts/oidc";
    assert_eq!(world.people.by(&token, "DELETE", path, None).await.status, 204);
    world
        .people
        .by(&token, "DELETE", path, None)
        .await
        .problem(404, "resource.not_found");
    world.log_in("unverified").await.problem(403, "sso.refused");
}
