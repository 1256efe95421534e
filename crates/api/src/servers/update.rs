//! `PATCH /api/servers/{id}`: what people say of a server, and what placement goes by.

use std::collections::BTreeMap;

use axum::extract::Path;
use ocore_domain::placement::{Country, Taint};
use ocore_store::servers::{self as rows, Description};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Server, add::taken, find, view, view_of};
use crate::{
    access::{Act, Allowed, Manage, Servers},
    body::{Json, given},
    checks::Checks,
    objects::objects_if_given,
    placement::{check_group, check_labels, check_taints},
    problem::Answer,
    revision::{IfMatch, Tagged},
};

/// What is to change; what is not given stays, and null takes it away.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::option_option, reason = "not given, null, or a value: three cases")]
pub(super) struct UpdateServer {
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    #[schema(max_length = 2000)]
    description: Option<String>,
    /// Where it is, by two letters (ISO 3166-1).
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    country: Option<Option<String>>,
    /// In which region, in words of your own.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    region: Option<Option<String>>,
    /// All of them: one that is left out is taken away.
    labels: Option<BTreeMap<String, String>>,
    /// All of them. An instance that does not tolerate them is not placed here.
    #[serde(default, deserialize_with = "objects_if_given")]
    taints: Option<Vec<Taint>>,
    /// The placement group whose instances alone it takes.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    dedicated_to: Option<Option<String>>,
    /// Whether production on it stands beside nothing else.
    separate_production: Option<bool>,
}

/// Change what is said of a server
#[utoipa::path(
    patch, path = "/api/servers/{id}", operation_id = "updateServer", tag = "servers", request_body = UpdateServer,
    params(
        ("id" = String, Path, description = "Id or name"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that was read; without it, whatever changed meanwhile"),
    ),
    responses((status = 200, body = Server, headers(("ETag" = String, description = "The server's revision"))))
)]
pub(super) async fn update(
    allowed: Allowed<Manage<Servers>>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Json(body): Json<UpdateServer>,
) -> Answer<Tagged<Server>> {
    let mut change = allowed.change().await?;
    let server = find(&mut change, allowed.organization()?, &id).await?;
    rows::lock(&mut change, server.id).await?;
    // As it is now that nobody else changes it.
    let server = find(&mut change, allowed.organization()?, &server.id.to_string()).await?;
    if_match.check(server.revision)?;
    let new = body.over(&server)?;
    let before = view_of(&mut change, server.id).await?;
    rows::describe(&mut change, server.id, &new)
        .await
        .map_err(|error| taken(error, &new.name))?;
    let after = find(&mut change, allowed.organization()?, &server.id.to_string()).await?;
    let answer = Tagged {
        revision: after.revision,
        body: view(&mut change, after).await?,
    };
    let act = Act::new("server.updated").on("server", server.id, &new.name);
    change.commit(act.before(&before).after(&answer.body)).await?;
    Ok(answer)
}

impl UpdateServer {
    fn over(self, server: &rows::Server) -> Answer<Description> {
        let mut checks = Checks::default();
        if let Some(name) = &self.name {
            checks.name(name);
        }
        checks.that(
            self.description
                .as_ref()
                .is_none_or(|text| text.chars().count() <= 2000),
            "description",
            "must have at most 2000 characters",
        );
        let country = match self.country {
            Some(Some(country)) => checks
                .value("country", country.parse::<Country>())
                .map(|country| country.to_string()),
            Some(None) => None,
            None => server.country.clone(),
        };
        check_group(
            &mut checks,
            "region",
            self.region.as_ref().and_then(Option::as_deref),
        );
        check_group(
            &mut checks,
            "dedicatedTo",
            self.dedicated_to.as_ref().and_then(Option::as_deref),
        );
        if let Some(labels) = &self.labels {
            check_labels(&mut checks, "labels", labels);
        }
        if let Some(taints) = &self.taints {
            let taints = taints.iter().map(|taint| (&taint.key, taint.value.as_ref()));
            check_taints(&mut checks, "taints", taints);
        }
        checks.done()?;
        Ok(Description {
            name: self.name.unwrap_or_else(|| server.name.clone()),
            description: self.description.unwrap_or_else(|| server.description.clone()),
            country,
            region: self.region.unwrap_or_else(|| server.region.clone()),
            labels: self.labels.unwrap_or_else(|| server.labels.0.clone()),
            taints: self.taints.unwrap_or_else(|| server.taints.0.clone()),
            dedicated_to: self.dedicated_to.unwrap_or_else(|| server.dedicated_to.clone()),
            separate_production: self.separate_production.unwrap_or(server.separate_production),
        })
    }
}
