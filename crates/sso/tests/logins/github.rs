use std::sync::Arc;

use ocore_domain::{Code, Problem};
use ocore_sso::{Callback, Identity, Login, Provider};
use ocore_testbed::FakeGitHub;

use crate::{callback, is};

const BACK: &str = "http://127.0.0.1:9/back";
const SECRET: &str = "a-secret-of-the-testbed";

fn login(github: &FakeGitHub, secret: &str) -> Arc<dyn Login> {
    let provider = Provider::GitHub {
        client_id: "ocore".to_owned(),
        client_secret: secret.into(),
        base_url: github.url(),
        api_url: github.url(),
    };
    provider.login().unwrap()
}

async fn log_in(login: &dyn Login, github: &FakeGitHub, name: &str) -> Result<Identity, Problem> {
    let begun = login.begin(BACK).await?;
    let back = github.log_in(&begun.url, name).unwrap();
    login.finish(&begun.state, &callback(&back)).await
}

#[tokio::test]
async fn somebody_logs_in() {
    let github = FakeGitHub::start("ocore", SECRET, BACK).unwrap();
    let login = login(&github, SECRET);
    assert_eq!((login.id(), login.name()), ("github", "GitHub"));
    let octocat = Identity {
        subject: "583231".to_owned(),
        email: "octocat@example.com".to_owned(),
        email_verified: true,
        name: "The Octocat".to_owned(),
    };
    assert_eq!(log_in(&*login, &github, "octocat").await.unwrap(), octocat);
    let nameless = log_in(&*login, &github, "nameless").await.unwrap();
    assert_eq!(nameless.name, "nameless");
    let unverified = log_in(&*login, &github, "unverified").await.unwrap();
    assert!(!unverified.email_verified);
}

#[tokio::test]
async fn what_goes_wrong_is_told() {
    let github = FakeGitHub::start("ocore", SECRET, BACK).unwrap();
    let ours = login(&github, SECRET);
    let denied = log_in(&*ours, &github, "nobody").await;
    is(denied, Code::SsoRefused, "refused at GitHub");
    let wrong = log_in(&*login(&github, "another"), &github, "octocat").await;
    is(wrong, Code::SsoFailed, "client id and client secret");

    let begun = ours.begin(BACK).await.unwrap();
    let other = ours.begin(BACK).await.unwrap();
    let back = callback(&github.log_in(&begun.url, "octocat").unwrap());
    let strange = ours.finish(&other.state, &back).await;
    is(strange, Code::SsoRefused, "another login");
    // Another login's code does not fit to the verifier of this.
    let injected = Callback {
        code: callback(&github.log_in(&other.url, "octocat").unwrap()).code,
        ..back.clone()
    };
    let injected = ours.finish(&begun.state, &injected).await;
    is(injected, Code::SsoRefused, "was used already");
    ours.finish(&begun.state, &back).await.unwrap();
    let again = ours.finish(&begun.state, &back).await;
    is(again, Code::SsoRefused, "was used already");

    let begun = ours.begin(BACK).await.unwrap();
    let back = callback(&github.log_in(&begun.url, "octocat").unwrap());
    drop(github);
    let away = ours.finish(&begun.state, &back).await;
    is(away, Code::SsoFailed, "cannot be reached");
}
