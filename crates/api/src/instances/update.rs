//! `PUT /api/instances/{id}`: another name, other settings, other environment variables.

use std::collections::BTreeMap;

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use ocore_domain::instance::Settings;
use ocore_operations::instance_update;
use ocore_store::{
    PgConnection, Sealer,
    instances::{self as rows, Environment},
    servers,
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Instance, environment, find, settings::changes, taken, view_of};
use crate::{
    Api,
    access::{Act, Allowed, Instances, Manage},
    body::{Json, given},
    checks::Checks,
    operations::{self, Operation},
    problem::Answer,
    revision::{IfMatch, Tagged},
};

/// What is to change; what is not given stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateInstance {
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    image: Option<String>,
    workers: Option<u32>,
    max_cron_threads: Option<u32>,
    /// Follows the workers until it is given.
    memory_limit_bytes: Option<u64>,
    /// In thousandths of a core; null: what the workers need.
    #[serde(default, deserialize_with = "given")]
    #[expect(clippy::option_option, reason = "not given, null, or a value: three cases")]
    #[schema(value_type = Option<u32>)]
    cpu_limit_millis: Option<Option<u32>>,
    limit_memory_soft: Option<u64>,
    limit_memory_hard: Option<u64>,
    limit_time_cpu: Option<u32>,
    limit_time_real: Option<u32>,
    log_level: Option<String>,
    /// All environment variables: null keeps a value, one that is left out is removed.
    #[schema(value_type = Option<std::collections::HashMap<String, Option<String>>>, write_only)]
    env_vars: Option<BTreeMap<String, Option<SecretString>>>,
}

/// An instance, and the operation that changes it, if one is needed.
#[derive(Serialize, ToSchema)]
pub(super) struct InstanceUpdated {
    instance: Instance,
    operation: Option<Operation>,
}

/// Change an instance
///
/// Other settings need another container: an operation makes it, and goes back to the old one should it not serve. The
/// revision rises with the name at once, and with the settings when the operation is done.
#[utoipa::path(
    put, path = "/api/instances/{id}", operation_id = "updateInstance", tag = "instances", request_body = UpdateInstance,
    params(
        ("id" = String, Path, description = "Id, slug or name"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that was read; without it, whatever changed meanwhile"),
    ),
    responses((status = 202, body = InstanceUpdated, headers(("ETag" = String, description = "The instance's revision"))))
)]
pub(super) async fn update(
    allowed: Allowed<Manage<Instances>>,
    State(api): State<Api>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Json(body): Json<UpdateInstance>,
) -> Answer<(StatusCode, Tagged<InstanceUpdated>)> {
    let mut change = allowed.change().await?;
    let instance = find(&mut change, allowed.organization()?, &id).await?;
    servers::lock(&mut change, instance.server_id).await?;
    rows::lock(&mut change, instance.id).await?;
    // As it is now that nobody else changes it.
    let instance = find(&mut change, allowed.organization()?, &instance.id.to_string()).await?;
    if_match.check(instance.revision)?;
    let before = super::view_of(&mut change, instance.id).await?;
    let operation = match body.apply(&mut change, api.store.sealer(), &instance).await? {
        None => None,
        Some((settings, variables)) => {
            let sealer = api.store.sealer();
            let requested =
                instance_update::request(&mut change, sealer, &instance, &settings, &variables).await;
            Some(operations::requested(&allowed, instance.id.uuid(), requested).await?)
        }
    };
    let answer = InstanceUpdated {
        instance: view_of(&mut change, instance.id).await?,
        operation: match operation {
            Some(id) => Some(operations::view_of(&mut change, id).await?),
            None => None,
        },
    };
    let after = find(&mut change, allowed.organization()?, &instance.id.to_string()).await?;
    let act = Act::new("instance.settings_updated").on("instance", instance.id, &instance.name);
    operations::begin(&api, change, act.before(&before).after(&answer)).await?;
    let tagged = Tagged {
        revision: after.revision,
        body: answer,
    };
    Ok((StatusCode::ACCEPTED, tagged))
}

impl UpdateInstance {
    /// Gives the instance its other name, and answers the settings and variables for which it needs another container.
    async fn apply(
        mut self,
        tx: &mut PgConnection,
        sealer: &Sealer,
        instance: &rows::Instance,
    ) -> Answer<Option<(Settings, Environment)>> {
        let settings = changes!(self).over(&instance.settings)?;
        let before = rows::environment(tx, sealer, instance).await?;
        let variables = match self.env_vars {
            Some(wanted) => environment::changed(wanted, &before)?,
            None => before.clone(),
        };
        if let Some(name) = self.name.filter(|name| *name != instance.name) {
            let mut checks = Checks::default();
            checks.name(&name);
            checks.done()?;
            rows::rename(tx, instance.id, &name)
                .await
                .map_err(|error| taken(error, &name, &instance.slug))?;
        }
        let same = settings == instance.settings.0 && environment::same(&variables, &before);
        Ok((!same).then_some((settings, variables)))
    }
}
