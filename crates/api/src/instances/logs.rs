//! `GET /api/instances/{id}/logs`: what its container says.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use futures::{StreamExt, stream};
use ocore_domain::{Code, Problem, instance::InstanceStatus};
use ocore_store::instances::Instance;
use serde::Deserialize;
use tokio::time::timeout;
use utoipa::IntoParams;

use super::find;
use crate::{
    Api,
    access::{Allowed, Instances, View},
    body::Query,
    checks::Checks,
    problem::Answer,
};

/// How long the first line is waited for: until then a fault can still be answered as one. Shorter than a request may
/// take, and longer than it takes to find that a server cannot be reached.
const FIRST: Duration = Duration::from_secs(25);
/// The same for a log that is followed: it may well be silent, and who follows wants to know that it listens.
const FIRST_FOLLOWED: Duration = Duration::from_secs(3);

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Whether lines to come are sent too.
    #[serde(default)]
    follow: bool,
    /// How many of the last lines, 0 to 10000; 200 if not given.
    #[param(maximum = 10_000)]
    tail: Option<u64>,
}

/// What the container of an instance says
///
/// Lines of text. A server that cannot be reached, or a container that is not there, is a problem as elsewhere. Should the server be lost on the way, the last line says so and begins with `ocore:`.
#[utoipa::path(
    get, path = "/api/instances/{id}/logs", operation_id = "instanceLogs", tag = "instances",
    params(("id" = String, Path, description = "Id, slug or name"), Wanted),
    responses(
        (status = 200, content_type = "text/plain", body = String),
        (status = 409), (status = 502), (status = 504)
    )
)]
pub(super) async fn logs(
    allowed: Allowed<View<Instances>>,
    State(api): State<Api>,
    Path(id): Path<String>,
    Query(query): Query<Wanted>,
) -> Answer<Response> {
    let tail = query.tail.unwrap_or(200);
    let mut checks = Checks::default();
    checks.that(tail <= 10_000, "tail", "must be from 0 to 10000");
    checks.done()?;
    let instance = find(&mut *allowed.read().await?, allowed.organization()?, &id).await?;
    let mut lines = ocore_operations::container_logs(&api.hands, &instance, query.follow, tail);
    let patience = if query.follow { FIRST_FOLLOWED } else { FIRST };
    let first = match timeout(patience, lines.next()).await {
        Ok(Some(Ok(first))) => Some(Ok(first)),
        Ok(Some(Err(problem))) => return Err(explained(&api, &instance, problem).await.into()),
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

/// What Docker refuses because there is no container is no fault of Docker's.
async fn explained(api: &Api, instance: &Instance, problem: Problem) -> Problem {
    if problem.code != Code::DockerFailed {
        return problem;
    }
    match is_there(api, instance).await {
        Ok(false) => absent(instance),
        // What was said first is what stands in the way.
        Ok(true) | Err(_) => problem,
    }
}

async fn is_there(api: &Api, instance: &Instance) -> Result<bool, Problem> {
    let engine = api.hands.host(instance.server_id).await?.engine().await?;
    Ok(engine.container(&instance.names().container).await?.is_some())
}

fn absent(instance: &Instance) -> Problem {
    let (name, slug) = (&instance.name, &instance.slug);
    let mend = match instance.status {
        InstanceStatus::Creating => {
            format!("It is being made: `ocore operation follow {slug}` shows how far it is.")
        }
        InstanceStatus::Removing => {
            format!("It is being removed: `ocore operation follow {slug}` shows how far it is.")
        }
        // It is meant to run, and what runs is not started.
        InstanceStatus::Running => format!(
            "Somebody removed it: `ocore instance stop {slug}`, then `ocore instance start {slug}` makes it anew."
        ),
        _ => format!(
            "`ocore instance start {slug}` makes its container anew; see `ocore operation show {slug}`."
        ),
    };
    Problem::new(
        Code::StateConflict,
        format!("Instance `{name}` has no container now, and so no log"),
        mend,
    )
}

fn line(line: Result<String, Problem>) -> String {
    match line {
        Ok(line) => format!("{}\n", line.trim_end_matches(['\n', '\r'])),
        Err(problem) => format!("ocore: {problem}\n"),
    }
}
