//! HTTP: requests to the API, and its problems as failures.

use std::{path::Path, time::Duration};

use reqwest::{
    Method, RequestBuilder, Response, Url,
    header::{ACCEPT, AUTHORIZATION, HeaderValue},
    redirect,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::Value;

use super::{
    failure::{Failure, Refusal},
    secret,
};

const TIMEOUT: Duration = Duration::from_mins(1);
/// How often a request that changes nothing is sent, and the pause before each after the first.
const PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(1200)];

/// The parameters of a request's query.
pub(crate) type Query<'a> = [(&'a str, String)];

/// A connection to the API.
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    authorization: HeaderValue,
}

impl Client {
    /// A client for the API at an address, with the token from a file or from `OCORE_TOKEN`.
    pub(crate) fn new(url: &str, token_file: Option<&Path>) -> Result<Self, Failure> {
        let base: Url = url
            .parse()
            .map_err(|error| Failure::Usage(format!("`{url}` is not a URL: {error}")))?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(Failure::Usage(format!(
                "`{url}` is not the URL of an API; use http:// or https://"
            )));
        }
        let token = match token_file {
            Some(file) => secret::line_from_file(file)?,
            None => secret::from_variable("OCORE_TOKEN").map_err(|_| {
                Failure::Usage(
                    "there is no API token: set OCORE_TOKEN, or name a file with --token-file \
                     (`ocore admin create` makes one)"
                        .to_owned(),
                )
            })?,
        };
        if base.scheme() == "http" && !is_loopback(&base) {
            eprintln!("warning: the token goes to {base} unencrypted; use https");
        }
        // Another part of the program may have chosen already; any choice is good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder();
        if base.scheme() == "http" {
            // Loading the system's certificates fails where there are none, as in a small container.
            builder = builder.tls_certs_only([]);
        }
        let http = builder
            .connect_timeout(Duration::from_secs(10))
            // The token must not follow to another place.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("ocore/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Failure::Failed(chain(&error)))?;
        Ok(Self {
            http,
            base,
            authorization: bearer(&token)?,
        })
    }

    /// Reads. Tried again when nobody answers.
    pub(crate) async fn get(&self, path: &[&str], query: &Query<'_>) -> Result<Value, Failure> {
        let mut pauses = PAUSES.iter();
        loop {
            let answer = match self
                .send(self.request(Method::GET, path, query)?.timeout(TIMEOUT))
                .await
            {
                Ok(response) => body(response).await,
                Err(failure) => Err(failure),
            };
            match (answer, pauses.next()) {
                (Err(failure), Some(&pause)) if failure.is_transient() => tokio::time::sleep(pause).await,
                (answer, _) => return answer,
            }
        }
    }

    /// Makes. Never tried again: whether it arrived is not known.
    pub(crate) async fn post(&self, path: &[&str], content: &impl Serialize) -> Result<Value, Failure> {
        self.change(self.request(Method::POST, path, &[])?.json(content))
            .await
    }

    /// Changes.
    pub(crate) async fn put(&self, path: &[&str], content: &impl Serialize) -> Result<Value, Failure> {
        self.change(self.request(Method::PUT, path, &[])?.json(content))
            .await
    }

    /// Removes.
    pub(crate) async fn delete(&self, path: &[&str], query: &Query<'_>) -> Result<Value, Failure> {
        self.change(self.request(Method::DELETE, path, query)?).await
    }

    /// Opens a stream, which has no end in time.
    pub(crate) async fn open(
        &self,
        path: &[&str],
        query: &Query<'_>,
        last_event_id: Option<i64>,
    ) -> Result<Response, Failure> {
        let mut request = self
            .request(Method::GET, path, query)?
            .header(ACCEPT, "text/event-stream, text/plain");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        match tokio::time::timeout(TIMEOUT, self.send(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::Unreachable(format!("{} does not answer", self.base))),
        }
    }

    async fn change(&self, request: RequestBuilder) -> Result<Value, Failure> {
        body(self.send(request.timeout(TIMEOUT)).await?).await
    }

    fn request(&self, method: Method, path: &[&str], query: &Query<'_>) -> Result<RequestBuilder, Failure> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| Failure::Usage(format!("`{}` is not the URL of an API", self.base)))?
            .pop_if_empty()
            .push("api")
            .extend(path);
        Ok(self
            .http
            .request(method, url)
            .header(AUTHORIZATION, self.authorization.clone())
            .query(query))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        Err(Failure::Refused(Box::new(Refusal::new(status.as_u16(), &text))))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        Failure::Unreachable(format!(
            "The API at {} cannot be reached: {}\n  → Check that `ocore serve` runs and that OCORE_URL is its address.",
            self.base,
            chain(error)
        ))
    }
}

async fn body(response: Response) -> Result<Value, Failure> {
    let status = response.status().as_u16();
    let text = response
        .text()
        .await
        .map_err(|error| Failure::Unreachable(chain(&error)))?;
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&text).map_err(|_| Failure::Refused(Box::new(Refusal::new(status, &text))))
}

fn bearer(token: &SecretString) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
        .map_err(|_| Failure::Usage("the API token holds characters that no token has".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// An error with its causes: reqwest's own text names none of them.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
