//! `GET /api/instances` and `GET /api/instances/{id}`.

use axum::{Json, extract::Path};
use ocore_domain::{instance::InstanceStatus, sort::InstanceSort};
use ocore_store::instances::{self as rows, Filter};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Instance, find};
use crate::{
    access::{Allowed, Instances, View},
    body::Query,
    page::{self, List},
    problem::Answer,
    revision::Tagged,
    servers,
};

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// How many at most, 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// In which order; `name` if not given. A hyphen turns it round.
    #[param(inline)]
    sort: Option<InstanceSort>,
    /// A part of name or slug.
    search: Option<String>,
    /// Only on this server, by id or name; `server_id` is understood too.
    #[serde(alias = "server_id")]
    server_id: Option<String>,
    /// Only in this status.
    status: Option<InstanceStatus>,
}

/// Instances, by name unless told otherwise
#[utoipa::path(
    get, path = "/api/instances", operation_id = "listInstances", tag = "instances", params(Wanted),
    responses((status = 200, body = List<Instance>), (status = 404, description = "There is no such server"))
)]
pub(super) async fn list(
    allowed: Allowed<View<Instances>>,
    Query(query): Query<Wanted>,
) -> Answer<Json<List<Instance>>> {
    let page = page::sorted(query.limit, query.cursor.as_deref(), query.sort)?;
    let mut conn = allowed.read().await?;
    let server = match query.server_id {
        Some(server) => Some(
            servers::find(&mut conn, allowed.organization()?, &server)
                .await?
                .id,
        ),
        None => None,
    };
    let filter = Filter {
        search: query.search,
        server,
        status: query.status,
    };
    let page = rows::list(&mut conn, allowed.organization()?, &filter, &page).await?;
    Ok(Json(page.map(Instance::new).into()))
}

/// One instance, by id, slug or name
#[utoipa::path(
    get, path = "/api/instances/{id}", operation_id = "showInstance", tag = "instances",
    params(("id" = String, Path, description = "Id, slug or name")),
    responses((status = 200, body = Instance, headers(("ETag" = String, description = "Its revision: how often people changed it"))))
)]
pub(super) async fn show(
    allowed: Allowed<View<Instances>>,
    Path(id): Path<String>,
) -> Answer<Tagged<Instance>> {
    let mut conn = allowed.read().await?;
    let instance = find(&mut conn, allowed.organization()?, &id).await?;
    let revision = instance.revision;
    Ok(Tagged {
        revision,
        body: Instance::new(instance),
    })
}
