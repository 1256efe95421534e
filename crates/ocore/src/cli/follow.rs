//! Following an operation to its end, however often the connection is lost.

use std::time::Duration;

use ocore_domain::operation::Event;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::{
    Session,
    client::chain,
    failure::Failure,
    operation::Operation,
    progress::{Lines, Progress},
    sse,
};

/// The API sends something every 15 seconds; after this long the connection is dead.
const SILENCE: Duration = Duration::from_secs(45);
/// How long nobody may answer before following is given up.
const PATIENCE: Duration = Duration::from_mins(2);

/// Where operations are in the API, and which command follows one there.
#[derive(Clone, Copy)]
pub(crate) struct Where {
    pub(crate) path: &'static [&'static str],
    pub(crate) command: &'static str,
}

/// The organization's.
pub(crate) const OURS: Where = Where {
    path: &["operations"],
    command: "ocore operation",
};

/// Shows an operation until it ends, and gives it as it is then.
pub(crate) async fn follow(session: &Session, id: &str, lines: Lines) -> Result<Value, Failure> {
    follow_in(session, OURS, id, lines).await
}

/// The same of an operation that is somewhere else in the API.
pub(crate) async fn follow_in(
    session: &Session,
    place: Where,
    id: &str,
    lines: Lines,
) -> Result<Value, Failure> {
    let mut progress = Progress::new(lines);
    tokio::select! {
        end = to_the_end(session, place, id, &mut progress) => end,
        _ = tokio::signal::ctrl_c() => {
            drop(progress);
            let cancel = if place.path == OURS.path {
                format!("\n  Cancel: ocore operation cancel {id}")
            } else {
                String::new()
            };
            Err(Failure::Detached(format!(
                "\nNo longer watching; the operation goes on.\n  Watch:  {} follow {id}{cancel}",
                place.command
            )))
        }
    }
}

async fn to_the_end(
    session: &Session,
    place: Where,
    id: &str,
    progress: &mut Progress,
) -> Result<Value, Failure> {
    let (mut last, mut heard, mut pause) = (None, Instant::now(), Duration::from_millis(200));
    loop {
        let before = Instant::now();
        match listen(session, place, id, &mut last, progress, &mut heard).await {
            Ok(Some(end)) => return Ok(end),
            // Cut off in the middle, as by a restart of `ocore serve`.
            Ok(None) => (),
            Err(failure) if failure.is_transient() && heard.elapsed() < PATIENCE => (),
            Err(Failure::Unreachable(text)) => {
                return Err(Failure::Unreachable(format!(
                    "{text}\n  The operation goes on; watch it again with `{} follow {id}`.",
                    place.command
                )));
            }
            Err(failure) => return Err(failure),
        }
        // A connection that held starts the pauses anew.
        pause = if heard > before {
            Duration::from_millis(200)
        } else {
            (pause * 2).min(Duration::from_secs(5))
        };
        sleep(pause).await;
    }
}

/// Listens until the operation or the connection ends. `last` is the number of the last line shown.
async fn listen(
    session: &Session,
    place: Where,
    id: &str,
    last: &mut Option<i64>,
    progress: &mut Progress,
    heard: &mut Instant,
) -> Result<Option<Value>, Failure> {
    let path = [place.path, &[id, "logs"]].concat();
    let mut response = session.client.open(&path, &[], *last).await?;
    let mut parser = sse::Parser::default();
    loop {
        let piece = match timeout(SILENCE, response.chunk()).await {
            Ok(Ok(Some(piece))) => piece,
            Ok(Ok(None)) | Err(_) => return Ok(None),
            Ok(Err(error)) => return Err(Failure::Unreachable(chain(&error))),
        };
        *heard = Instant::now();
        for event in parser.feed(&piece) {
            match event.kind.as_str() {
                "line" => {
                    let line: Event = read(&event.data)?;
                    if last.is_none_or(|last| line.seq > last) {
                        *last = Some(line.seq);
                        progress.line(&line);
                    }
                }
                "operation" => progress.operation(&read(&event.data)?),
                "end" => {
                    progress.operation(&read::<Operation>(&event.data)?);
                    return read(&event.data).map(Some);
                }
                // What a newer API may say beside.
                _ => (),
            }
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(data: &str) -> Result<T, Failure> {
    serde_json::from_str(data).map_err(|error| {
        Failure::Failed(format!(
            "the API said something this `ocore` does not understand: {error}"
        ))
    })
}
