use std::{
    net::TcpListener,
    sync::Arc,
    time::{Duration, Instant},
};

use ocore_domain::{Code, Problem};
use ocore_sso::{Callback, Identity, Login, Provider};
use ocore_testbed::{Authentication, OidcClient, OidcProvider};

use crate::{callback, is};

fn named(id: &str, name: &str, issuer: &str, client: &OidcClient) -> Arc<dyn Login> {
    let provider = Provider::Oidc {
        id: id.parse().unwrap(),
        name: name.to_owned(),
        issuer: issuer.to_owned(),
        client_id: client.id.clone(),
        client_secret: client.secret.clone().into(),
    };
    provider.login().unwrap()
}

fn login(issuer: &str, client: &OidcClient) -> Arc<dyn Login> {
    named("company", "Company", issuer, client)
}

/// Logs in as somebody, from the beginning to the end.
async fn log_in(
    login: &dyn Login,
    provider: &OidcProvider,
    client: &OidcClient,
    name: &str,
) -> Result<Identity, Problem> {
    let begun = login.begin(&client.redirect_uri).await?;
    let back = provider.log_in(&begun.url, name).unwrap();
    assert!(back.starts_with(&client.redirect_uri), "{back}");
    login.finish(&begun.state, &callback(&back)).await
}

#[tokio::test]
async fn somebody_logs_in() {
    for client in [
        OidcClient::default(),
        OidcClient {
            claims_in_id_token: false,
            ..OidcClient::default()
        },
        OidcClient {
            authentication: Authentication::Post,
            ..OidcClient::default()
        },
    ] {
        let provider = OidcProvider::start(&client).unwrap();
        let login = login(&provider.issuer(), &client);
        assert_eq!((login.id(), login.name()), ("company", "Company"));
        let anna = Identity {
            subject: "anna".to_owned(),
            email: "anna@example.com".to_owned(),
            email_verified: true,
            name: "anna of the testbed".to_owned(),
        };
        let found = log_in(&*login, &provider, &client, "anna").await.unwrap();
        assert_eq!(found, anna, "{client:?}");
        let unverified = log_in(&*login, &provider, &client, "unverified").await.unwrap();
        assert!(!unverified.email_verified);
        let nobody = log_in(&*login, &provider, &client, "without-email").await;
        is(nobody, Code::SsoRefused, "no e-mail address");
    }
}

#[tokio::test]
async fn a_login_ends_where_it_began() {
    let client = OidcClient::default();
    let provider = OidcProvider::start(&client).unwrap();
    let login = login(&provider.issuer(), &client);
    let ours = login.begin(&client.redirect_uri).await.unwrap();
    let other = login.begin(&client.redirect_uri).await.unwrap();
    let back = callback(&provider.log_in(&ours.url, "anna").unwrap());
    let theirs = callback(&provider.log_in(&other.url, "mallory").unwrap());

    // A browser that brings another login's address, whole or in part.
    let whole = login.finish(&ours.state, &theirs).await;
    is(whole, Code::SsoRefused, "another login");
    let mut part = Callback {
        code: theirs.code,
        ..back.clone()
    };
    let injected = login.finish(&ours.state, &part).await;
    is(injected, Code::SsoRefused, "too old, or was used");
    part = Callback {
        state: None,
        ..back.clone()
    };
    let without_state = login.finish(&ours.state, &part).await;
    is(without_state, Code::SsoRefused, "another login");
    part = Callback {
        iss: Some("https://elsewhere.example".to_owned()),
        ..back.clone()
    };
    let mixed_up = login.finish(&ours.state, &part).await;
    is(mixed_up, Code::SsoRefused, "another provider");
    part = Callback {
        code: None,
        ..back.clone()
    };
    let empty = login.finish(&ours.state, &part).await;
    is(empty, Code::SsoRefused, "neither code nor error");
    let unread = login.finish(b"{}", &back).await;
    is(unread, Code::Internal, "could not be read");
    let elsewhere = named("other", "Other", &provider.issuer(), &client);
    let taken = elsewhere.finish(&ours.state, &back).await;
    is(taken, Code::SsoRefused, "another login");

    // None of these has used the code up. It is used once.
    let anna = login.finish(&ours.state, &back).await.unwrap();
    assert_eq!(anna.subject, "anna");
    let again = login.finish(&ours.state, &back).await;
    is(again, Code::SsoRefused, "too old, or was used");
}

#[tokio::test]
async fn a_token_of_another_nonce_is_not_believed() {
    let client = OidcClient::default();
    let provider = OidcProvider::start(&client).unwrap();
    let login = login(&provider.issuer(), &client);
    let begun = login.begin(&client.redirect_uri).await.unwrap();
    let back = callback(&provider.log_in(&begun.url, "anna").unwrap());
    let mut state: serde_json::Value = serde_json::from_slice(&begun.state).unwrap();
    assert!(state["nonce"].is_string());
    state["nonce"] = "another".into();
    let state = serde_json::to_vec(&state).unwrap();
    let result = login.finish(&state, &back).await;
    is(result, Code::SsoFailed, "of another login");
}

