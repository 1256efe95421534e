//! `ocore login` and `ocore logout`: a key of one's own, kept in a profile.

use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{
    client::{Client, same_address},
    connection::{DEFAULT_URL, given},
    device,
    failure::Failure,
    output::Output,
    profiles::{self, FIRST, Profile, Profiles, Store},
    secret,
};

#[derive(Args)]
pub(crate) struct Login {
    /// The profile to keep the key in; otherwise the current one, at first `default`.
    #[arg(long, env = "OCORE_PROFILE", value_name = "NAME")]
    profile: Option<String>,
    /// Where the API is [default: the profile's address, or `http://127.0.0.1:8080`].
    #[arg(long, env = "OCORE_URL")]
    url: Option<String>,
    /// Read an API key from standard input, or ask for it on a terminal, instead of signing in by browser.
    #[arg(long)]
    key: bool,
    /// Read the API key from a file.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Print exactly one JSON document on standard output.
    #[arg(long)]
    pub(crate) json: bool,
    /// Takes a key that somebody wrote behind `--key`, so that it is not repeated as what was not understood.
    #[arg(hide = true)]
    stray: Option<SecretString>,
}

#[derive(Args)]
pub(crate) struct Logout {
    /// The profile; otherwise the current one.
    #[arg(long, env = "OCORE_PROFILE", value_name = "NAME")]
    profile: Option<String>,
    /// Print exactly one JSON document on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How a key was come by.
enum Source {
    Given,
    /// By browser; the organization is the one that was answered with it.
    Browser(Value),
}

pub(crate) async fn login(output: &Output, login: Login) -> Result<(), Failure> {
    if login.stray.is_some() {
        return Err(Failure::Usage(
            "a key is never an argument, which every user of this machine can read and the shell writes down\n  → Revoke \
             it if it was one. Use `--key` alone, and type it or pipe it in; or --token-file FILE."
                .to_owned(),
        ));
    }
    let store = Store::locate()?;
    let known = store.read()?;
    let (name, url) = target(
        &known,
        given(login.profile.as_deref()),
        given(login.url.as_deref()),
    )?;
    let client = Client::new(url)?;
    if client.address().contains('@') {
        return Err(Failure::Usage(
            "an address with a user or a password in it cannot be kept: leave them out".to_owned(),
        ));
    }
    let url = client.address().to_owned();
    let (key, source) = match &login.token_file {
        Some(file) => (secret::line_from_file(file)?, Source::Given),
        None if login.key => (secret::line_from_stdin("API key")?, Source::Given),
        None => {
            let (key, organization) = device::sign_in(&client).await?;
            (key, Source::Browser(organization))
        }
    };
    let organization = check(client.with_key(&key)?, source).await?;
    let profile = Profile {
        url: url.clone(),
        organization: organization["slug"].as_str().map(str::to_owned),
        key: Some(key),
    };
    store.change(|profiles| {
        profiles.profiles.insert(name.to_owned(), profile);
        profiles.current = Some(name.to_owned());
        Ok(())
    })?;
    warn_of_variables();
    let document = json!({"profile": name, "url": url, "organization": organization});
    output.result(&document, || {
        let of = organization["name"].as_str().or(organization["slug"].as_str());
        format!(
            "Signed in to {url} for {}. The profile `{name}` is the current one now.\n",
            of.unwrap_or("an organization")
        )
    })
}

/// Forgets a key. It stays good: it may be kept elsewhere too, and this one may not be allowed to revoke keys.
pub(crate) fn logout(output: &Output, logout: &Logout) -> Result<(), Failure> {
    let store = Store::locate()?;
    let wanted = given(logout.profile.as_deref());
    let (name, profile) = store.change(|profiles| {
        let Some((name, profile)) = profiles.chosen(wanted)? else {
            return Err(Failure::Usage("there is no profile to sign out of".to_owned()));
        };
        profiles.get_mut(&name)?.key = None;
        Ok((name, profile))
    })?;
    let document = json!({"profile": name, "url": profile.url, "forgotten": profile.key.is_some()});
    output.result(&document, || {
        if profile.key.is_none() {
            return format!("The profile `{name}` had no key.\n");
        }
        format!(
            "Signed out: the key of the profile `{name}` is forgotten here.\n  It stays good until it ends or is revoked \
             (`ocore api-key revoke`).\n"
        )
    })
}

/// Which profile is meant, and its address.
fn target<'a>(
    known: &'a Profiles,
    name: Option<&'a str>,
    url: Option<&'a str>,
) -> Result<(&'a str, &'a str), Failure> {
    let named = name.is_some();
    let name = profiles::name(name.or(known.current.as_deref()).unwrap_or(FIRST))?;
    let kept = known.profiles.get(name).map(|profile| profile.url.as_str());
    match (url, kept) {
        // A key that is still wanted would be lost.
        (Some(url), Some(kept)) if !named && !same_address(url, kept) => Err(Failure::Usage(format!(
            "the profile `{name}` is for {kept}\n  → Keep another one beside it: ocore login --url {url} --profile NAME"
        ))),
        (url, kept) => Ok((name, url.or(kept).unwrap_or(DEFAULT_URL))),
    }
}

/// What the key is for, which also shows that it is good.
async fn check(client: Client, source: Source) -> Result<Value, Failure> {
    match (client.get(&["org"], &[]).await, source) {
        (Ok(organization), _) => Ok(json!({
            "id": organization["id"], "name": organization["name"], "slug": organization["slug"]
        })),
        // It was just made, and there will be no other way to get at it.
        (Err(failure), Source::Browser(organization)) if failure.is_transient() => {
            eprintln!("warning: the key could not be tried");
            Ok(organization)
        }
        (Err(failure), Source::Given) => Err(failure.advised(401, || {
            "This is not a key of this installation, or it was revoked: look at the address and the key."
                .to_owned()
        })),
        (Err(failure), Source::Browser(_)) => Err(failure),
    }
}

fn warn_of_variables() {
    for name in ["OCORE_URL", "OCORE_TOKEN"] {
        if secret::from_variable(name).is_ok() {
            eprintln!("warning: {name} is set, and goes before every profile");
        }
    }
}
