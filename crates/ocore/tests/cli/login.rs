//! Signing in, by browser and by key.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};

use crate::fake::{Asked, Fake, Ocore, Ran, not_found, problem};

/// A key that must be seen nowhere but in the file and in the header.
const KEY: &str = "ocore_canary0f4b1c9d8e7a6b5c4d3e2f1a";
const DEVICE_CODE: &str = "canary-device-5c1e";

pub(crate) fn organization(request: &Asked) -> Response {
    if request.header("authorization") != Some(&format!("Bearer {KEY}")) {
        return problem(
            StatusCode::UNAUTHORIZED,
            "auth.unauthenticated",
            "The token is wrong",
            "Use another.",
        );
    }
    Json(json!({"id": "0198aaaa-0000-7000-8000-000000000001", "name": "Acme Ltd", "slug": "acme"}))
        .into_response()
}

/// An API that lets in by browser; `answers` says what is heard while waiting.
async fn installation(answers: impl Fn(usize) -> Option<Response> + Send + Sync + 'static) -> Fake {
    installation_for(60, answers).await
}

async fn installation_for(
    seconds: u64,
    answers: impl Fn(usize) -> Option<Response> + Send + Sync + 'static,
) -> Fake {
    Fake::start(move |request, before| match request.what.as_str() {
        "POST /api/auth/device" => {
            assert_eq!(request.header("authorization"), None);
            Json(json!({"deviceCode": DEVICE_CODE, "userCode": "BCDF-GHJK",
                "verificationUri": "https://ocore.example.com/device\u{1b}[2J", "expiresIn": seconds, "interval": 1}))
            .into_response()
        }
        "POST /api/auth/device/token" => {
            assert_eq!(request.body, json!({ "deviceCode": DEVICE_CODE }));
            answers(before).unwrap_or_else(|| {
                Json(json!({"apiKey": KEY, "organization": {"name": "Acme Ltd", "slug": "acme"}}))
                    .into_response()
            })
        }
        "GET /api/org" => organization(request),
        _ => not_found(),
    })
    .await
}

fn pending() -> Response {
    problem(
        StatusCode::BAD_REQUEST,
        "auth.authorization_pending",
        "Nobody has approved it yet",
        "Wait.",
    )
}

fn too_often(retry_after: Option<&'static str>) -> Response {
    let mut response = problem(
        StatusCode::TOO_MANY_REQUESTS,
        "request.too_many",
        "Too often",
        "Wait.",
    );
    if let Some(seconds) = retry_after {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static(seconds));
    }
    response
}