#[tokio::test]
async fn a_spoiled_token_is_not_believed() {
    let client = OidcClient::default();
    let provider = OidcProvider::start(&client).unwrap();
    let login = login(&provider.issuer(), &client);
    for (name, why) in [
        ("wrong-audience", "for somebody else"),
        ("wrong-issuer", "from somebody else"),
        ("expired", "has expired"),
        ("wrong-access-token", "of another access token"),
        ("unknown-key", "a key that the provider does not name"),
        ("forged-key", "signature is not right"),
        ("unsigned", "signature is not right"),
        ("signed-by-secret", "signature is not right"),
    ] {
        let result = log_in(&*login, &provider, &client, name).await;
        assert!(result.is_err(), "{name}");
        is(result, Code::SsoFailed, why);
    }
}

#[tokio::test]
async fn a_person_may_refuse() {
    let client = OidcClient::default();
    let provider = OidcProvider::start(&client).unwrap();
    let login = login(&provider.issuer(), &client);
    let begun = login.begin(&client.redirect_uri).await.unwrap();
    let back = callback(&provider.deny(&begun.url).unwrap());
    assert_eq!(back.error.as_deref(), Some("access_denied"));
    let denied = login.finish(&begun.state, &back).await;
    is(denied, Code::SsoRefused, "refused at Company");
    // What somebody writes into the address is not repeated.
    let written = Callback {
        error: Some("<b>call 555".to_owned()),
        ..back
    };
    let problem = login.finish(&begun.state, &written).await.unwrap_err();
    assert_eq!(problem.detail, "Company answers with an error");
}

#[tokio::test]
async fn a_wrong_secret_is_told() {
    let client = OidcClient::default();
    let provider = OidcProvider::start(&client).unwrap();
    let wrong = OidcClient {
        secret: "another".to_owned(),
        ..client.clone()
    };
    let login = login(&provider.issuer(), &wrong);
    let result = log_in(&*login, &provider, &client, "anna").await;
    is(
        result,
        Code::SsoFailed,
        "does not accept the client id and client secret",
    );
}

#[tokio::test]
async fn a_provider_that_is_away_or_silent_is_told() {
    let client = OidcClient::default();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = login(&format!("http://{free}"), &client);
    let problem = away.begin(&client.redirect_uri).await.unwrap_err();
    assert_eq!(problem.code, Code::SsoFailed);
    assert!(problem.detail.contains("refused"), "{problem}");

    // It goes away while somebody logs in.
    let provider = OidcProvider::start(&client).unwrap();
    let leaving = login(&provider.issuer(), &client);
    let begun = leaving.begin(&client.redirect_uri).await.unwrap();
    let back = callback(&provider.log_in(&begun.url, "anna").unwrap());
    drop(provider);
    let result = leaving.finish(&begun.state, &back).await;
    is(result, Code::SsoFailed, "cannot be reached");

    // The kernel accepts connections; nobody answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_login = login(&format!("http://{}", silent.local_addr().unwrap()), &client);
    let began = Instant::now();
    let problem = silent_login.begin(&client.redirect_uri).await.unwrap_err();
    assert!(problem.detail.contains("within 10 s"), "{problem}");
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_provider_must_be_what_it_is_configured_as() {
    let client = OidcClient::default();
    let provider = OidcProvider::start(&client).unwrap();
    let alias = provider.issuer().replace("127.0.0.1", "localhost");
    let problem = login(&alias, &client)
        .begin(&client.redirect_uri)
        .await
        .unwrap_err();
    assert_eq!(problem.code, Code::SsoFailed);
    assert!(
        problem.detail.contains("another than the configured"),
        "{problem}"
    );
    let below = login(&format!("{}/no/such/realm", provider.issuer()), &client);
    let problem = below.begin(&client.redirect_uri).await.unwrap_err();
    assert!(problem.detail.contains("404"), "{problem}");
}

/// What a provider said is believed for an hour, but not against a token with a new key.
#[tokio::test]
async fn new_keys_are_asked_for() {
    let client = OidcClient::default();
    let provider = OidcProvider::start(&client).unwrap();
    let port = provider.port();
    let login = login(&provider.issuer(), &client);
    log_in(&*login, &provider, &client, "anna").await.unwrap();
    drop(provider);
    // It is not asked again: this would fail now.
    login.begin(&client.redirect_uri).await.unwrap();
    let provider = OidcProvider::start_at(port, &client).unwrap();
    // It may be asked for new keys every five seconds.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let anna = log_in(&*login, &provider, &client, "anna").await.unwrap();
    assert_eq!(anna.subject, "anna");
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let client = OidcClient::default();
    let provider = OidcProvider::start(&client).unwrap();
    let login = login(&provider.issuer(), &client);
    let begun = login.begin(&client.redirect_uri).await.unwrap();
    let back = callback(&provider.log_in(&begun.url, "anna").unwrap());
    let state: serde_json::Value = serde_json::from_slice(&begun.state).unwrap();
    let printed = format!("{login:?} {begun:?} {back:?}");
    for secret in [
        client.secret.as_str(),
        back.code.as_deref().unwrap(),
        state["verifier"].as_str().unwrap(),
        state["state"].as_str().unwrap(),
    ] {
        assert!(!printed.contains(secret), "{printed}");
    }
}
