//! Servers: Linux machines on which instances run.

mod add;
mod agent;
mod cordon;
mod metrics;
mod read;
mod remove;
mod update;
mod validate;

use std::collections::{BTreeMap, HashMap};

use axum::{Json, http::StatusCode};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use chrono::{DateTime, Utc};
use ocore_domain::{
    OperationId, OrganizationId, Problem, ServerId,
    placement::Taint,
    server::{AuthMethod, DockerRoute, Privilege, ServerFacts, ServerStatus},
};
use ocore_store::{PgConnection, servers as rows, views};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::{
    Api,
    access::{Act, Allowed, Change, InTenancy, Need, Routes, guarded},
    checks::Checks,
    operations::{self, Operation},
    problem::{Answer, Failure},
};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .with(guarded!(read::list))
        .with(guarded!(add::add))
        .with(guarded!(read::show))
        .with(guarded!(update::update))
        .with(guarded!(cordon::cordon))
        .with(guarded!(cordon::uncordon))
        .with(guarded!(cordon::drain))
        .with(guarded!(validate::validate))
        .with(guarded!(remove::remove))
        .with(guarded!(agent::show))
        .with(guarded!(agent::install))
        .with(guarded!(agent::rotate))
        .with(guarded!(agent::remove))
        .with(guarded!(metrics::metrics))
        .with(guarded!(metrics::latest))
}

/// A server.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Server {
    id: ServerId,
    name: String,
    description: String,
    host: String,
    port: i32,
    ssh_user: String,
    auth_method: AuthMethod,
    status: ServerStatus,
    /// Why it is in this status, when there is something to say.
    status_message: Option<String>,
    /// What is being done to it now.
    provisioning_step: Option<String>,
    /// Of the host key it must show, as `ssh-keygen -l` prints it.
    host_key_fingerprint: Option<String>,
    max_ssh_sessions: i32,
    #[serde(flatten)]
    facts: Facts,
    /// When it answered last.
    last_seen_at: Option<DateTime<Utc>>,
    /// When it booted last, if oCore noticed.
    last_boot_at: Option<DateTime<Utc>>,
    instance_count: i64,
    /// Where it is, by two letters (ISO 3166-1).
    country: Option<String>,
    region: Option<String>,
    labels: BTreeMap<String, String>,
    /// What it repels instances by that do not tolerate it.
    taints: Vec<Taint>,
    /// The placement group whose instances alone it takes.
    dedicated_to: Option<String>,
    /// Whether production on it stands beside nothing else.
    separate_production: bool,
    /// Since when it takes no new instance.
    cordoned_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// What was seen on a server; null until then.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Facts {
    os_name: Option<String>,
    os_version: Option<String>,
    kernel: Option<String>,
    architecture: Option<String>,
    cpu_cores: Option<u32>,
    ram_total_bytes: Option<u64>,
    /// Of the file system that holds Docker's data.
    disk_total_bytes: Option<u64>,
    disk_available_bytes: Option<u64>,
    docker_version: Option<String>,
    docker_route: Option<DockerRoute>,
    privilege: Option<Privilege>,
    /// When all this was seen.
    observed_at: Option<DateTime<Utc>>,
}

impl From<ServerFacts> for Facts {
    fn from(seen: ServerFacts) -> Self {
        Self {
            os_name: Some(seen.os_name),
            os_version: Some(seen.os_version),
            kernel: Some(seen.kernel),
            architecture: Some(seen.architecture),
            cpu_cores: Some(seen.cpu_cores),
            ram_total_bytes: Some(seen.ram_total_bytes),
            disk_total_bytes: Some(seen.disk_total_bytes),
            disk_available_bytes: Some(seen.disk_available_bytes),
            docker_version: Some(seen.docker_version),
            docker_route: Some(seen.docker_route),
            privilege: Some(seen.privilege),
            observed_at: Some(seen.observed_at),
        }
    }
}

/// A server, and the operation that was begun on it.
#[derive(Serialize, ToSchema)]
struct ServerAccepted {
    server: Server,
    operation: Operation,
}

type Accepted = (StatusCode, Json<ServerAccepted>);

/// The answer to a request that began an operation on a server.
async fn accepted(conn: &mut PgConnection, server: ServerId, operation: OperationId) -> Answer<Accepted> {
    let server = view_of(conn, server).await?;
    let operation = operations::view_of(conn, operation).await?;
    Ok((StatusCode::ACCEPTED, Json(ServerAccepted { server, operation })))
}

/// Begins what was asked for on a server, if it may be, and answers so.
async fn begun<N: Need + InTenancy>(
    api: &Api,
    allowed: &Allowed<N>,
    mut change: Change,
    server: ServerId,
    requested: Result<OperationId, Problem>,
    act: Act,
) -> Answer<Accepted> {
    let operation = operations::requested(allowed, server.uuid(), requested).await?;
    let answer = accepted(&mut change, server, operation).await?;
    operations::begin(api, change, act).await?;
    Ok(answer)
}

