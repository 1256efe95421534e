//! `PUT /api/org`: another name, slug or logo.

use ocore_store::organizations as rows;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Organization, again, check_name, check_slug, lock};
use crate::{
    access::{Act, Allowed, Manage, Organization as OfOrganization},
    body::{Json, given},
    checks::Checks,
    problem::{Answer, Failure},
    revision::{IfMatch, Tagged},
};

/// What is to change; what is not given stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateOrganization {
    #[schema(min_length = 2, max_length = 100)]
    name: Option<String>,
    /// 3 to 50 lower-case letters, digits and inner hyphens. Programs that name it in `X-Org-Slug` must follow.
    slug: Option<String>,
    /// Where its logo is, by https; null: it has none.
    #[serde(default, deserialize_with = "given")]
    #[expect(clippy::option_option, reason = "not given, null, or a value: three cases")]
    #[schema(value_type = Option<String>, max_length = 2000)]
    logo_url: Option<Option<String>>,
}

/// Change the organization
#[utoipa::path(
    put, path = "/api/org", operation_id = "updateOrganization", tag = "organizations",
    request_body = UpdateOrganization,
    params(("If-Match" = Option<String>, Header, description = "The `ETag` that was read; without it, whatever changed meanwhile")),
    responses((status = 200, body = Organization, headers(("ETag" = String, description = "Its revision"))))
)]
pub(super) async fn update(
    allowed: Allowed<Manage<OfOrganization>>,
    if_match: IfMatch,
    Json(body): Json<UpdateOrganization>,
) -> Answer<Tagged<Organization>> {
    let mut checks = Checks::default();
    if let Some(name) = &body.name {
        check_name(&mut checks, name);
    }
    let slug = check_slug(&mut checks, body.slug);
    if let Some(Some(url)) = &body.logo_url {
        checks.that(
            is_https(url),
            "logoUrl",
            "must be an address that begins with https://, of at most 2000 characters",
        );
    }
    checks.done()?;
    let id = allowed.organization()?;
    let mut change = allowed.change().await?;
    let before = lock(&mut change, id).await?;
    if_match.check(before.revision)?;
    let name = body.name.unwrap_or_else(|| before.name.clone());
    let slug = slug.unwrap_or_else(|| before.slug.clone());
    let logo = body.logo_url.unwrap_or_else(|| before.logo_url.clone());
    rows::rename(&mut change, id, &name, &slug, logo.as_deref())
        .await
        .map_err(|error| match error.constraint() {
            Some("organizations_slug_key") => rows::taken(&slug).into(),
            _ => Failure::from(error),
        })?;
    let after = Organization::from(again(&mut change, id).await?);
    let act = Act::new("org.updated").on("organization", id, &after.name);
    change
        .commit(act.before(&Organization::from(before)).after(&after))
        .await?;
    Ok(after.tagged())
}

fn is_https(text: &str) -> bool {
    let host = text
        .parse::<axum::http::Uri>()
        .ok()
        .filter(|uri| uri.scheme_str() == Some("https"))
        .and_then(|uri| uri.authority().cloned());
    text.len() <= 2000 && host.is_some_and(|host| !host.host().is_empty() && !host.as_str().contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logo_comes_by_https() {
        assert!(is_https("https://example.com/logo.png?size=2"));
        for bad in [
            "",
            "http://example.com/logo.png",
            "javascript:alert(1)",
            "//example.com",
            "https://",
            "https://user:password@example.com",
            "https://example.com/a b",
        ] {
            assert!(!is_https(bad), "{bad}");
        }
    }
}