pub(crate) fn file(home: &Path) -> PathBuf {
    home.join("ocore/profiles.toml")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

async fn login(api: &Fake, home: &Path, arguments: &[&str], input: &str) -> Ran {
    let arguments = [&["login", "--url", &api.url], arguments].concat();
    let ran = Ocore::new(&arguments).home(home).input(input).run().await;
    for secret in [KEY, &KEY[6..], DEVICE_CODE] {
        assert!(!ran.contains(secret), "{}{}", ran.out, ran.err);
    }
    ran
}

#[tokio::test]
async fn a_key_is_checked_and_kept_where_only_its_owner_can_read_it() {
    let api = installation(|_| None).await;
    let home = tempfile::tempdir().unwrap();
    let ran = login(&api, home.path(), &["--key"], &format!("{KEY}\n"))
        .await
        .done();
    assert_eq!(
        ran.out,
        format!(
            "Signed in to {}/ for Acme Ltd. The profile `default` is the current one now.\n",
            api.url
        )
    );
    let file = file(home.path());
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    let text = fs::read_to_string(&file).unwrap();
    let kept: toml::Table = toml::from_str(&text).unwrap();
    assert_eq!(
        serde_json::to_value(kept).unwrap(),
        json!({"current": "default", "profiles": {"default":
            {"url": format!("{}/", api.url), "organization": "acme", "key": KEY}}})
    );
    // Nothing half written stays behind.
    let mut names: Vec<_> = fs::read_dir(file.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["profiles.lock", "profiles.toml"]);

    // From then on it takes nothing more.
    let shown = Ocore::new(&["org", "show"]).home(home.path()).run().await.done();
    assert!(shown.out.contains("Acme Ltd") && !shown.contains(KEY));
}

#[tokio::test]
async fn a_key_from_a_file_is_kept_too_and_a_wrong_one_is_not() {
    let api = installation(|_| None).await;
    let home = tempfile::tempdir().unwrap();
    let key = home.path().join("key");
    fs::write(&key, "ocore_wrong-canary\n").unwrap();
    let arguments = ["--json", "--token-file", key.to_str().unwrap()];
    let ran = login(&api, home.path(), &arguments, "").await;
    assert!(!ran.contains("wrong-canary"), "{}", ran.err);
    ran.failed(3, "not a key of this installation");
    assert!(!file(home.path()).exists());

    fs::write(&key, format!("{KEY}\nmore\n")).unwrap();
    let ran = login(&api, home.path(), &arguments, "").await.done();
    let document = ran.json();
    assert_eq!(
        (&document["profile"], &document["organization"]["slug"]),
        (&json!("default"), &json!("acme"))
    );
}

#[tokio::test]
async fn a_key_among_the_arguments_is_refused_and_not_repeated() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [
        vec!["login", "--key", KEY],
        vec!["login", KEY],
        vec!["login", &format!("--key={KEY}")],
        vec!["login", "--token", KEY],
        vec!["server", "list", KEY],
        vec!["server", KEY],
    ] {
        let ran = Ocore::new(&arguments).home(home.path()).run().await;
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.err);
        assert!(!ran.contains(&KEY[6..]), "{arguments:?}: {}", ran.err);
    }
    let ran = Ocore::new(&["login", "--key", "without-prefix"])
        .home(home.path())
        .run()
        .await;
    assert!(!ran.contains("without-prefix"), "{}", ran.err);
    ran.failed(2, "never an argument");
}

#[tokio::test]
async fn signing_in_by_browser_waits_for_the_approval() {
    let api = installation(|before| match before {
        0 => Some(pending()),
        // A restart, and an answer of a proxy meanwhile.
        1 => Some((StatusCode::BAD_GATEWAY, "<html>").into_response()),
        _ => None,
    })
    .await;
    let home = tempfile::tempdir().unwrap();
    let ran = login(&api, home.path(), &["--json"], "").await.done();
    // What the API says cannot rewrite the screen.
    assert!(
        ran.err
            .contains("https://ocore.example.com/device[2J in a browser")
            && ran.err.contains("BCDF-GHJK"),
        "{}",
        ran.err
    );
    assert_eq!(ran.json()["organization"]["name"], "Acme Ltd");
    assert_eq!(api.asked("POST /api/auth/device/token").len(), 3);
    let name = api.the("POST /api/auth/device").body["clientName"].clone();
    assert!(name.as_str().unwrap().starts_with("ocore"), "{name}");
    assert!(fs::read_to_string(file(home.path())).unwrap().contains(KEY));
    assert_eq!(mode(&file(home.path())), 0o600);
}

