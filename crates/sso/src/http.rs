//! Requests to a provider: no redirects, no plain HTTP, and no more patience or memory than a login is worth.

use std::{error::Error, pin::Pin, time::Duration};

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::{Client, Url, redirect::Policy};

/// How long an answer may take, all of it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may be, in bytes.
const ANSWER_MAX: usize = 1 << 20;

/// A client for one provider.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client,
    /// Whether the provider is on this machine, as in a test; plain HTTP to this machine is right then. It is not
    /// otherwise: a provider elsewhere could make us ask whatever listens here.
    local: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("its address is not https")]
    Plain,
    #[error("its answer is longer than {ANSWER_MAX} bytes")]
    TooLong,
    #[error("{0}")]
    Failed(String),
}

impl Http {
    /// A client for the provider at this address.
    pub(crate) fn new(url: &Url) -> Result<Self, Fault> {
        // One of this process's may be there already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // The program's name: GitHub answers nobody without.
        let client = Client::builder()
            .user_agent("ocore")
            .redirect(Policy::none())
            .timeout(PATIENCE)
            .build()
            .map_err(|error| Fault::Failed(reason(&error)))?;
        let local = is_local(url);
        Ok(Self { client, local })
    }

    /// Whether an address may be asked.
    pub(crate) fn may_ask(&self, url: &Url) -> bool {
        url.scheme() == "https" || self.local && url.scheme() == "http" && is_local(url)
    }

    pub(crate) async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, Fault> {
        let request: reqwest::Request = request
            .try_into()
            .map_err(|error: reqwest::Error| Fault::Failed(reason(&error)))?;
        if !self.may_ask(request.url()) {
            return Err(Fault::Plain);
        }
        let failed = |error: reqwest::Error| Fault::Failed(reason(&error));
        let mut answer = self.client.execute(request).await.map_err(failed)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > ANSWER_MAX {
                return Err(Fault::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = HttpResponse::new(body);
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers().clone();
        Ok(response)
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Fault>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.ask(request))
    }
}

/// The innermost cause, which says most and holds no address: that may have a secret in it.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("it did not answer within {} s", PATIENCE.as_secs());
    }
    let Some(mut cause) = error.source() else {
        return "the request cannot be sent".to_owned();
    };
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(openidconnect::url::Host::Domain(name)) => name == "localhost",
        Some(openidconnect::url::Host::Ipv4(address)) => address.is_loopback(),
        Some(openidconnect::url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(provider: &str, url: &str) -> bool {
        Http::new(&provider.parse().unwrap())
            .unwrap()
            .may_ask(&url.parse().unwrap())
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        let (there, here) = ("https://id.example", "http://127.0.0.1:4000");
        assert!(may(there, "https://id.example/token"));
        assert!(may(here, "http://127.0.0.1:4000/token"));
        assert!(may(here, "http://[::1]:4000/token") && may(here, "http://localhost/token"));
        assert!(!may(here, "http://id.example/token"));
        assert!(!may(here, "http://127.0.0.1.example/token"));
        // What a provider elsewhere says of itself does not lead here.
        assert!(!may(there, "http://127.0.0.1:4000/token"));
        assert!(!may(there, "file:///etc/passwd"));
    }
}
