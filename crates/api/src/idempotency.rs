//! `Idempotency-Key`: a POST that is sent again, because its answer was lost, is answered again and not done again.
//!
//! A request with a key runs to its end even when its sender has gone away, so that the answer is there when the sender
//! comes back. What is kept is sealed: it may hold a password that is shown once. Kept for a day are answers up to 499,
//! apart from those that say nothing of the request itself (401, 403, 429); after any other the key is free again.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{FromRequest, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use ocore_domain::{Code, OrganizationId, Problem};
use ocore_store::{
    Store,
    idempotency::{self as rows, Begun},
};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use tokio::time::{MissedTickBehavior, interval};
use tracing::Instrument;
use uuid::Uuid;

use crate::problem::{Answer, Failure};

/// The header with the key.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is one from before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Marks, among the headers kept, a body that is a problem: it is written anew, with the repeat's own request id.
const PROBLEM: &str = "problem";
/// What is kept of an answer's headers.
const KEPT: [HeaderName; 3] = [header::CONTENT_TYPE, header::LOCATION, header::ETAG];
/// The longest answer that is kept, in bytes.
const LONGEST: usize = 1 << 20;
/// How often a request says that it still runs: well within the minute after which it would be taken over.
const SIGN: Duration = Duration::from_secs(15);

/// Who sent a request, as one text: the extension that the layer further out leaves in it. Without one, no key counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal(pub String);

/// The tenant that a request is about: an optional extension beside [`Principal`]; its answer is sealed for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tenant(pub OrganizationId);

/// Answers a request that was answered before, and lets others run.
///
/// ```ignore
/// router.route_layer(middleware::from_fn_with_state(store, idempotency::once))
/// ```
pub async fn once(State(store): State<Store>, request: Request, next: Next) -> Response {
    let principal = request.extensions().get::<Principal>().cloned();
    let Some(Principal(principal)) = principal.filter(|_| request.method() == Method::POST) else {
        return next.run(request).await;
    };
    match key(request.headers()) {
        Ok(None) => next.run(request).await,
        Ok(Some(key)) => keyed(store, principal, key, request, next)
            .await
            .unwrap_or_else(IntoResponse::into_response),
        Err(failure) => failure.into_response(),
    }
}

/// The key, if there is one.
fn key(headers: &HeaderMap) -> Answer<Option<String>> {
    let mut given = headers.get_all(KEY).iter();
    let Some(first) = given.next() else {
        return Ok(None);
    };
    let key = first
        .to_str()
        .ok()
        .filter(|key| (1..=255).contains(&key.len()) && key.bytes().all(|b| (b' '..=b'~').contains(&b)));
    match (key, given.next()) {
        (Some(key), None) => Ok(Some(key.to_owned())),
        _ => Err(Failure::field(
            "Idempotency-Key",
            "must stand once, and have 1 to 255 printable ASCII characters",
        )),
    }
}

async fn keyed(
    store: Store,
    principal: String,
    key: String,
    request: Request,
    next: Next,
) -> Answer<Response> {
    let (parts, body) = request.into_parts();
    let tenant = parts.extensions.get::<Tenant>().map(|tenant| tenant.0);
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    // As the handlers read it, so that the limit is theirs.
    let whole = Request::from_parts(parts.clone(), body);
    let body = Bytes::from_request(whole, &())
        .await
        .map_err(|rejection| crate::body::unreadable(rejection.status()))?;
    let named = rows::Request {
        principal,
        organization: tenant,
        key,
        method: parts.method.to_string(),
        path: path.to_owned(),
        fingerprint: Sha256::digest(&body).to_vec(),
    };
    let begun = rows::begin(&mut *store.connection().await?, store.sealer(), &named).await?;
    let id = match begun {
        Begun::Run(id) => id,
        Begun::Answered(answer) => return Ok(replayed(&answer)),
        Begun::Running => return Ok(running()),
        Begun::Mismatch => return Err(mismatch()),
    };
    let request = Request::from_parts(parts, Body::from(body));
    // A task of its own: it goes on when the sender hangs up or the time for the answer is over.
    let run = run(store, named, id, request, next).in_current_span();
    match tokio::spawn(run).await {
        Ok(response) => Ok(response),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(Problem::internal("a request was ended").into()),
    }
}