/// A server as it is now.
async fn view_of(conn: &mut PgConnection, server: ServerId) -> Answer<Server> {
    let row = rows::get(conn, server)
        .await?
        .ok_or_else(|| Failure::not_found("server", &server.to_string()))?;
    view(conn, row).await
}

/// The server of this name or id, if it is the bearer's.
pub(crate) async fn find(
    conn: &mut PgConnection,
    organization: OrganizationId,
    id_or_name: &str,
) -> Answer<rows::Server> {
    let found = rows::find(conn, organization, id_or_name).await?;
    found.ok_or_else(|| Failure::not_found("server", id_or_name))
}

async fn view(conn: &mut PgConnection, row: rows::Server) -> Answer<Server> {
    let mut views = views(conn, vec![row]).await?;
    views.pop().ok_or_else(|| Failure::not_found("server", ""))
}

/// Servers as they are answered: two queries more, however many they are.
async fn views(conn: &mut PgConnection, rows: Vec<rows::Server>) -> Answer<Vec<Server>> {
    let ids: Vec<ServerId> = rows.iter().map(|row| row.id).collect();
    let counts: HashMap<_, _> = rows::instance_counts(conn, &ids).await?.into_iter().collect();
    let mut steps: HashMap<_, _> = views::running_steps(conn, &ids).await?.into_iter().collect();
    let view = |row: rows::Server| Server {
        provisioning_step: steps.remove(&row.id),
        instance_count: counts.get(&row.id).copied().unwrap_or(0),
        host_key_fingerprint: row.host_key.as_deref().and_then(fingerprint),
        facts: row.facts.map(|facts| facts.0.into()).unwrap_or_default(),
        id: row.id,
        name: row.name,
        description: row.description,
        host: row.host,
        port: row.port,
        ssh_user: row.ssh_user,
        auth_method: row.auth_method,
        status: row.status,
        status_message: row.status_message,
        max_ssh_sessions: row.max_ssh_sessions,
        country: row.country,
        region: row.region,
        labels: row.labels.0,
        taints: row.taints.0,
        dedicated_to: row.dedicated_to,
        separate_production: row.separate_production,
        cordoned_at: row.cordoned_at,
        last_seen_at: row.last_seen_at,
        last_boot_at: row.last_boot_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
    };
    Ok(rows.into_iter().map(view).collect())
}

/// The fingerprint of an OpenSSH public key line.
fn fingerprint(line: &str) -> Option<String> {
    let key = STANDARD.decode(line.split_whitespace().nth(1)?).ok()?;
    Some(format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(key))))
}

fn check_fingerprint(checks: &mut Checks, fingerprint: Option<&str>) {
    let fits = |text: &str| {
        let digest = text
            .strip_prefix("SHA256:")
            .and_then(|digest| STANDARD_NO_PAD.decode(digest).ok());
        digest.is_some_and(|digest| digest.len() == 32)
    };
    checks.that(
        fingerprint.is_none_or(fits),
        "hostKeyFingerprint",
        "must be as `ssh-keygen -l` prints it: SHA256: and 43 characters",
    );
}

/// Checks what opens a server: exactly the secret that its method needs.
fn check_credentials(checks: &mut Checks, method: AuthMethod, given: &rows::Credentials) {
    let (key, passphrase, password) = (&given.private_key, &given.passphrase, &given.password);
    let method_name = method.as_str();
    let unwanted = format!("does not go with authMethod `{method_name}`");
    checks.that(
        method == AuthMethod::Key || key.is_none(),
        "sshPrivateKey",
        &unwanted,
    );
    checks.that(
        method == AuthMethod::Key || passphrase.is_none(),
        "sshKeyPassphrase",
        &unwanted,
    );
    checks.that(
        method == AuthMethod::Password || password.is_none(),
        "sshPassword",
        &unwanted,
    );
    let missing = format!("is needed for authMethod `{method_name}`");
    checks.that(
        method != AuthMethod::Key || key.is_some(),
        "sshPrivateKey",
        &missing,
    );
    checks.that(
        method != AuthMethod::Password || password.is_some(),
        "sshPassword",
        &missing,
    );
    for (field, secret) in [
        ("sshPrivateKey", key),
        ("sshKeyPassphrase", passphrase),
        ("sshPassword", password),
    ] {
        let fits = |secret: &SecretString| (1..=32 * 1024).contains(&secret.expose_secret().len());
        checks.that(
            secret.as_ref().is_none_or(fits),
            field,
            "must have 1 to 32768 bytes",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_that_of_ssh_keygen() {
        let line =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl a comment";
        assert_eq!(
            fingerprint(line).as_deref(),
            Some("SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU")
        );
        assert_eq!(fingerprint("ssh-ed25519 ***"), None);
        assert_eq!(fingerprint(""), None);
    }
}
