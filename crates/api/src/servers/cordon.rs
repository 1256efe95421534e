//! `POST /api/servers/{id}/cordon`, `/uncordon` and `/drain`: a server takes nothing new, takes instances again, is emptied.

use axum::extract::{Path, State};
use ocore_domain::{
    Code, Problem,
    access::{Permission, Resource},
};
use ocore_operations::server_drain;
use ocore_store::servers as rows;

use super::{Accepted, Server, ServerAccepted, accepted, find, view, view_of};
use crate::{
    Api,
    access::{Act, Allowed, Manage, Servers},
    operations,
    problem::Answer,
    revision::Tagged,
};

/// Cordon a server
///
/// It takes no new instance; those on it go on.
#[utoipa::path(
    post, path = "/api/servers/{id}/cordon", operation_id = "cordonServer", tag = "servers",
    params(("id" = String, Path, description = "Id or name")),
    responses((status = 200, body = Server, headers(("ETag" = String, description = "The server's revision"))))
)]
pub(super) async fn cordon(
    allowed: Allowed<Manage<Servers>>,
    Path(id): Path<String>,
) -> Answer<Tagged<Server>> {
    set(&allowed, &id, true).await
}

/// Let a server take instances again
#[utoipa::path(
    post, path = "/api/servers/{id}/uncordon", operation_id = "uncordonServer", tag = "servers",
    params(("id" = String, Path, description = "Id or name")),
    responses((status = 200, body = Server, headers(("ETag" = String, description = "The server's revision"))))
)]
pub(super) async fn uncordon(
    allowed: Allowed<Manage<Servers>>,
    Path(id): Path<String>,
) -> Answer<Tagged<Server>> {
    set(&allowed, &id, false).await
}

async fn set(allowed: &Allowed<Manage<Servers>>, id: &str, cordoned: bool) -> Answer<Tagged<Server>> {
    let mut change = allowed.change().await?;
    let server = find(&mut change, allowed.organization()?, id).await?;
    // Whoever is about to place something there comes before or after.
    rows::lock(&mut change, server.id).await?;
    let before = view_of(&mut change, server.id).await?;
    rows::set_cordoned(&mut change, server.id, cordoned).await?;
    let after = find(&mut change, allowed.organization()?, &server.id.to_string()).await?;
    let answer = Tagged {
        revision: after.revision,
        body: view(&mut change, after).await?,
    };
    let action = if cordoned {
        "server.cordoned"
    } else {
        "server.uncordoned"
    };
    let act = Act::new(action).on("server", server.id, &server.name);
    change.commit(act.before(&before).after(&answer.body)).await?;
    Ok(answer)
}

/// Drain a server
///
/// It is cordoned, and an operation moves its instances to other servers, one after another. It takes the permission
/// to manage instances too, without limits.
#[utoipa::path(
    post, path = "/api/servers/{id}/drain", operation_id = "drainServer", tag = "servers",
    params(("id" = String, Path, description = "Id or name")),
    responses((status = 202, body = ServerAccepted))
)]
pub(super) async fn drain(
    allowed: Allowed<Manage<Servers>>,
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Answer<Accepted> {
    let mut change = allowed.change().await?;
    let server = find(&mut change, allowed.organization()?, &id).await?;
    allowed.require(Permission::manage(Resource::Instances))?;
    if !allowed.membership()?.scope.is_whole() {
        return Err(Problem::new(
            Code::Forbidden,
            "Your grant is limited, and a drain moves every instance of the server to whichever server suits",
            "Ask somebody whose grant is not limited, or move the instances one by one.",
        )
        .into());
    }
    let before = view_of(&mut change, server.id).await?;
    let requested = server_drain::request(&mut change, &server).await;
    let operation = operations::requested(&allowed, server.id.uuid(), requested).await?;
    let answer = accepted(&mut change, server.id, operation).await?;
    let act = Act::new("server.drained").on("server", server.id, &server.name);
    operations::begin(&api, change, act.before(&before).after(&answer.1.server)).await?;
    Ok(answer)
}
