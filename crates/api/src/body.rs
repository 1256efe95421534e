//! What a request says, read with faults named by field.
//!
//! serde's own messages repeat what was sent, which may be a secret: only what was expected is told.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use ocore_domain::{Code, Problem};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use crate::problem::Failure;

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        if !is_json(request.headers()) {
            let problem = Problem::new(
                Code::InvalidRequest,
                "The body is not declared as JSON",
                "Send the header `Content-Type: application/json`.",
            );
            return Err(Failure::from(problem).with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| unreadable(rejection.status()))?;
        // serde would take an array for the fields in their order.
        if body.trim_ascii_start().first() == Some(&b'[') {
            return Err(Failure::field("body", "must be an object"));
        }
        let mut json = serde_json::Deserializer::from_slice(&body);
        let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = error.path().to_string();
            fault(&path, &error.into_inner())
        })?;
        json.end().map_err(|error| fault(".", &error))?;
        Ok(Self(value))
    }
}

/// A body that is too long, or that broke off.
pub(crate) fn unreadable(status: StatusCode) -> Failure {
    let problem = Problem::new(
        Code::InvalidRequest,
        "The body cannot be read",
        format!("Send a body of at most {} bytes.", crate::BODY_LIMIT),
    );
    Failure::from(problem).with_status(status)
}

fn is_json(headers: &HeaderMap) -> bool {
    let declared = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    declared.is_some_and(|kind| {
        kind.split(';')
            .next()
            .is_some_and(|k| k.trim() == "application/json")
    })
}

fn fault(path: &str, error: &serde_json::Error) -> Failure {
    if error.is_data() {
        return expected(path, &error.to_string());
    }
    Problem::new(
        Code::InvalidRequest,
        format!(
            "The body is not JSON from line {}, column {} on",
            error.line(),
            error.column()
        ),
        "Send a JSON object.",
    )
    .into()
}

/// What serde expected at a path, without what it found there.
fn expected(path: &str, message: &str) -> Failure {
    let message = message.split(" at line ").next().unwrap_or_default();
    let names_a_field = ["missing field", "unknown field", "duplicate field"]
        .iter()
        .find_map(|fault| {
            let name = message.strip_prefix(fault)?.trim().split('`').nth(1)?;
            let parent = path.strip_suffix(name).unwrap_or(path).trim_matches('.');
            let field = if parent.is_empty() {
                name.to_owned()
            } else {
                format!("{parent}.{name}")
            };
            Some((field, *fault))
        });
    match names_a_field {
        Some((field, "missing field")) => Failure::field(&field, "is missing"),
        Some((field, "duplicate field")) => Failure::field(&field, "stands twice"),
        Some((field, _)) => Failure::field(&field, "is not known"),
        None => {
            let wanted = match message.rsplit_once(", expected ") {
                Some((_, wanted)) => wanted,
                None if message.contains("integer") || message.contains("digit") => "a number",
                None if message.contains("`true` or `false`") => "`true` or `false`",
                None => "valid",
            };
            Failure::field(
                if path == "." { "body" } else { path },
                &format!("must be {wanted}"),
            )
        }
    }
}

/// The query string.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|query| Self(query.0))
            .map_err(|rejection| {
                let text = rejection.body_text();
                let message = text
                    .strip_prefix("Failed to deserialize query string: ")
                    .unwrap_or(&text);
                // With a path in front, unless serde could not tell where it was.
                let known = ["missing field", "unknown field", "duplicate field"];
                match message.split_once(": ") {
                    Some((path, message)) if !known.iter().any(|k| path.starts_with(k)) => {
                        expected(path, message)
                    }
                    _ => expected(".", message),
                }
            })
    }
}

/// Tells `null` from a field that is not there.
#[expect(clippy::option_option, reason = "not given, null, or a value: three cases")]
pub(crate) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    field: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(field).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(path: &str, message: &str) -> String {
        format!("{:?}", expected(path, message))
    }

    #[test]
    fn what_was_sent_is_not_repeated() {
        for message in [
            "invalid type: string \"canary\", expected u16 at line 1 column 9",
            "unknown variant `canary`, expected one of `local`, `key` at line 1 column 9",
            "invalid value: string \"a, expected canary\", expected a port",
            "canary",
        ] {
            let told = told("port", message);
            assert!(told.contains("\"port\""), "{told}");
            assert!(!told.contains("canary"), "{told}");
        }
    }

    #[test]
    fn fields_are_named() {
        assert!(told(".", "missing field `name` at line 1 column 2").contains("name is missing"));
        assert!(told("nmae", "unknown field `nmae`, expected `name`").contains("nmae is not known"));
    }
}
