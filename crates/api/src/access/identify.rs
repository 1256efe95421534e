//! Finds out who sent a request, once for each.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header, request::Parts},
    middleware::Next,
    response::Response,
};
use ocore_domain::SessionId;
use ocore_identity::access_token::Invalid;
use ocore_store::{agents, api_keys, sessions};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::{
    Actor, Membership, Principal,
    allowed::{Origin, unauthenticated},
    cookies,
    principal::forbidden,
};
use crate::{
    Api, idempotency,
    limits::{Class, network},
    problem::{Answer, Failure},
    request::RequestId,
};

/// How the keys for programs begin.
const KEY: &str = "ocore_";

/// What is known of a request's sender.
#[derive(Clone, Debug)]
pub(crate) struct Identified {
    /// Who it is; nobody, when the request bears no credentials; or why those it bears are refused.
    pub(crate) principal: Result<Option<Principal>, Failure>,
    pub(crate) origin: Origin,
}

/// Notes for the rest of the request who sent it. It refuses nobody: what a route requires is its own matter.
pub(crate) async fn identify(State(api): State<Api>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let principal = principal(&api, &parts).await;
    let origin = Origin {
        address: api.installation.settings.proxies.address(&parts),
        user_agent: text(&parts.headers, "user-agent").map(|agent| agent.chars().take(300).collect()),
        request_id: parts
            .extensions
            .get::<RequestId>()
            .map(|id| id.0.clone())
            .unwrap_or_default(),
    };
    if let Ok(Some(principal)) = &principal {
        parts.extensions.insert(idempotency::Principal(principal.key()));
        if let Some(of) = &principal.membership {
            parts.extensions.insert(idempotency::Tenant(of.organization));
        }
    }
    parts.extensions.insert(Identified { principal, origin });
    next.run(Request::from_parts(parts, body)).await
}

/// Under what the requests of one sender are counted, and as what.
pub(crate) fn sender(request: &Request) -> Option<(Class, String)> {
    // Whoever watches whether oCore is well is not to be told that it is not.
    if !request.uri().path().starts_with("/api/") {
        return None;
    }
    let Identified { principal, origin } = request.extensions().get()?;
    let class = Class::of(request.method());
    if let Ok(Some(principal)) = principal {
        return Some((class, principal.key()));
    }
    let network = network(origin.address?);
    let is_login = class == Class::Change && request.uri().path().starts_with("/api/auth/");
    let class = if is_login { Class::Login } else { class };
    Some((class, format!("address {network}")))
}

/// Who bears the credentials of a request; nobody, when there are none.
pub(super) async fn principal(api: &Api, parts: &Parts) -> Answer<Option<Principal>> {
    let slug = text(&parts.headers, "x-org-slug");
    if let Some(token) = bearer(&parts.headers)? {
        if api.installation.is_metrics_token(&token) {
            return metrics_only(parts);
        }
        return if token.expose_secret().starts_with(agents::TOKEN) {
            api.agents.open(&api.store, &token).await.map(Some)
        } else if token.expose_secret().starts_with(KEY) {
            by_key(api, &token, slug).await.map(Some)
        } else {
            by_session(api, &token, slug).await.map(Some)
        };
    }
    let Some(token) = cookies::get(&parts.headers, cookies::ACCESS) else {
        return Ok(None);
    };
    cookies::refuse_cross_site(api, &parts.method, &parts.headers)?;
    by_session(api, &token.into(), slug).await.map(Some)
}

/// Who bears the token for figures may read those, and nothing else.
fn metrics_only(parts: &Parts) -> Answer<Option<Principal>> {
    if !["/metrics", "/metrics/fleet"].contains(&parts.uri.path()) {
        return Err(unauthenticated("The token is for `/metrics` only"));
    }
    Ok(Some(Principal {
        actor: Actor::ApiKey {
            id: Uuid::nil().into(),
            name: "OCORE_METRICS_TOKEN".to_owned(),
        },
        membership: None,
        is_server_admin: true,
    }))
}

async fn by_session(api: &Api, token: &SecretString, slug: Option<&str>) -> Answer<Principal> {
    let claims = api
        .installation
        .signer
        .read(token.expose_secret())
        .map_err(|invalid| match invalid {
            Invalid::Expired => {
                unauthenticated("The access token has expired; POST /api/auth/refresh gives another")
            }
            Invalid::Forged => unauthenticated("The access token is not valid"),
        })?;
    let session = SessionId::from(claims.session);
    let mut conn = api.store.store().connection().await?;
    let found = sessions::open(&mut conn, session, claims.user.into(), slug).await?;
    let found = found.ok_or_else(|| unauthenticated("The session has ended"))?;
    let membership = found.membership.map(|of| Membership {
        organization: of.organization,
        slug: of.slug,
        permissions: of.permissions,
        is_owner: of.is_owner,
        scope: of.scope,
        lacks_passkey: of.requires_passkey && found.method != "passkey",
    });
    Ok(Principal {
        actor: Actor::User {
            id: found.user,
            email: found.email,
            name: found.name,
            session,
            method: found.method,
        },
        membership,
        is_server_admin: found.is_server_admin,
    })
}

async fn by_key(api: &Api, key: &SecretString, slug: Option<&str>) -> Answer<Principal> {
    let mut conn = api.store.store().connection().await?;
    let key = api_keys::open(&mut conn, key)
        .await?
        .ok_or_else(|| unauthenticated("The API key is not valid, or not any more"))?;
    if slug.is_some_and(|slug| slug != key.organization_slug) {
        return Err(forbidden(
            "The API key belongs to another organization than the header `X-Org-Slug` names",
            "Leave the header out, or use a key of that organization.",
        ));
    }
    Ok(Principal {
        is_server_admin: key.is_server_admin,
        actor: Actor::ApiKey {
            id: key.id,
            name: key.name,
        },
        membership: Some(Membership {
            organization: key.organization,
            slug: key.organization_slug,
            permissions: key.permissions,
            is_owner: false,
            scope: key.scope,
            lacks_passkey: false,
        }),
    })
}

/// The token in the header `Authorization`.
fn bearer(headers: &HeaderMap) -> Answer<Option<SecretString>> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let token = value.to_str().ok().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.into())
    });
    token
        .map(Some)
        .ok_or_else(|| unauthenticated("The header `Authorization` holds no bearer token"))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
