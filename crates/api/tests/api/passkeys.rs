//! Passkeys with a real browser, at the router as it is served.

use std::net::SocketAddr;

use ocore_api::{Installation, Settings};
use ocore_testbed::chromium::{Authenticator, Browser};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::net::TcpListener;

use crate::{
    people::{Ask, People},
    support::settings,
};

const BUILT_IN: Authenticator = Authenticator {
    transport: "internal",
    verifies: true,
    backed_up: true,
};

/// An installation that is served, and its address.
async fn served(pool: PgPool) -> (People, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let app_url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    let installation = Installation::new(Settings {
        app_url: app_url.clone(),
        ..settings()
    })
    .unwrap();
    let people = People::of(pool, installation, None).await;
    let service = people
        .client
        .router()
        .into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    (people, app_url)
}

/// A browser at the installation's own address. It is driven from threads that may wait.
async fn browser(app_url: String) -> Browser {
    let start = move || {
        let mut browser = Browser::start();
        browser.visit(&app_url);
        browser.plug_in(BUILT_IN);
        browser
    };
    tokio::task::spawn_blocking(start).await.unwrap()
}

async fn drive<T: Send + 'static>(
    mut browser: Browser,
    work: impl FnOnce(&mut Browser) -> T + Send + 'static,
) -> (Browser, T) {
    let work = move || {
        let done = work(&mut browser);
        (browser, done)
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// Sends a request from the page itself, with the cookies the browser has.
fn fetch(browser: &mut Browser, path: &str, body: &Value) -> Value {
    let csrf = "(document.cookie.match(/ocore_csrf=([^;]+)/) || [])[1] || ''";
    let script = format!(
        "fetch('{path}', {{method: 'POST', headers: {{'content-type': 'application/json', 'x-requested-with':
             'ocore-dashboard', 'x-csrf-token': {csrf}}}, body: JSON.stringify({body})}})
             .then(async answer => ({{status: answer.status, body: JSON.parse(await answer.text() || 'null')}}))"
    );
    browser.evaluate(&script).unwrap()
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_browser_signs_in_by_passkey(pool: PgPool) {
    let (people, app_url) = served(pool).await;
    let email = people.person("ada").await;
    let browser = browser(app_url).await;
    let (browser, (made, signed_in, me, answer)) = drive(browser, move |browser| {
        let login = fetch(
            browser,
            "/api/auth/login",
            &json!({"email": email, "password": crate::people::PASSWORD}),
        );
        assert_eq!(login["status"], 200, "{login}");
        assert!(login["body"]["accessToken"].is_null());
        let begun = fetch(
            browser,
            "/api/user/passkeys/register/begin",
            &json!({"deviceName": "laptop"}),
        );
        assert_eq!(begun["status"], 200, "{begun}");
        let credential = browser.create(&begun["body"]["options"]).unwrap();
        let finish = json!({"token": begun["body"]["token"], "credential": credential});
        let made = fetch(browser, "/api/user/passkeys/register/finish", &finish);
        let again = fetch(browser, "/api/user/passkeys/register/finish", &finish);
        assert_eq!(again["body"]["code"], "auth.invalid_link", "{again}");
        assert_eq!(fetch(browser, "/api/auth/logout", &json!({}))["status"], 204);

        let begun = fetch(browser, "/api/auth/passkey/login/begin", &json!({}));
        let credential = browser.get(&begun["body"]["options"]).unwrap();
        let answer = json!({"token": begun["body"]["token"], "credential": credential});
        let signed_in = fetch(browser, "/api/auth/passkey/login/finish", &answer);
        // What was watched is good for nothing.
        let again = fetch(browser, "/api/auth/passkey/login/finish", &answer);
        assert_eq!(again["body"]["code"], "auth.invalid_link", "{again}");
        let another = fetch(browser, "/api/auth/passkey/login/begin", &json!({}));
        let replayed = json!({"token": another["body"]["token"], "credential": credential});
        let again = fetch(browser, "/api/auth/passkey/login/finish", &replayed);
        assert_eq!(again["body"]["code"], "auth.invalid_credentials", "{again}");
        let me = browser
            .evaluate("fetch('/api/user/sessions').then(answer => answer.json())")
            .unwrap();
        (made, signed_in, me, answer)
    })
    .await;
    assert_eq!(made["status"], 201, "{made}");
    assert_eq!(made["body"]["deviceName"], "laptop");
    assert_eq!(signed_in["status"], 200, "{signed_in}");
    assert_eq!(me["data"][0]["method"], "passkey");
    assert_eq!(me["data"][0]["ipAddress"], "127.0.0.1");
    assert!(!answer.is_null());

    // A deactivated account is out, passkey or not.
    people.sql("update users set deactivated_at = now()").await;
    let (browser, refused) = drive(browser, |browser| {
        let begun = fetch(browser, "/api/auth/passkey/login/begin", &json!({}));
        let credential = browser.get(&begun["body"]["options"]).unwrap();
        let answer = json!({"token": begun["body"]["token"], "credential": credential});
        fetch(browser, "/api/auth/passkey/login/finish", &answer)
    })
    .await;
    assert_eq!(refused["body"]["code"], "auth.invalid_credentials");
    people.sql("update users set deactivated_at = null").await;
    drop(browser);

    let (token, _) = people.tokens("ada@example.com").await;
    let list = people.by(&token, "GET", "/api/user/passkeys", None).await.ok(200);
    assert!(list["data"][0]["lastUsedAt"].is_string());
    let path = format!("/api/user/passkeys/{}", list["data"][0]["id"].as_str().unwrap());
    // Not the last way in.
    people.sql("update users set password_hash = null").await;
    people
        .by(&token, "DELETE", &path, None)
        .await
        .problem(409, "state.conflict");
    people.sql("update users set password_hash = 'x'").await;
    assert_eq!(people.by(&token, "DELETE", &path, None).await.status, 204);
    for action in ["auth.passkey_registered", "auth.passkey_removed"] {
        assert_eq!(people.recorded(action).await, 1);
    }
}

/// An organization can ask for a passkey: another login sees nothing of it.
#[sqlx::test(migrations = "../store/migrations")]
async fn an_organization_asks_for_a_passkey(pool: PgPool) {
    let (people, _) = served(pool).await;
    let email = people.person("ada").await;
    let (token, _) = people.tokens(&email).await;
    people.by(&token, "GET", "/api/servers", None).await.ok(200);
    people
        .sql("update organizations set require_passkey = true")
        .await;
    people
        .by(&token, "GET", "/api/servers", None)
        .await
        .problem(403, "auth.passkey_required");
    let me = people.by(&token, "GET", "/api/auth/me", None).await.ok(200);
    assert_eq!(me["organization"]["requiresPasskey"], true);
    let ask = Ask {
        body: Some(json!({"deviceName": "laptop"})),
        token: Some(&token),
        ..Ask::default()
    };
    people
        .ask("POST", "/api/user/passkeys/register/begin", ask)
        .await
        .ok(200);
}