#[tokio::test]
async fn who_is_told_to_ask_less_often_does() {
    let api = installation(|before| (before == 0).then(|| too_often(Some("3")))).await;
    let home = tempfile::tempdir().unwrap();
    let began = Instant::now();
    login(&api, home.path(), &[], "").await.done();
    // One second, and then three.
    assert!(began.elapsed() >= Duration::from_secs(4), "{:?}", began.elapsed());

    let api = installation(|before| (before == 0).then(|| too_often(None))).await;
    let began = Instant::now();
    login(&api, home.path(), &["--profile", "other"], "").await.done();
    assert!(began.elapsed() >= Duration::from_secs(7), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_login_that_is_not_approved_keeps_nothing() {
    let refused = |status, code| move |_| Some(problem(status, code, "no", "no"));
    for (api, said) in [
        (
            installation(refused(StatusCode::FORBIDDEN, "auth.forbidden")).await,
            "denied in the browser",
        ),
        (
            installation(refused(StatusCode::BAD_REQUEST, "auth.invalid_link")).await,
            "too old, or was used",
        ),
        // The end comes before the second question.
        (installation_for(2, |_| Some(pending())).await, "in time"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let ran = login(&api, home.path(), &["--json"], "").await;
        assert_eq!(ran.json()["code"], "cli.login_not_approved");
        ran.failed(4, said);
        assert!(!file(home.path()).exists());
    }
    let home = tempfile::tempdir().unwrap();
    let api = installation(refused(StatusCode::INTERNAL_SERVER_ERROR, "internal")).await;
    login(&api, home.path(), &[], "").await.failed(3, "internal");
    let api = Fake::start(|_, _| not_found()).await;
    login(&api, home.path(), &[], "")
        .await
        .failed(3, "ocore login --key");
}

#[tokio::test]
async fn waiting_ends_by_ctrl_c() {
    let api = installation(|_| Some(pending())).await;
    let home = tempfile::tempdir().unwrap();
    let child = Ocore::new(&["login", "--url", &api.url])
        .home(home.path())
        .spawn();
    while api.asked("POST /api/auth/device/token").is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap());
    Ran::new(output.await.unwrap()).failed(130, "No longer waiting");
    assert!(!file(home.path()).exists());
}

#[tokio::test]
async fn the_key_of_a_browser_is_kept_though_it_cannot_be_tried() {
    let api = Fake::start(|request, _| match request.what.as_str() {
        "POST /api/auth/device" => Json(json!({"deviceCode": DEVICE_CODE, "userCode": "BCDF-GHJK",
            "verificationUri": "https://ocore.example.com", "expiresIn": 60, "interval": 0}))
        .into_response(),
        "POST /api/auth/device/token" => {
            Json(json!({"apiKey": KEY, "organization": {"name": "Acme Ltd", "slug": "acme"}})).into_response()
        }
        _ => (StatusCode::SERVICE_UNAVAILABLE, "away").into_response(),
    })
    .await;
    let home = tempfile::tempdir().unwrap();
    let ran = login(&api, home.path(), &[], "").await.done();
    assert!(
        ran.err.contains("could not be tried") && ran.out.contains("Acme Ltd"),
        "{}",
        ran.err
    );
    assert!(fs::read_to_string(file(home.path())).unwrap().contains(KEY));
}

#[tokio::test]
async fn another_installation_does_not_take_a_profiles_place() {
    let (one, two) = (installation(|_| None).await, installation(|_| None).await);
    let home = tempfile::tempdir().unwrap();
    let key = format!("{KEY}\n");
    login(&one, home.path(), &["--key"], &key).await.done();
    login(&two, home.path(), &["--key"], &key)
        .await
        .failed(2, "--profile NAME");
    login(&two, home.path(), &["--key", "--profile", "../two"], &key)
        .await
        .failed(2, "letters");
    login(&two, home.path(), &["--key", "--profile", "two"], &key)
        .await
        .done();
    // Again, to where it was.
    let again = ["login", "--key", "--profile", "default"];
    Ocore::new(&again)
        .home(home.path())
        .input(&key)
        .run()
        .await
        .done();
    assert_eq!(
        (one.asked("GET /api/org").len(), two.asked("GET /api/org").len()),
        (2, 1)
    );
    let with_password = one.url.replace("http://", "http://user:canary@");
    let ran = Ocore::new(&["login", "--key", "--url", &with_password, "--profile", "x"])
        .home(home.path())
        .input(&key)
        .run()
        .await;
    assert!(!ran.contains("user:canary"), "{}", ran.err);
    ran.failed(2, "cannot be kept");
}

#[tokio::test]
async fn signing_out_forgets_the_key_only() {
    let api = installation(|_| None).await;
    let home = tempfile::tempdir().unwrap();
    login(&api, home.path(), &["--key"], &format!("{KEY}\n"))
        .await
        .done();
    let ran = Ocore::new(&["logout"]).home(home.path()).run().await.done();
    assert!(ran.out.contains("revoke"), "{}", ran.out);
    let text = fs::read_to_string(file(home.path())).unwrap();
    assert!(!text.contains(KEY) && text.contains(&api.url), "{text}");
    Ocore::new(&["org", "show"])
        .home(home.path())
        .run()
        .await
        .failed(2, "ocore login --profile default");
    let again = Ocore::new(&["logout", "--json"])
        .home(home.path())
        .run()
        .await
        .done()
        .json();
    assert_eq!(again["forgotten"], Value::Bool(false));
}
