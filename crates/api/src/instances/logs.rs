//! `GET /api/instances/{id}/logs`: what its container says.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use futures::{StreamExt, stream};
use ocore_domain::Problem;
use serde::Deserialize;
use tokio::time::timeout;
use utoipa::IntoParams;

use super::find;
use crate::{Api, auth::Bearer, body::Query, checks::Checks, problem::Answer};

/// How long the first line is waited for: until then a fault can still be answered as one.
const FIRST: Duration = Duration::from_secs(3);

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Whether lines to come are sent too.
    #[serde(default)]
    follow: bool,
    /// How many of the last lines, 0 to 10000; 200 if not given.
    tail: Option<u64>,
}

/// What the container of an instance says
///
/// Lines of text. Should the server be lost on the way, the last line says so and begins with `ocore:`.
#[utoipa::path(
    get, path = "/api/instances/{id}/logs", operation_id = "instanceLogs", tag = "instances",
    params(("id" = String, Path, description = "Id, slug or name"), Wanted),
    responses((status = 200, content_type = "text/plain", body = String))
)]
pub(super) async fn logs(
    State(api): State<Api>,
    bearer: Bearer,
    Path(id): Path<String>,
    Query(query): Query<Wanted>,
) -> Answer<Response> {
    let tail = query.tail.unwrap_or(200);
    let mut checks = Checks::default();
    checks.that(tail <= 10_000, "tail", "must be from 0 to 10000");
    checks.done()?;
    let instance = find(&mut *api.store.connection().await?, &bearer, &id).await?;
    let mut lines = ocore_operations::container_logs(&api.hands, &instance, query.follow, tail);
    let first = match timeout(FIRST, lines.next()).await {
        Ok(Some(first)) => Some(Ok(first?)),
        Ok(None) | Err(_) => None,
    };
    let text = stream::iter(first)
        .chain(lines)
        .map(|said| Ok::<_, Infallible>(line(said)))
        .take_until(api.closing.cancelled_owned());
    Ok((
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        Body::from_stream(text),
    )
        .into_response())
}

fn line(line: Result<String, Problem>) -> String {
    match line {
        Ok(line) => format!("{}\n", line.trim_end_matches(['\n', '\r'])),
        Err(problem) => format!("ocore: {problem}\n"),
    }
}
