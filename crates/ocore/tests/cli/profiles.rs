//! Profiles: their file, and what goes before them.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use axum::{Json, response::IntoResponse};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    fake::{Fake, Ocore, Ran},
    login::file,
};

/// An API that anybody may ask.
async fn open() -> Fake {
    Fake::start(|_, _| Json(json!({"id": "1", "name": "Acme", "slug": "acme"})).into_response()).await
}

/// A file with these profiles, each with a key of its own; the first is the current one.
fn profiles(of: &[(&str, &str)]) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let entries: Vec<String> = of
        .iter()
        .map(|(name, url)| {
            format!("[profiles.{name}]\nurl = \"{url}\"\norganization = \"acme\"\nkey = \"ocore_{name}\"\n")
        })
        .collect();
    write(
        home.path(),
        &format!("current = \"{}\"\n{}", of[0].0, entries.concat()),
        0o600,
    );
    home
}

fn write(home: &Path, text: &str, mode: u32) {
    let file = file(home);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
}

async fn ocore(home: &Path, arguments: &[&str]) -> Ran {
    Ocore::new(arguments).home(home).run().await
}

/// The keys that came.
fn keys(api: &Fake) -> Vec<String> {
    api.asked("GET /api/org")
        .iter()
        .map(|it| it.header("authorization").unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn arguments_go_before_variables_and_those_before_profiles() {
    let (one, two) = (open().await, open().await);
    let home = profiles(&[("one", &one.url), ("two", &two.url)]);
    let token = home.path().join("token");
    fs::write(&token, "ocore_file").unwrap();
    let token = token.to_str().unwrap();
    let show = |more: &[&str]| Ocore::new(&[&["org", "show"], more].concat()).home(home.path());

    // The current profile, a named one by variable, and one by argument.
    show(&[]).run().await.done();
    show(&[]).env("OCORE_PROFILE", "two").run().await.done();
    show(&["--profile", "one"])
        .env("OCORE_PROFILE", "two")
        .run()
        .await
        .done();
    assert_eq!(keys(&one), ["Bearer ocore_one", "Bearer ocore_one"]);
    assert_eq!(keys(&two), ["Bearer ocore_two"]);

    // A key from elsewhere goes to the profile's address.
    show(&[]).env("OCORE_TOKEN", "ocore_variable").run().await.done();
    show(&["--token-file", token])
        .env("OCORE_TOKEN", "ocore_variable")
        .run()
        .await
        .done();
    assert_eq!(keys(&one)[2..], ["Bearer ocore_variable", "Bearer ocore_file"]);

    // An address from elsewhere, with a key from elsewhere.
    let variables = |ocore: Ocore| {
        ocore
            .env("OCORE_URL", &two.url)
            .env("OCORE_TOKEN", "ocore_variable")
    };
    variables(show(&[])).run().await.done();
    variables(show(&["--url", &one.url])).run().await.done();
    assert_eq!(keys(&two)[1..], ["Bearer ocore_variable"]);
    assert_eq!(keys(&one)[4..], ["Bearer ocore_variable"]);

    // A profile that is named in the command is meant: variables may be left from another installation.
    variables(show(&["--profile", "one"])).run().await.done();
    assert_eq!(keys(&one)[5..], ["Bearer ocore_one"]);
    assert_eq!(keys(&two).len(), 2);

    // A variable that is empty is none.
    let none = show(&[]).env("OCORE_URL", "").env("OCORE_TOKEN", "");
    none.env("OCORE_PROFILE", "").run().await.done();
    assert_eq!(keys(&one).last().unwrap(), "Bearer ocore_one");
}

#[tokio::test]
async fn a_key_that_is_kept_goes_only_to_where_it_belongs() {
    let (one, two) = (open().await, open().await);
    let home = profiles(&[("one", &one.url)]);
    let ran = ocore(home.path(), &["org", "show", "--url", &two.url]).await;
    assert!(!ran.contains("ocore_one"), "{}", ran.err);
    ran.failed(2, "the key of the profile `one` is for");
    assert_eq!(keys(&two), [""; 0]);
    // The same address, written otherwise.
    let url = format!("{}/", one.url);
    ocore(home.path(), &["org", "show", "--url", &url]).await.done();
    ocore(home.path(), &["org", "show", "--profile", "none"])
        .await
        .failed(2, "no profile `none`");
    let nowhere = tempfile::tempdir().unwrap();
    ocore(nowhere.path(), &["org", "show"])
        .await
        .failed(2, "no API token for http://127.0.0.1:8080/");
}

#[tokio::test]
async fn the_organization_is_named_in_a_header() {
    let api = open().await;
    let home = profiles(&[("one", &api.url)]);
    ocore(home.path(), &["org", "show"]).await.done();
    ocore(home.path(), &["org", "--org", "globex", "show"])
        .await
        .done();
    let by_variable = Ocore::new(&["org", "show"]).home(home.path());
    by_variable.env("OCORE_ORG", "initech").run().await.done();
    ocore(home.path(), &["org", "show", "--org", "a\nb"])
        .await
        .failed(2, "slug");
    let asked = api.asked("GET /api/org");
    let named: Vec<_> = asked.iter().map(|it| it.header("x-org-slug")).collect();
    assert_eq!(named, [None, Some("globex"), Some("initech")]);
}

#[tokio::test]
async fn a_file_that_others_can_read_is_not_used() {
    let api = open().await;
    let home = profiles(&[("one", &api.url)]);
    for mode in [0o640, 0o604, 0o620, 0o644] {
        fs::set_permissions(file(home.path()), fs::Permissions::from_mode(mode)).unwrap();
        for arguments in [
            &["org", "show"][..],
            &["profile", "list"],
            &["logout"],
            &["login", "--key"],
        ] {
            let ran = ocore(home.path(), arguments).await;
            assert!(!ran.contains("ocore_one"), "{}", ran.err);
            ran.failed(2, "chmod 600");
        }
    }
    assert_eq!(keys(&api), [""; 0]);
    // Who needs no profile is not hindered.
    let ran = Ocore::new(&["org", "show"]).home(home.path());
    let ran = ran
        .env("OCORE_URL", &api.url)
        .env("OCORE_TOKEN", "ocore_variable");
    ran.run().await.done();
}

#[tokio::test]
async fn what_is_wrong_in_the_file_is_told_without_the_key() {
    let home = tempfile::tempdir().unwrap();
    for text in [
        "current = \"one\"\n[profiles.one]\nurl = \"http://x\"\nkey = ocore_canary\n",
        "current = \"one\"\n[profiles.one]\nurl = \"http://x\"\nkey = [\"ocore_canary\"]\n",
        "current = \"one\"\n[profiles.one]\nurl = \"http://x\"\nkey = \"ocore_canary\n",
    ] {
        write(home.path(), text, 0o600);
        let ran = ocore(home.path(), &["profile", "list"]).await;
        assert!(!ran.contains("canary"), "{}", ran.err);
        ran.failed(2, "from line 4 on");
    }
}

#[tokio::test]
async fn profiles_are_listed_chosen_and_forgotten_without_their_keys() {
    let (one, two) = (open().await, open().await);
    let home = profiles(&[("one", &one.url), ("two", &two.url)]);
    let home = home.path();
    let all = [
        ocore(home, &["profile", "list"]).await.done(),
        ocore(home, &["profile", "list", "--json"]).await.done(),
        ocore(home, &["profile", "use", "two"]).await.done(),
        ocore(home, &["profile", "show"]).await.done(),
        ocore(home, &["profile", "show", "one", "--json"]).await.done(),
        ocore(home, &["profile", "remove", "two", "--json"]).await.done(),
    ];
    for ran in &all {
        assert!(
            !ran.contains("ocore_one") && !ran.contains("ocore_two"),
            "{}",
            ran.out
        );
    }
    let [table, document, _, shown, other, removed] = &all;
    let first: Vec<_> = table.out.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(first, ["one", "yes", &one.url, "acme", "yes"]);
    assert_eq!(
        document.json()["data"][1],
        json!({"name": "two", "isCurrent": false, "url": two.url, "organization": "acme", "hasKey": true})
    );
    assert!(shown.out.contains(&two.url) && shown.out.contains("profiles.toml"));
    assert_eq!(other.json()["isCurrent"], false);
    assert_eq!(removed.json()["name"], "two");
    let text = fs::read_to_string(file(home)).unwrap();
    assert!(!text.contains("two") && text.contains("ocore_one"), "{text}");
    // None is the current one any more.
    ocore(home, &["org", "show"])
        .await
        .failed(2, "no profile is in use");
    ocore(home, &["profile", "use", "two"])
        .await
        .failed(2, "no profile `two`");
}

#[tokio::test]
async fn a_link_to_the_file_stays_one() {
    let home = profiles(&[("one", "http://127.0.0.1:1"), ("two", "http://127.0.0.1:2")]);
    let elsewhere = tempfile::tempdir().unwrap();
    let real = elsewhere.path().join("kept.toml");
    fs::rename(file(home.path()), &real).unwrap();
    symlink(&real, file(home.path())).unwrap();
    ocore(home.path(), &["profile", "use", "two"]).await.done();
    assert!(fs::symlink_metadata(file(home.path())).unwrap().is_symlink());
    let metadata = fs::metadata(&real).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert!(
        fs::read_to_string(&real)
            .unwrap()
            .starts_with("current = \"two\"")
    );
}

#[tokio::test]
async fn two_who_change_the_file_do_not_undo_one_another() {
    let names: Vec<String> = (0..8).map(|number| format!("p{number}")).collect();
    let all: Vec<(&str, &str)> = names
        .iter()
        .map(|name| (name.as_str(), "http://127.0.0.1:1"))
        .collect();
    let home = profiles(&all);
    let children: Vec<_> = names[1..]
        .iter()
        .map(|name| Ocore::new(&["profile", "remove", name]).home(home.path()).spawn())
        .collect();
    for child in children {
        let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap());
        Ran::new(output.await.unwrap()).done();
    }
    let left = ocore(home.path(), &["profile", "list", "--json"])
        .await
        .done()
        .json();
    assert_eq!(left["data"].as_array().unwrap().len(), 1, "{left}");
}
