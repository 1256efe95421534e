//! One request from end to end: its id, its place in the log, its time limit, and the shape of what goes wrong.
//!
//! Neither headers nor bodies nor query strings are logged.

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use ocore_domain::{Code, Problem};
use tokio::time::timeout;
use tracing::Instrument;
use uuid::Uuid;

use crate::{
    Api,
    problem::{self, Failure},
    prometheus,
};

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// A request's id, for whoever handles it.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

/// How long a handler may take. A stream is answered at once and may flow for longer.
const LIMIT: Duration = Duration::from_secs(30);

/// Counts answers and how long they take: for Prometheus, and for advice about oCore itself.
pub(crate) async fn measure(State(api): State<Api>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let began = Instant::now();
    let response = next.run(request).await;
    let took = began.elapsed();
    api.hands.pulse().answered(took);
    let route = route.as_ref().map(MatchedPath::as_str);
    prometheus::observe(&method, route, response.status(), took);
    response
}

/// Ends connections that are kept for more requests when this process is about to end: each after the answer on its way, so
/// that none is closed under a request that was just sent.
pub(crate) async fn last_of_connection(State(api): State<Api>, request: Request, next: Next) -> Response {
    let may_close = request.version() <= Version::HTTP_11;
    let mut response = next.run(request).await;
    // What has become a WebSocket is ended as one.
    let may_close = may_close && response.status() != StatusCode::SWITCHING_PROTOCOLS;
    if may_close && api.hands.is_leaving() {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

/// Runs a request.
pub(crate) async fn answer(mut request: Request, next: Next) -> Response {
    let id = id(request.headers());
    request.extensions_mut().insert(RequestId(id.clone()));
    let span = tracing::info_span!("request", %id, method = %request.method(), path = request.uri().path());
    let is_health =
        request.uri().path().starts_with("/health") || request.uri().path().starts_with("/metrics");
    let work = async {
        let began = Instant::now();
        let mut response = problem::render(run(request, next).await, &id);
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(HEADER, value);
        }
        let (status, millis) = (response.status().as_u16(), began.elapsed().as_millis());
        // Somebody asks for the health every few seconds.
        if is_health {
            tracing::debug!(status, millis, "answered");
        } else {
            tracing::info!(status, millis, "answered");
        }
        response
    };
    work.instrument(span).await
}

async fn run(request: Request, next: Next) -> Response {
    let handled = AssertUnwindSafe(timeout(LIMIT, next.run(request))).catch_unwind();
    match handled.await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => Failure::from(Problem::new(
            Code::StoreUnavailable,
            format!("The request was not answered within {} s", LIMIT.as_secs()),
            "Try again; if it lasts, look at the load of oCore's database.",
        ))
        .into_response(),
        Err(_) => {
            tracing::error!("a handler panicked");
            Failure::from(Problem::internal("a request ended unexpectedly")).into_response()
        }
    }
}

/// The id that the caller gave, when it can stand in a log; else a new one.
fn id(headers: &HeaderMap) -> String {
    let fits = |id: &&str| {
        (1..=128).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
    };
    headers
        .get(&HEADER)
        .and_then(|value| value.to_str().ok())
        .filter(fits)
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_id_that_can_stand_in_a_log_is_taken() {
        let given = |text: &str| {
            let headers = HeaderMap::from_iter([(HEADER, HeaderValue::from_str(text).unwrap())]);
            id(&headers)
        };
        assert_eq!(given("build-17.a:b_c"), "build-17.a:b_c");
        for bad in ["", "a b", "a\"b", &"x".repeat(129)] {
            assert!(given(bad).parse::<Uuid>().is_ok(), "{bad}");
        }
        assert_ne!(id(&HeaderMap::new()), id(&HeaderMap::new()));
    }
}
