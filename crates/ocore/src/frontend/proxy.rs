//! Passing requests on to the API, and its answers back, as they come.

use std::{error::Error, net::SocketAddr, time::Duration};

use anyhow::Context;
use axum::{
    body::{Body, HttpBody},
    extract::{ConnectInfo, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use reqwest::redirect;
use serde_json::json;
use tokio::io::copy_bidirectional;

/// How long a connection to the API may take to come about. An answer may take as long as it likes: some never end.
const CONNECTING: Duration = Duration::from_secs(5);
/// How this process calls itself in the header `Via`.
const OURSELVES: &str = "ocore-frontend";
/// Headers of one connection only, beside those that the header `Connection` names.
const OF_CONNECTION: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The way to the API. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Proxy {
    http: reqwest::Client,
    api: String,
}

impl Proxy {
    /// To an address without a path.
    pub(super) fn new(api: &str) -> anyhow::Result<Self> {
        // Fails only where there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECTING)
            .tcp_nodelay(true)
            .redirect(redirect::Policy::none())
            // What the environment says of proxies is for other ways than this one.
            .no_proxy();
        if api.starts_with("http:") {
            // Loading the system's certificates fails where there are none, as in a small container.
            builder = builder.tls_certs_only([]);
        }
        Ok(Self {
            http: builder.build().context("the way to the API cannot be made")?,
            api: api.to_owned(),
        })
    }

    /// Passes one request on. The host that was asked stays in it: the API compares it with where the page came from.
    pub(super) async fn pass(&self, request: Request) -> Response {
        let (mut parts, body) = request.into_parts();
        if has_been_here(&parts.headers) {
            tracing::error!(api = self.api, "OCORE_API_URL leads back to this process");
            return problem(
                StatusCode::LOOP_DETECTED,
                "frontend.loop",
                "The address that the frontend knows of the API leads back to the frontend",
                "Set OCORE_API_URL to where `ocore serve` itself is reached.",
            );
        }
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().copied();
        // Agents keep a WebSocket. Of that too the connection's headers are this process's own.
        let upgrade = if is_for_websocket(&parts.headers) {
            parts.extensions.remove::<OnUpgrade>()
        } else {
            None
        };
        let mut headers = passed(parts.headers);
        if upgrade.is_some() {
            headers.extend(for_websocket());
        }
        headers.append(header::VIA, HeaderValue::from_static("1.1 ocore-frontend"));
        if let Some(ConnectInfo(peer)) = peer {
            let peer = peer.ip().to_canonical().to_string();
            if let Ok(peer) = HeaderValue::try_from(peer) {
                headers.append(FORWARDED_FOR, peer);
            }
        }
        let mut asked = self
            .http
            .request(parts.method, format!("{}{path}", self.api))
            .headers(headers);
        if !body.is_end_stream() {
            asked = asked.body(reqwest::Body::wrap_stream(body.into_data_stream()));
        }
        match asked.send().await {
            Ok(answer) => match upgrade {
                Some(upgrade) if answer.status() == StatusCode::SWITCHING_PROTOCOLS => {
                    joined(answer, upgrade)
                }
                _ => answered(answer),
            },
            Err(error) => {
                tracing::warn!(
                    api = self.api,
                    error = chain(&error.without_url()),
                    "the API does not answer"
                );
                problem(
                    StatusCode::BAD_GATEWAY,
                    "frontend.api_unreachable",
                    "The frontend does not reach the API",
                    "Wait a moment if oCore is just starting; else look whether `ocore serve` runs, and at OCORE_API_URL.",
                )
            }
        }
    }
}

fn answered(answer: reqwest::Response) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = answer.status();
    *response.headers_mut() = passed(answer.headers().clone());
    *response.body_mut() = Body::from_stream(answer.bytes_stream());
    response
}

/// The answer to who asked for a WebSocket and gets one: what either side says from now on is passed on as it is.
fn joined(answer: reqwest::Response, upgrade: OnUpgrade) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = passed(answer.headers().clone());
    response.headers_mut().extend(for_websocket());
    tokio::spawn(async move {
        let (asker, api) = tokio::join!(upgrade, answer.upgrade());
        if let (Ok(asker), Ok(mut api)) = (asker, api) {
            // However it ends, both have been told.
            let _ = copy_bidirectional(&mut TokioIo::new(asker), &mut api).await;
        }
    });
    response
}

/// Whether the connection is to become a WebSocket.
fn is_for_websocket(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE);
    upgrade.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// The headers by which a connection becomes one.
fn for_websocket() -> [(HeaderName, HeaderValue); 2] {
    [
        (header::CONNECTION, HeaderValue::from_static("upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
    ]
}

/// Headers without those of the connection they came by.
fn passed(mut headers: HeaderMap) -> HeaderMap {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&OF_CONNECTION) {
        headers.remove(name);
    }
    headers
}

fn has_been_here(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::VIA)
        .iter()
        .filter_map(|via| via.to_str().ok())
        .any(|via| via.contains(OURSELVES))
}

/// In the API's form, so that pages can show it.
fn problem(status: StatusCode, code: &str, detail: &str, mend: &str) -> Response {
    let body = json!({
        "type": "about:blank",
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "code": code,
        "detail": detail,
        "mend": mend,
    });
    let headers = [
        (header::CONTENT_TYPE, "application/problem+json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, body.to_string()).into_response()
}

/// An error with what it came of.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_the_connection_stay_behind() {
        let headers = HeaderMap::from_iter(
            [
                ("connection", "close, X-Mine"),
                ("x-mine", "1"),
                ("transfer-encoding", "chunked"),
                ("host", "ocore.example.com"),
                ("cookie", "a=b"),
            ]
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))),
        );
        let mut left: Vec<String> = passed(headers).keys().map(ToString::to_string).collect();
        left.sort();
        assert_eq!(left, ["cookie", "host"]);
    }
}
