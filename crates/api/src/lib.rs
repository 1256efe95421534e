//! The HTTP API: one file per route, grouped by resource.
//!
//! A request passes, from the outside in: [`request`] (its id, its span in the log, its time limit, problems made
//! into answers), [`auth`] (who sent it), [`idempotency`] (whether it was answered before), and its handler. Every error
//! is an `application/problem+json`.

mod activity;
mod auth;
mod body;
mod checks;
mod confirm;
mod contract;
mod docs;
mod dumps;
mod health;
pub mod idempotency;
mod instances;
pub mod limits;
mod openapi;
mod operations;
mod page;
mod problem;
mod problems;
mod request;
mod secrets;
mod servers;
mod stream;

use axum::{Router, extract::DefaultBodyLimit, middleware};
use ocore_operations::Hands;
use ocore_store::{Store, notifications::Notifications};
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;

pub use openapi::openapi;

/// The longest body of a request, in bytes.
const BODY_LIMIT: usize = 1 << 20;

/// What the handlers work with. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Api {
    /// The rows.
    pub store: Store,
    /// What is heard of the rows.
    pub notifications: Notifications,
    /// The ways to the servers.
    pub hands: Hands,
    /// Ends the streams that would go on for ever: cancelled when the process is to end.
    pub closing: CancellationToken,
}

/// Every route.
pub fn router(api: Api) -> Router {
    let (public, _) = public().split_for_parts();
    let (signed, _) = signed().split_for_parts();
    signed
        .route_layer(middleware::from_fn_with_state(
            api.store.clone(),
            idempotency::once,
        ))
        .route_layer(middleware::from_fn_with_state(api.clone(), auth::require))
        .merge(public)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn(request::answer))
        .with_state(api)
}

/// The routes that anybody may ask.
fn public() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .merge(health::routes())
        .merge(openapi::routes())
        .merge(docs::routes())
        .merge(problems::routes())
}

/// The routes that need a token.
fn signed() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .merge(servers::routes())
        .merge(instances::routes())
        .merge(operations::routes())
        .merge(dumps::routes())
        .merge(activity::routes())
}