/// Runs a request to its end, and keeps what it was answered.
async fn run(store: Store, named: rows::Request, id: Uuid, request: Request, next: Next) -> Response {
    let work = AssertUnwindSafe(next.run(request)).catch_unwind();
    let done = tokio::select! {
        done = work => done,
        never = signs(&store, id) => match never {},
    };
    let response = match done {
        Ok(response) => response,
        Err(panic) => {
            forget(&store, id).await;
            std::panic::resume_unwind(panic);
        }
    };
    let Some((response, answer)) = kept(response).await else {
        forget(&store, id).await;
        return Failure::from(Problem::internal("an answer could not be read")).into_response();
    };
    let Some(answer) = answer else {
        forget(&store, id).await;
        return response;
    };
    let keep = async {
        let mut conn = store.connection().await?;
        rows::answer(&mut conn, store.sealer(), &named, id, &answer).await
    };
    match keep.await {
        Ok(true) => {}
        Ok(false) => tracing::warn!(%id, "another process took this request over"),
        // The request was done: it is answered all the same, and the key is free after a minute.
        Err(error) => tracing::error!(%error, %id, "the answer to a request could not be kept"),
    }
    response
}

/// Says again and again that a request runs.
async fn signs(store: &Store, id: Uuid) -> std::convert::Infallible {
    let mut tick = interval(SIGN);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick.tick().await;
    loop {
        tick.tick().await;
        let said = async { rows::touch(&mut *store.connection().await?, id).await };
        if let Err(error) = said.await {
            tracing::warn!(%error, %id, "a request could not say that it still runs");
        }
    }
}

async fn forget(store: &Store, id: Uuid) {
    let forgotten = async { rows::forget(&mut *store.connection().await?, id).await };
    if let Err(error) = forgotten.await {
        // It is taken over after a minute.
        tracing::warn!(%error, %id, "an idempotency key could not be freed");
    }
}

/// The answer as it goes out, and as it is kept, if it is worth it; nothing when its body broke off.
async fn kept(response: Response) -> Option<(Response, Option<rows::Answer>)> {
    let status = response.status();
    let is_stream = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    let says_nothing = [
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    if status.is_server_error() || says_nothing.contains(&status) || is_stream {
        return Some((response, None));
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, LONGEST).await.ok()?;
    let mut headers: BTreeMap<String, String> = KEPT
        .iter()
        .filter_map(|name| {
            Some((
                name.to_string(),
                parts.headers.get(name)?.to_str().ok()?.to_owned(),
            ))
        })
        .collect();
    let content = match parts.extensions.get::<Failure>() {
        Some(failure) => {
            headers.insert(PROBLEM.to_owned(), String::new());
            serde_json::to_vec(failure).ok()?
        }
        None => body.to_vec(),
    };
    let answer = rows::Answer {
        status: status.as_u16(),
        headers,
        body: content.into(),
    };
    Some((Response::from_parts(parts, Body::from(body)), Some(answer)))
}

fn replayed(answer: &rows::Answer) -> Response {
    let body = answer.body.expose_secret();
    let mut response = if answer.headers.contains_key(PROBLEM) {
        match serde_json::from_slice::<Failure>(body) {
            Ok(failure) => failure.into_response(),
            Err(_) => {
                Failure::from(Problem::internal("an answer that was kept cannot be read")).into_response()
            }
        }
    } else {
        let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, body.to_vec()).into_response()
    };
    let headers = response.headers_mut();
    for name in KEPT {
        match answer
            .headers
            .get(name.as_str())
            .map(|value| HeaderValue::from_str(value))
        {
            Some(Ok(value)) => drop(headers.insert(name, value)),
            _ => drop(headers.remove(name)),
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

fn running() -> Response {
    let problem = Problem::new(
        Code::IdempotencyInProgress,
        "The request with this Idempotency-Key is still running",
        "Send it again a little later: its answer is kept for you.",
    );
    let mut response = Failure::from(problem).into_response();
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn mismatch() -> Failure {
    Problem::new(
        Code::IdempotencyMismatch,
        "This Idempotency-Key was sent with another request",
        "Make a new key for each request; repeat one only with the very same method, path and body.",
    )
    .into()
}

#[cfg(test)]
mod tests;
