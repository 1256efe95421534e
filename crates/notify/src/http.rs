//! One request: no redirects, no proxy, only to addresses that may be asked, and with little patience.

use std::{error::Error, time::Duration};

use reqwest::{
    Client, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};

use crate::address;

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a try went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the other side answered, for what goes by HTTP.
    pub status: Option<u16>,
    /// Why it did not arrive; none: it did. Holds no secret and no address.
    pub error: Option<String>,
    /// Whether it makes no sense to try again.
    pub is_final: bool,
}

impl Outcome {
    /// It arrived.
    pub const fn arrived(status: Option<u16>) -> Self {
        Self {
            status,
            error: None,
            is_final: true,
        }
    }

    /// It did not, and may later.
    pub fn failed(error: impl Into<String>) -> Self {
        Self {
            status: None,
            error: Some(error.into()),
            is_final: false,
        }
    }

    /// It did not, and will not.
    pub fn refused(error: impl Into<String>) -> Self {
        Self {
            is_final: true,
            ..Self::failed(error)
        }
    }
}

/// Sends a body. Any status from 200 to 299 means that it arrived; the answer's body is not read.
pub(crate) async fn post(
    url: &Url,
    headers: &[(&'static str, String)],
    body: Vec<u8>,
    allow_private: bool,
) -> Outcome {
    let addresses = match address::resolve(url, allow_private).await {
        Ok(addresses) => addresses,
        Err(why) => return Outcome::failed(why),
    };
    // One of this process's may be there already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder()
        .user_agent(concat!("oCore/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .no_proxy()
        .timeout(PATIENCE)
        .pool_max_idle_per_host(0)
        .resolve_to_addrs(url.host_str().unwrap_or_default(), &addresses)
        .build();
    let Ok(client) = client else {
        return Outcome::failed("the request could not be prepared");
    };
    let mut named = HeaderMap::new();
    for (name, value) in headers {
        let Ok(mut value) = HeaderValue::from_str(value) else {
            return Outcome::refused(format!("the header {name} cannot be sent"));
        };
        value.set_sensitive(true);
        named.insert(HeaderName::from_static(name), value);
    }
    match client.post(url.clone()).headers(named).body(body).send().await {
        Ok(answer) if answer.status().is_success() => Outcome::arrived(Some(answer.status().as_u16())),
        Ok(answer) => {
            let status = answer.status();
            let what = if status.is_redirection() {
                "it answered with a redirect, which is not followed"
            } else {
                "it answered with a status other than 2xx"
            };
            Outcome {
                status: Some(status.as_u16()),
                error: Some(format!("{what}: {}", status.as_u16())),
                // Gone for good.
                is_final: status.as_u16() == 410,
            }
        }
        Err(error) => Outcome::failed(reason(&error)),
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
