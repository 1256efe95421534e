//! Two editors do not overwrite one another: the `ETag` of an answer tells how often people changed the thing, and a change
//! with `If-Match` is made only if that is still so.
//!
//! A change without `If-Match` is made whatever happened meanwhile. A tag that a proxy weakened by compressing the answer
//! (`W/"3"`) is taken too: it still tells which revision was read, and nothing else is compared.

use axum::{
    Json,
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, header, request::Parts},
    response::{IntoResponse, Response},
};
use ocore_domain::{Code, Problem};
use serde::Serialize;

use crate::problem::{Answer, Failure};

/// On which revisions a change may be made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// On any.
    Any,
    /// On one that is tagged so.
    OneOf(Vec<String>),
}

impl IfMatch {
    /// Goes on only when the thing is as it was read. To be called in the transaction of the change, and after the row is
    /// locked.
    pub(crate) fn check(&self, revision: i64) -> Answer<()> {
        match self {
            Self::OneOf(tags) if !tags.contains(&revision.to_string()) => Err(Problem::new(
                Code::PreconditionFailed,
                "Somebody else changed it since it was read",
                "Read it again, and send the change with the `ETag` that comes with it as `If-Match`.",
            )
            .into()),
            _ => Ok(()),
        }
    }

    fn of(headers: &HeaderMap) -> Option<Self> {
        let mut tags = Vec::new();
        for value in headers.get_all(header::IF_MATCH) {
            let value = value.to_str().ok()?.trim();
            if value == "*" {
                return Some(Self::Any);
            }
            let mut rest = value;
            while !rest.is_empty() {
                let tag = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"')?;
                let (tag, after) = tag.split_once('"')?;
                tags.push(tag.to_owned());
                let after = after.trim_start();
                rest = match after.strip_prefix(',') {
                    Some(next) => next.trim_start(),
                    None if after.is_empty() => after,
                    None => return None,
                };
            }
        }
        // An empty header demands what nothing fulfils; none at all demands nothing.
        Some(if headers.contains_key(header::IF_MATCH) {
            Self::OneOf(tags)
        } else {
            Self::Any
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        Self::of(&parts.headers).ok_or_else(|| {
            Problem::new(
                Code::InvalidRequest,
                "The header `If-Match` holds no entity tags",
                "Send what the header `ETag` said, quotes and all, for example `If-Match: \"3\"`; or `*`.",
            )
            .into()
        })
    }
}

/// An answer with the revision of what it shows.
pub(crate) struct Tagged<T> {
    pub(crate) revision: i64,
    pub(crate) body: T,
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.body).into_response();
        // Digits and quotes always make a header.
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", self.revision)) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Option<IfMatch> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_MATCH, value.parse().unwrap());
        }
        IfMatch::of(&headers)
    }

    #[test]
    fn tags_are_read() {
        let tags = |tags: &[&str]| Some(IfMatch::OneOf(tags.iter().map(|&tag| tag.to_owned()).collect()));
        assert_eq!(read(&[]), Some(IfMatch::Any));
        assert_eq!(read(&["*"]), Some(IfMatch::Any));
        assert_eq!(read(&["\"3\""]), tags(&["3"]));
        assert_eq!(read(&["W/\"3\" , \"a,b\""]), tags(&["3", "a,b"]));
        assert_eq!(read(&["\"3\"", "\"4\""]), tags(&["3", "4"]));
        assert_eq!(read(&[""]), tags(&[]));
        for bad in ["3", "\"3", "\"3\" \"4\"", "w/\"3\""] {
            assert_eq!(read(&[bad]), None, "{bad}");
        }
    }

    #[test]
    fn only_what_was_read_is_changed() {
        assert!(IfMatch::Any.check(7).is_ok());
        let some = IfMatch::OneOf(vec!["6".into(), "7".into()]);
        assert!(some.check(7).is_ok());
        assert_eq!(some.check(8).unwrap_err().code(), Code::PreconditionFailed);
        assert!(IfMatch::OneOf(vec![]).check(1).is_err());
    }
}
