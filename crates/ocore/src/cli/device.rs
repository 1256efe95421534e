//! Signing in by browser: the API gives a code, a person approves it there, and a key comes of it (RFC 8628).

use std::time::Duration;

use ocore_domain::Code;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::{client::Client, failure::Failure, output::plain, resolve::value};

/// How much more seldom to ask where the API only says "too often".
const SLOWER: Duration = Duration::from_secs(5);
const LEAST_INTERVAL: Duration = Duration::from_secs(1);

/// A login that waits for its approval.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Begun {
    device_code: SecretString,
    user_code: String,
    verification_uri: String,
    /// Seconds.
    expires_in: u64,
    /// Seconds.
    #[serde(default = "usual_interval")]
    interval: u64,
}

const fn usual_interval() -> u64 {
    5
}

/// The key that a person approved, and its organization.
pub(crate) async fn sign_in(client: &Client) -> Result<(SecretString, Value), Failure> {
    tokio::select! {
        answer = ask(client) => answer,
        _ = tokio::signal::ctrl_c() => Err(Failure::Detached(
            "\nNo longer waiting; nothing is stored, and the code is good for nothing.\n  Try again: ocore login".to_owned(),
        )),
    }
}

async fn ask(client: &Client) -> Result<(SecretString, Value), Failure> {
    let begun = client
        .post(&["auth", "device"], &json!({"clientName": name()}))
        .await
        .map_err(|failure| {
            failure.advised(404, || {
                "This oCore knows no login by browser: give a key, `ocore login --key`.".to_owned()
            })
        })?;
    // The error's own text could show a part of the answer.
    let begun: Begun = serde_json::from_value(begun)
        .map_err(|_| Failure::Failed("the API began the login in a way that is not understood".to_owned()))?;
    eprintln!(
        "Open {} in a browser, sign in, and enter the code\n\n    {}\n\nApprove it only if the browser shows this very code. \
         Waiting, {} at most …",
        plain(&begun.verification_uri),
        plain(&begun.user_code),
        minutes(begun.expires_in)
    );
    let answer = wait(client, &begun).await?;
    let key = value(&answer, "apiKey")?.to_owned().into();
    Ok((key, answer["organization"].clone()))
}

/// Asks until somebody said yes or no, or the code is too old.
async fn wait(client: &Client, begun: &Begun) -> Result<Value, Failure> {
    let end = Instant::now() + Duration::from_secs(begun.expires_in);
    let mut interval = Duration::from_secs(begun.interval).max(LEAST_INTERVAL);
    let body = json!({"deviceCode": begun.device_code.expose_secret()});
    loop {
        let next = Instant::now() + interval;
        if next >= end {
            sleep_until(end).await;
            return Err(not_approved(
                "Nobody approved the login in time, and its code is too old now",
            ));
        }
        sleep_until(next).await;
        let failure = match client.post(&["auth", "device", "token"], &body).await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        match &failure {
            Failure::Refused(refusal) if refusal.status() == 429 => {
                let told = refusal.retry_after().map(Duration::from_secs);
                interval = told.unwrap_or(interval + SLOWER).max(interval);
            }
            Failure::Refused(refusal) if refusal.code() == Code::AuthorizationPending.as_str() => (),
            Failure::Refused(refusal) if refusal.code() == Code::Forbidden.as_str() => {
                return Err(not_approved("The login was denied in the browser"));
            }
            Failure::Refused(refusal)
                if refusal.code() == Code::InvalidLink.as_str() || refusal.status() == 404 =>
            {
                return Err(not_approved("The login's code is too old, or was used already"));
            }
            // Restarted, or the network is away for a moment: the code is good for longer.
            _ if failure.is_transient() => (),
            _ => return Err(failure),
        }
    }
}

fn not_approved(what: &str) -> Failure {
    Failure::NotApproved(format!("{what}: nothing is stored\n  → Try again: ocore login"))
}

/// What the key will be called: where it is.
fn name() -> String {
    let host = nix::unistd::gethostname()
        .ok()
        .and_then(|host| host.into_string().ok());
    let host: String = host
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control())
        .take(64)
        .collect();
    if host.is_empty() {
        "ocore".to_owned()
    } else {
        format!("ocore on {host}")
    }
}

fn minutes(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds / 60),
    }
}
