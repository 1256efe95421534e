//! Instances: one Odoo each.

mod control;
mod create;
mod delete;
mod environment;
mod logs;
mod metrics;
mod read;
mod relocate;
mod settings;
mod update;

use std::collections::BTreeMap;

use axum::{Json, http::StatusCode};
use chrono::{DateTime, Utc};
use ocore_domain::{
    Code, InstanceId, OperationId, OrganizationId, Problem, ServerId, Slug,
    instance::{Edition, EnvironmentType, Health, InstanceStatus, Settings},
};
use ocore_store::{PgConnection, instances as rows};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::{Routes, guarded},
    operations::{self, Operation},
    problem::{Answer, Failure},
};

/// Odoo's own ports, inside the container.
const HTTP_PORT: u16 = 8069;
const LONGPOLLING_PORT: u16 = 8072;
/// The login of the first administrator.
const ADMIN: &str = "admin";

pub(crate) fn routes() -> Routes {
    Routes::default()
        .with(guarded!(read::list))
        .with(guarded!(create::create))
        .with(guarded!(read::show))
        .with(guarded!(update::update))
        .with(guarded!(delete::delete))
        .with(guarded!(control::control))
        .with(guarded!(relocate::relocate))
        .with(guarded!(logs::logs))
        .with(guarded!(metrics::metrics))
}

/// An instance.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Instance {
    id: InstanceId,
    name: String,
    slug: Slug,
    server_id: ServerId,
    server_name: String,
    odoo_version: String,
    odoo_edition: Edition,
    environment_type: EnvironmentType,
    status: InstanceStatus,
    /// Why it is in this status, when there is something to say.
    status_message: Option<String>,
    #[serde(flatten)]
    settings: Settings,
    /// The names of its environment variables; null stands for a value, which is never answered.
    #[schema(value_type = std::collections::HashMap<String, Option<String>>)]
    #[expect(clippy::zero_sized_map_values, reason = "a JSON object of nulls")]
    env_vars: BTreeMap<String, ()>,
    /// In the container.
    http_port: u16,
    /// On the server's loopback, once reserved.
    http_port_host: Option<u16>,
    /// In the container.
    longpolling_port: u16,
    /// On the server's loopback, once reserved.
    longpolling_port_host: Option<u16>,
    database_name: String,
    container_name: String,
    admin_login: &'static str,
    /// Where it is reached from the machine that oCore runs on, if it runs there too.
    url: Option<String>,
    health: Health,
    /// Why it is not healthy.
    health_detail: Option<String>,
    /// As Docker names it.
    container_state: Option<String>,
    /// Whether its page answered.
    http_ok: Option<bool>,
    /// Whether its own database answered.
    database_ok: Option<bool>,
    /// How often Docker restarted it.
    restart_count: i64,
    /// When health and container were looked at.
    observed_at: Option<DateTime<Utc>>,
    /// When it was seen healthy last.
    last_seen_at: Option<DateTime<Utc>>,
    last_restart_at: Option<DateTime<Utc>>,
    /// Whose it is: what servers are dedicated to, and what is kept apart.
    placement_group: Option<String>,
    /// Whether it stands on no server with another of its group.
    anti_affinity: bool,
    /// What it is expected to need on disk.
    disk_bytes: i64,
    /// The server that it is moving to, or was when its move failed.
    move_target_id: Option<ServerId>,
    /// The server where its old copy is still to be removed.
    move_source_id: Option<ServerId>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Instance {
    fn new(row: rows::Instance) -> Self {
        let (names, http, longpolling) = (row.names(), row.http(), row.longpolling());
        Self {
            id: row.id,
            name: row.name,
            slug: row.slug,
            server_id: row.server_id,
            server_name: row.server_name,
            odoo_version: row.odoo_version,
            odoo_edition: row.odoo_edition,
            environment_type: row.environment_type,
            status: row.status,
            status_message: row.status_message,
            settings: row.settings.0,
            env_vars: row.env_names.into_iter().map(|name| (name, ())).collect(),
            http_port: HTTP_PORT,
            http_port_host: http,
            longpolling_port: LONGPOLLING_PORT,
            longpolling_port_host: longpolling,
            database_name: names.database,
            container_name: names.container,
            admin_login: ADMIN,
            url: http
                .filter(|_| row.is_local)
                .map(|port| format!("http://127.0.0.1:{port}")),
            health: row.health,
            health_detail: row.health_detail,
            container_state: row.container_state,
            http_ok: row.http_ok,
            database_ok: row.database_ok,
            restart_count: row.restart_count,
            observed_at: row.observed_at,
            last_seen_at: row.last_seen_at,
            last_restart_at: row.last_restart_at,
            placement_group: row.placement_group,
            anti_affinity: row.anti_affinity,
            disk_bytes: row.disk_bytes,
            move_target_id: row.move_target_id,
            move_source_id: row.move_source_id,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// An instance, and the operation that was begun on it.
#[derive(Serialize, ToSchema)]
struct InstanceAccepted {
    instance: Instance,
    operation: Operation,
}

type Accepted = (StatusCode, Json<InstanceAccepted>);

/// The answer to a request that began an operation on an instance.
async fn accepted(conn: &mut PgConnection, instance: InstanceId, operation: OperationId) -> Answer<Accepted> {
    let instance = view_of(conn, instance).await?;
    let operation = operations::view_of(conn, operation).await?;
    Ok((
        StatusCode::ACCEPTED,
        Json(InstanceAccepted { instance, operation }),
    ))
}

/// The instance of this slug, name or id, if it is the bearer's.
pub(crate) async fn find(
    conn: &mut PgConnection,
    organization: OrganizationId,
    id_or_slug: &str,
) -> Answer<rows::Instance> {
    let found = rows::find(conn, organization, id_or_slug).await?;
    found.ok_or_else(|| Failure::not_found("instance", id_or_slug))
}

async fn view_of(conn: &mut PgConnection, id: InstanceId) -> Answer<Instance> {
    let row = rows::get(conn, id).await?;
    row.map(Instance::new)
        .ok_or_else(|| Failure::not_found("instance", &id.to_string()))
}

/// What the database says when a name is taken, in words.
fn taken(error: ocore_store::Error, name: &str, slug: &Slug) -> Failure {
    let (detail, mend) = match error.constraint() {
        Some("instances_name") => (
            format!("There is an instance named `{name}` already"),
            "Choose another name.",
        ),
        Some("instances_slug") => (
            format!("There is an instance with the slug `{slug}` already"),
            "Choose another name, or give another `slug`.",
        ),
        _ => return error.into(),
    };
    Problem::new(Code::NameTaken, detail, mend).into()
}
