//! Where a command goes, with which key, and for which organization.

use std::path::PathBuf;

use clap::Args;

use super::{
    client::{Client, same_address},
    failure::Failure,
    profiles::{Profile, Store},
    secret,
};

/// Where the API is when nothing says otherwise.
pub(crate) const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// How to reach the API. The key is never an argument, which every user of the machine could read.
#[derive(Args)]
pub(crate) struct Connection {
    /// Where the API is; otherwise `OCORE_URL` or the profile tells, and without them it is `http://127.0.0.1:8080`.
    #[arg(long, global = true, help_heading = "API")]
    url: Option<String>,
    /// A file with the API key; otherwise `OCORE_TOKEN` holds it, or the profile.
    #[arg(long, global = true, value_name = "FILE", help_heading = "API")]
    token_file: Option<PathBuf>,
    /// The profile of `ocore login` to use instead of variables and of the current one; `OCORE_PROFILE` instead of the
    /// current one only.
    #[arg(long, global = true, value_name = "NAME", help_heading = "API")]
    profile: Option<String>,
    /// The organization, by slug; otherwise the one joined first. An API key knows only its own.
    #[arg(
        long,
        global = true,
        env = "OCORE_ORG",
        value_name = "SLUG",
        help_heading = "API"
    )]
    org: Option<String>,
    /// Print exactly one JSON document on standard output.
    #[arg(long, global = true, help_heading = "API")]
    pub(crate) json: bool,
}

impl Connection {
    /// A client for what was named, most explicitly first: arguments, variables, the current profile. A profile that
    /// was named on the command line goes before variables, which may have been exported for another installation.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let named = given(self.profile.as_deref());
        let variable = |name| std::env::var(name).ok().filter(|_| named.is_none());
        let (from_variable, profile) = (variable("OCORE_URL"), variable("OCORE_PROFILE"));
        let url = given(self.url.as_deref()).or(given(from_variable.as_deref()));
        let key = match &self.token_file {
            Some(file) => Some(secret::line_from_file(file)?),
            None if named.is_some() => None,
            None => secret::from_variable("OCORE_TOKEN").ok(),
        };
        let wanted = named.or(given(profile.as_deref()));
        if let (Some(url), Some(key)) = (url, &key) {
            return Client::new(url)?
                .with_key(key)?
                .for_organization(given(self.org.as_deref()));
        }
        let profile = chosen(wanted)?;
        let profile_url = profile.as_ref().map(|(_, profile)| profile.url.as_str());
        let client = Client::new(url.or(profile_url).unwrap_or(DEFAULT_URL))?
            .for_organization(given(self.org.as_deref()))?;
        match (key, &profile) {
            (Some(key), _) => client.with_key(&key),
            // A key goes only to where it was stored for.
            (None, Some((name, profile))) if url.is_none_or(|url| same_address(url, &profile.url)) => {
                match &profile.key {
                    Some(key) => Ok(client.with_key(key)?.of_profile(name)),
                    None => Err(Failure::Usage(format!(
                        "the profile `{name}` has no key: sign in with `ocore login --profile {name}`"
                    ))),
                }
            }
            (None, Some((name, profile))) => Err(no_key(
                client.address(),
                &format!("the key of the profile `{name}` is for {} only", profile.url),
            )),
            (None, None) => Err(no_key(client.address(), "no profile is in use")),
        }
    }
}

fn no_key(url: &str, because: &str) -> Failure {
    Failure::Usage(format!(
        "there is no API token for {url}, and {because}\n  → Sign in with `ocore login`, set OCORE_TOKEN, or name a \
         file with --token-file (`ocore admin create` makes a key)."
    ))
}

/// The profile of this name, or the current one.
fn chosen(name: Option<&str>) -> Result<Option<(String, Profile)>, Failure> {
    match Store::locate() {
        Ok(store) => store.read()?.chosen(name),
        // Without a home there are no profiles, and who names none needs none.
        Err(_) if name.is_none() => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// What was given; a variable that is empty gives nothing.
pub(crate) fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}
