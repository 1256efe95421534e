//! `GET /metrics` and `GET /metrics/fleet`, for Prometheus: with the token of `OCORE_METRICS_TOKEN`, which opens nothing else,
//! or the key of a server administrator. Only the fleet's figures name what is anybody's.

mod fleet;
mod http;
mod own;
mod process;

pub(crate) use http::observe;

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use ocore_domain::Problem;
use prometheus_client::{encoding::text, registry::Registry};

use crate::{
    access::{Routes, guarded},
    problem::Answer,
};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .with(guarded!(own::own))
        .with(guarded!(fleet::fleet))
}

/// What some registries hold, as Prometheus reads it.
fn exposition<'a>(registries: impl IntoIterator<Item = &'a Registry>) -> Answer<Response> {
    let mut body = String::new();
    for registry in registries {
        text::encode_registry(&mut body, registry).map_err(Problem::internal)?;
    }
    text::encode_eof(&mut body).map_err(Problem::internal)?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], body).into_response())
}
