//! Requests by route.

use std::{sync::LazyLock, time::Duration};

use axum::http::{Method, StatusCode};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

/// Upper bounds in seconds.
const BUCKETS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    method: String,
    route: String,
}

struct Requests {
    registry: Registry,
    answered: Family<Answered, Counter>,
    seconds: Family<Asked, Histogram>,
}

static REQUESTS: LazyLock<Requests> = LazyLock::new(|| {
    let mut registry = Registry::default();
    let answered = Family::default();
    let seconds = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> Histogram);
    registry.register(
        "ocore_http_requests",
        "Requests that were answered",
        answered.clone(),
    );
    registry.register(
        "ocore_http_request_duration_seconds",
        "How long requests took until they were answered; a stream is answered when it begins",
        seconds.clone(),
    );
    Requests {
        registry,
        answered,
        seconds,
    }
});

/// What was counted in this process.
pub(super) fn registry() -> &'static Registry {
    &REQUESTS.registry
}

/// Counts a request. `route` is its pattern: paths hold identifiers, and whoever asks for what is not there may ask for
/// anything.
pub(crate) fn observe(method: &Method, route: Option<&str>, status: StatusCode, took: Duration) {
    let known = matches!(
        *method,
        Method::GET
            | Method::POST
            | Method::PUT
            | Method::PATCH
            | Method::DELETE
            | Method::HEAD
            | Method::OPTIONS
    );
    let method = if known { method.as_str() } else { "other" }.to_owned();
    let route = route.unwrap_or("none").to_owned();
    let asked = Asked {
        method: method.clone(),
        route: route.clone(),
    };
    REQUESTS.seconds.get_or_create(&asked).observe(took.as_secs_f64());
    let answered = Answered {
        method,
        route,
        status: status.as_u16(),
    };
    REQUESTS.answered.get_or_create(&answered).inc();
}
