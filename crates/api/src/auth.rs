//! Who sends a request: the bearer of a token.

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, header, request::Parts},
    middleware::Next,
    response::Response,
};
use ocore_domain::{Code, OrganizationId, Problem};
use ocore_store::tokens;
use secrecy::SecretString;

use crate::{
    Api,
    problem::{Answer, Failure},
};

/// Who sent the request. A handler that asks for it and is routed past [`require`] refuses everybody.
#[derive(Clone, Debug)]
pub(crate) struct Bearer {
    /// The tenant whose resources are seen.
    pub(crate) organization: OrganizationId,
}

/// Lets only requests with a valid token pass.
pub(crate) async fn require(State(api): State<Api>, mut request: Request, next: Next) -> Answer<Response> {
    let token = token(request.headers()).ok_or_else(|| refuse("The request bears no token"))?;
    let found = tokens::find(&mut *api.store.connection().await?, &token).await?;
    let bearer = found.ok_or_else(|| refuse("The token is not valid"))?;
    request.extensions_mut().insert(Bearer {
        organization: bearer.organization,
    });
    Ok(next.run(request).await)
}

impl<S: Sync> FromRequestParts<S> for Bearer {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        parts
            .extensions
            .get()
            .cloned()
            .ok_or_else(|| refuse("The request bears no token"))
    }
}

fn token(headers: &HeaderMap) -> Option<SecretString> {
    let (scheme, token) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.trim().into())
}

fn refuse(detail: &str) -> Failure {
    Problem::new(
        Code::Unauthenticated,
        detail,
        "Send a token in the header `Authorization: Bearer ocore_…`; `ocore admin create` makes one.",
    )
    .into()
}
