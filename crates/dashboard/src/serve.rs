//! How files are served.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    encoding::Encoding,
    files::{File, Files},
    headers,
};

const INDEX: &str = "index.html";
/// Files in here are named after what they hold: under one name there is never anything else.
const IMMUTABLE: &str = "_app/immutable/";
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Kept, and asked for anew each time whether it is still the same.
const ASKED_ANEW: &str = "no-cache";
const NOT_BUILT: &str = "this build has no dashboard: `cargo xtask web` builds it\n";

/// What the dashboard is told of the installation.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Whether people reach oCore by https.
    pub is_https: bool,
}

/// What serves the dashboard from files. It answers every path there is.
pub fn router(files: impl Files, settings: Settings) -> Router {
    let dashboard = Dashboard {
        files,
        settings,
        policy: Mutex::new(None),
    };
    Router::new()
        .fallback(answer)
        .with_state(Arc::new(dashboard) as Arc<dyn Answers>)
}

struct Dashboard<F> {
    files: F,
    settings: Settings,
    /// What the page may do, with the hash of the page: it is found out once, and in a debug build after each change.
    policy: Mutex<Option<([u8; 32], HeaderValue)>>,
}

trait Answers: Send + Sync {
    fn answer(&self, method: &Method, path: &str, asked: &HeaderMap) -> Response;
}

async fn answer(State(dashboard): State<Arc<dyn Answers>>, request: Request) -> Response {
    dashboard.answer(request.method(), request.uri().path(), request.headers())
}

impl<F: Files> Answers for Dashboard<F> {
    fn answer(&self, method: &Method, path: &str, asked: &HeaderMap) -> Response {
        let index = self.files.get(INDEX);
        let mut response = if ![Method::GET, Method::HEAD].contains(method) {
            let allowed = [(header::ALLOW, "GET, HEAD")];
            (StatusCode::METHOD_NOT_ALLOWED, allowed).into_response()
        } else if let Some(index) = &index {
            self.file(path, index, asked)
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, NOT_BUILT).into_response()
        };
        headers::secure(
            response.headers_mut(),
            self.policy(index.as_ref()),
            self.settings.is_https,
        );
        if method == Method::HEAD {
            // Its length stays in the headers.
            *response.body_mut() = Body::empty();
        }
        response
    }
}

impl<F: Files> Dashboard<F> {
    /// The file at a path; where there is none and it could be the address of a page, the page.
    fn file(&self, path: &str, index: &File, asked: &HeaderMap) -> Response {
        let path = path.trim_start_matches('/');
        if let Some(file) = self.own(path) {
            return self.found(path, &file, asked);
        }
        let name = path.rsplit('/').next().unwrap_or_default();
        if name.contains('.') {
            return (StatusCode::NOT_FOUND, "there is no such file\n").into_response();
        }
        self.found(INDEX, index, asked)
    }

    /// A file that may be asked for by its name: one that is there, within the folder, and no smaller form of another.
    fn own(&self, path: &str) -> Option<File> {
        let is_strange = path
            .split('/')
            .any(|name| name.is_empty() || name.starts_with('.'));
        if is_strange || Encoding::whole(path).is_some_and(|whole| self.files.get(whole).is_some()) {
            return None;
        }
        self.files.get(path)
    }

    fn found(&self, path: &str, file: &File, asked: &HeaderMap) -> Response {
        let smaller = Encoding::accepted(asked).find_map(|encoding| {
            let file = self.files.get(&format!("{path}{}", encoding.suffix()))?;
            Some((Some(encoding), file))
        });
        let (encoding, file) = smaller.unwrap_or_else(|| (None, file.clone()));
        let mut headers = HeaderMap::new();
        let cached = if path.starts_with(IMMUTABLE) {
            FOR_EVER
        } else {
            ASKED_ANEW
        };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cached));
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        // Each form is a file of its own, and has a hash of its own.
        let tag = format!("\"{}\"", hex::encode(&file.hash[..16]));
        let is_known = is_known(asked, &tag);
        if let Ok(tag) = HeaderValue::try_from(tag) {
            headers.insert(header::ETAG, tag);
        }
        if is_known {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        if let Some(encoding) = encoding {
            headers.insert(
                header::CONTENT_ENCODING,
                HeaderValue::from_static(encoding.name()),
            );
        }
        headers.insert(header::CONTENT_TYPE, media_type(path));
        headers.insert(header::CONTENT_LENGTH, file.bytes.len().into());
        (headers, file.bytes).into_response()
    }

    fn policy(&self, index: Option<&File>) -> HeaderValue {
        let Some(index) = index else {
            return headers::policy(b"");
        };
        let mut known = self.policy.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some((of, policy)) if *of == index.hash => policy.clone(),
            _ => {
                let policy = headers::policy(&index.bytes);
                *known = Some((index.hash, policy.clone()));
                policy
            }
        }
    }
}

/// Whether the caller has what bears this tag.
fn is_known(asked: &HeaderMap, tag: &str) -> bool {
    asked
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

fn media_type(path: &str) -> HeaderValue {
    let guess = mime_guess::from_path(path).first_or_octet_stream();
    let is_text = guess.type_() == mime_guess::mime::TEXT
        || ["javascript", "json", "xml"].contains(&guess.subtype().as_str())
        || guess.suffix().is_some();
    let text = if is_text {
        format!("{}; charset=utf-8", guess.essence_str())
    } else {
        guess.essence_str().to_owned()
    };
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"))
}

#[cfg(test)]
mod tests;
