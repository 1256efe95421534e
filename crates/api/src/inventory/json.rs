//! The inventory for programs.

use chrono::{DateTime, SecondsFormat, Utc};
use ocore_domain::{
    InstanceId, ServerId,
    instance::{EnvironmentType, InstanceStatus},
    server::ServerStatus,
};
use ocore_store::inventory::{Entry, Listed};
use serde::Serialize;
use utoipa::ToSchema;

/// Servers and what is on each.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Inventory {
    /// The organization's name.
    organization: String,
    /// When this was read.
    written_at: DateTime<Utc>,
    servers: Vec<ListedServer>,
}

/// A server in the inventory.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ListedServer {
    id: ServerId,
    name: String,
    description: String,
    host: String,
    port: i32,
    status: ServerStatus,
    os_name: Option<String>,
    os_version: Option<String>,
    cpu_cores: Option<u32>,
    ram_total_bytes: Option<u64>,
    disk_total_bytes: Option<u64>,
    docker_version: Option<String>,
    /// Null for who may not view instances.
    instances: Option<Vec<ListedInstance>>,
}

/// An instance in the inventory.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ListedInstance {
    id: InstanceId,
    name: String,
    slug: String,
    odoo_version: String,
    environment_type: EnvironmentType,
    status: InstanceStatus,
    workers: u32,
    memory_limit_bytes: u64,
}

pub(super) fn head(organization: &str, now: DateTime<Utc>) -> String {
    // A text is always written as JSON.
    let organization = serde_json::Value::from(organization);
    let now = now.to_rfc3339_opts(SecondsFormat::Micros, true);
    format!("{{\"organization\":{organization},\"writtenAt\":\"{now}\",\"servers\":[")
}

pub(super) const END: &str = "]}\n";

pub(super) fn servers(entries: &[Entry], is_first: bool) -> serde_json::Result<String> {
    let mut text = String::new();
    for (index, entry) in entries.iter().enumerate() {
        text.push_str(if is_first && index == 0 { "\n" } else { ",\n" });
        text.push_str(&serde_json::to_string(&listed(entry))?);
    }
    Ok(text)
}

fn listed(entry: &Entry) -> ListedServer {
    let facts = entry.facts.as_ref().map(|facts| &facts.0);
    let listed = |instance: &Listed| ListedInstance {
        id: instance.id,
        name: instance.name.clone(),
        slug: instance.slug.clone(),
        odoo_version: instance.odoo_version.clone(),
        environment_type: instance.environment_type,
        status: instance.status,
        workers: instance.workers,
        memory_limit_bytes: instance.memory_limit_bytes,
    };
    let instances = entry.instances.as_ref();
    ListedServer {
        id: entry.id,
        name: entry.name.clone(),
        description: entry.description.clone(),
        host: entry.host.clone(),
        port: entry.port,
        status: entry.status,
        os_name: facts.map(|facts| facts.os_name.clone()),
        os_version: facts.map(|facts| facts.os_version.clone()),
        cpu_cores: facts.map(|facts| facts.cpu_cores),
        ram_total_bytes: facts.map(|facts| facts.ram_total_bytes),
        disk_total_bytes: facts.map(|facts| facts.disk_total_bytes),
        docker_version: facts.map(|facts| facts.docker_version.clone()),
        instances: instances.map(|instances| instances.iter().map(listed).collect()),
    }
}
