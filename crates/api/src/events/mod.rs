//! `GET /api/events`: which kinds of things change, as they change (server-sent events).

mod watch;

use axum::{
    extract::State,
    http::{HeaderName, request::Parts},
    response::{IntoResponse, Response},
};
use ocore_domain::Topic;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Api,
    access::{Actor, Allowed, Member, Routes, guarded},
    problem::Answer,
};

pub(crate) fn routes() -> Routes {
    Routes::default().with(guarded!(events))
}

/// One event of the stream.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `watch` sends")]
struct ChangeEvent {
    event: ChangeEventKind,
    /// JSON: a `Hello` or a `Changed`.
    #[schema(content_media_type = "application/json")]
    data: String,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "it describes what `watch` sends")]
enum ChangeEventKind {
    Hello,
    Changed,
}

/// The stream has begun: what changes from now on is told.
#[derive(Serialize, ToSchema)]
pub(crate) struct Hello {
    /// Of the oCore that answers. A page of another one should be loaded anew.
    version: &'static str,
}

/// Something changed.
#[derive(Serialize, ToSchema)]
pub(crate) struct Changed {
    /// Of which kinds.
    topics: Vec<Topic>,
}

/// Tells nginx, which would otherwise hold events back until it has many.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

/// What changes
///
/// Events: `hello` at first, and `changed` with topics, four times a second at most. It names no thing: ask anew for what you
/// show, and for all of it after `hello`, since nothing is told of what happened before. Topics are those of the organization
/// that the request is about, and of the caller's own (`account`, `notifications`). The stream ends when the credentials that
/// it was asked for with are good no longer, and when oCore stops; come back then.
#[utoipa::path(
    get, path = "/api/events", operation_id = "followChanges", tag = "events",
    responses((status = 200, content_type = "text/event-stream", body = ChangeEvent))
)]
async fn events(allowed: Allowed<Member>, State(api): State<Api>, request: Parts) -> Answer<Response> {
    // Listen first: what happens from here on is not missed.
    let changes = api.notifications.changes();
    let person = match allowed.signed()?.actor {
        Actor::User { id, .. } => Some(id.uuid()),
        Actor::ApiKey { .. } | Actor::Agent { .. } => None,
    };
    let watched = watch::Watched {
        organization: allowed.organization()?.uuid(),
        person,
    };
    let standing = allowed.standing(&api, request)?;
    let stream = watch::stream(api.closing, standing, watched, changes);
    Ok(([UNBUFFERED], stream).into_response())
}
