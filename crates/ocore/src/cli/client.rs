//! HTTP: requests to the API, and its problems as failures.

use std::time::Duration;

use reqwest::{
    Method, RequestBuilder, Response, StatusCode, Url,
    header::{ACCEPT, AUTHORIZATION, ETAG, HeaderMap, HeaderValue, IF_MATCH, RETRY_AFTER},
    redirect,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::Value;

use super::failure::{Failure, Refusal};

const TIMEOUT: Duration = Duration::from_mins(1);
/// How often a request that changes nothing is sent, and the pause before each after the first.
const PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(1200)];

/// The parameters of a request's query.
pub(crate) type Query<'a> = [(&'a str, String)];

/// The header that names an organization.
const ORGANIZATION: &str = "x-org-slug";
/// How API keys begin; the access tokens of people do not.
const KEY_PREFIX: &str = "ocore_";

/// A connection to the API.
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    /// What goes with every request: who asks, and for which organization.
    headers: HeaderMap,
    bears_api_key: bool,
    /// The profile that the key is from.
    profile: Option<String>,
}

/// An answer, and the tag by which a change says which state it is meant for.
pub(crate) struct Tagged {
    pub(crate) body: Value,
    pub(crate) tag: Option<String>,
}

impl Client {
    /// A client for the API at an address, as nobody.
    pub(crate) fn new(url: &str) -> Result<Self, Failure> {
        let base: Url = url
            .parse()
            .map_err(|error| Failure::Usage(format!("`{url}` is not a URL: {error}")))?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(Failure::Usage(format!(
                "`{url}` is not the URL of an API; use http:// or https://"
            )));
        }
        if base.scheme() == "http" && !is_loopback(&base) {
            eprintln!("warning: keys go to and from {base} unencrypted; use https");
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
            headers: HeaderMap::new(),
            bears_api_key: false,
            profile: None,
        })
    }

    /// The same with a key, or a person's access token.
    pub(crate) fn with_key(mut self, key: &SecretString) -> Result<Self, Failure> {
        self.bears_api_key = key.expose_secret().starts_with(KEY_PREFIX);
        self.headers.insert(AUTHORIZATION, bearer(key)?);
        Ok(self)
    }

    /// The same for an organization.
    pub(crate) fn for_organization(mut self, slug: Option<&str>) -> Result<Self, Failure> {
        if let Some(slug) = slug {
            let value = HeaderValue::from_str(slug)
                .map_err(|_| Failure::Usage(format!("`{slug}` is not the slug of an organization")))?;
            self.headers.insert(ORGANIZATION, value);
        }
        Ok(self)
    }

    /// The same, knowing which profile the key is from.
    pub(crate) fn of_profile(self, name: &str) -> Self {
        Self {
            profile: Some(name.to_owned()),
            ..self
        }
    }

    /// Where the API is.
    pub(crate) fn address(&self) -> &str {
        self.base.as_str()
    }

    /// Whether it speaks for a program and not for a person.
    pub(crate) const fn bears_api_key(&self) -> bool {
        self.bears_api_key
    }

    /// Reads. Tried again when nobody answers.
    pub(crate) async fn get(&self, path: &[&str], query: &Query<'_>) -> Result<Value, Failure> {
        self.get_tagged(path, query).await.map(|answer| answer.body)
    }

    /// Reads what is to be changed.
    pub(crate) async fn get_tagged(&self, path: &[&str], query: &Query<'_>) -> Result<Tagged, Failure> {
        let mut pauses = PAUSES.iter();
        loop {
            let answer = match self
                .send(self.request(Method::GET, path, query)?.timeout(TIMEOUT))
                .await
            {
                Ok(response) => tagged(response).await,
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

    /// Changes a part.
    pub(crate) async fn patch(&self, path: &[&str], content: &impl Serialize) -> Result<Value, Failure> {
        self.change(self.request(Method::PATCH, path, &[])?.json(content))
            .await
    }

    /// Changes what is still as it was read, if a tag tells.
    pub(crate) async fn put_if(
        &self,
        path: &[&str],
        content: &impl Serialize,
        tag: Option<&str>,
    ) -> Result<Value, Failure> {
        let mut request = self.request(Method::PUT, path, &[])?.json(content);
        if let Some(tag) = tag {
            request = request.header(IF_MATCH, tag);
        }
        self.change(request).await
    }

    /// Changes a part of what is still as it was read, if a tag tells.
    pub(crate) async fn patch_if(
        &self,
        path: &[&str],
        content: &impl Serialize,
        tag: Option<&str>,
    ) -> Result<Value, Failure> {
        let mut request = self.request(Method::PATCH, path, &[])?.json(content);
        if let Some(tag) = tag {
            request = request.header(IF_MATCH, tag);
        }
        self.change(request).await
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
            .headers(self.headers.clone())
            .query(query))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let wait = response.headers().get(RETRY_AFTER);
        let wait = wait.and_then(|value| value.to_str().ok()?.parse().ok());
        let text = response.text().await.unwrap_or_default();
        let mut refusal = Refusal::new(status.as_u16(), &text).with_retry_after(wait);
        if let (StatusCode::UNAUTHORIZED, Some(profile)) = (status, &self.profile) {
            refusal.advise(format!(
                "The key of the profile `{profile}` is not good any more: sign in with `ocore login --profile {profile}`."
            ));
        }
        Err(Failure::Refused(Box::new(refusal)))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        Failure::Unreachable(format!(
            "The API at {} cannot be reached: {}\n  → Check that `ocore serve` runs and that this is its address; --url, \
             OCORE_URL or a profile tells another.",
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

async fn tagged(response: Response) -> Result<Tagged, Failure> {
    let tag = response.headers().get(ETAG);
    let tag = tag.and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok(Tagged {
        body: body(response).await?,
        tag,
    })
}

fn bearer(token: &SecretString) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
        .map_err(|_| Failure::Usage("the API token holds characters that no token has".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Whether two texts are the same address.
pub(crate) fn same_address(one: &str, other: &str) -> bool {
    let address = |text: &str| {
        text.parse::<Url>()
            .map(|url| url.as_str().trim_end_matches('/').to_owned())
    };
    matches!((address(one), address(other)), (Ok(one), Ok(other)) if one == other)
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
