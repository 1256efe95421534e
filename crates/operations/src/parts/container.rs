//! An instance's container.

use std::time::Duration;

use ocore_domain::{
    Code, Problem,
    instance::{Names, Settings, cpu_limit_millis},
};
use ocore_fleet::{ContainerSpec, Engine, Mount, PortBinding, Restart};
use ocore_odoo::{
    Version, command,
    conf::{self, Conf},
};
use ocore_store::{
    instances::{Environment, Instance, Secrets},
    servers::Server,
};
use secrecy::SecretString;

use super::{NETWORK, instance_labels, postgres, template::conf_file};
use crate::engine::Ctx;

/// How long Odoo is given to end its requests.
const GRACE: Duration = Duration::from_secs(30);
/// Odoo's ports in its container.
const HTTP: u16 = 8069;
const LONGPOLLING: u16 = 8072;

/// Makes the container as the settings say, with its configuration in it; it does not run yet.
pub(crate) async fn create(
    ctx: &Ctx,
    engine: &Engine,
    instance: &Instance,
    settings: &Settings,
    environment: &Environment,
    secrets: &Secrets,
) -> Result<(), Problem> {
    let server = ctx.server().await?;
    create_on(engine, &server, instance, settings, environment, secrets).await
}

/// The same on a server that need not be the operation's.
pub(crate) async fn create_on(
    engine: &Engine,
    server: &Server,
    instance: &Instance,
    settings: &Settings,
    environment: &Environment,
    secrets: &Secrets,
) -> Result<(), Problem> {
    let cores = server.facts.as_ref().map_or(1, |facts| facts.cpu_cores);
    engine
        .create_container(&spec(cores, instance, settings, environment, secrets)?)
        .await
}

fn spec(
    cores: u32,
    instance: &Instance,
    settings: &Settings,
    environment: &Environment,
    secrets: &Secrets,
) -> Result<ContainerSpec, Problem> {
    let names = instance.names();
    let version: Version = instance.odoo_version.parse().map_err(Problem::internal)?;
    let (Some(http), Some(longpolling)) = (instance.http(), instance.longpolling()) else {
        return Err(Problem::internal("the instance has no ports"));
    };
    let publish = |host_port, container_port| PortBinding {
        host_ip: "127.0.0.1".to_owned(),
        host_port,
        container_port,
    };
    let millis = settings
        .cpu_limit_millis
        .unwrap_or_else(|| cpu_limit_millis(settings.workers, cores));
    Ok(ContainerSpec {
        name: names.container.clone(),
        image: settings.image.clone(),
        command: command::serve(version),
        env: environment
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        labels: instance_labels(instance),
        network: Some(NETWORK.to_owned()),
        ports: vec![publish(http, HTTP), publish(longpolling, LONGPOLLING)],
        volumes: vec![Mount {
            volume: names.volume.clone(),
            target: command::DATA_DIR.to_owned(),
            read_only: false,
        }],
        files: vec![conf_file(&configuration(&names, version, settings, secrets))],
        memory_bytes: Some(settings.memory_limit_bytes),
        nano_cpus: Some(u64::from(millis) * 1_000_000),
        restart: Restart::UnlessStopped,
        init: true,
        stop_timeout: Some(GRACE),
        ..ContainerSpec::default()
    })
}

fn configuration(names: &Names, version: Version, settings: &Settings, secrets: &Secrets) -> SecretString {
    conf::render(&Conf {
        database: &names.database,
        database_host: postgres::CONTAINER,
        database_port: postgres::PORT,
        database_user: &names.database,
        database_password: &secrets.database_password,
        master_password: &secrets.master_password,
        settings,
        version,
        proxy_mode: false,
        addons_path: &[],
    })
}

/// Starts it.
pub(crate) async fn start(engine: &Engine, instance: &Instance) -> Result<(), Problem> {
    engine.start(&instance.names().container).await
}

/// Stops it, giving Odoo time to end its requests.
pub(crate) async fn stop(engine: &Engine, instance: &Instance) -> Result<(), Problem> {
    let name = instance.names().container;
    match engine.container(&name).await? {
        Some(found) if found.belongs_to(&instance_labels(instance)) => engine.stop(&name, GRACE).await,
        // What bears its name and is not its own is nobody's to stop.
        _ => Ok(()),
    }
}

/// Takes it away, with the one of the settings before.
pub(crate) async fn remove(engine: &Engine, instance: &Instance) -> Result<(), Problem> {
    let (names, labels) = (instance.names(), instance_labels(instance));
    engine.remove_container(&names.container, &labels).await?;
    engine.remove_container(&names.previous_container, &labels).await
}

/// Its last log lines, for an error.
pub(crate) async fn last_lines(engine: &Engine, instance: &Instance, lines: u64) -> String {
    use futures::TryStreamExt;
    let logs = engine.logs(&instance.names().container, false, Some(lines));
    let lines: Result<Vec<String>, Problem> = logs.try_collect().await;
    lines.map_or_else(
        |problem| format!("(its log cannot be read: {problem})"),
        |lines| lines.join("\n"),
    )
}

/// Why it does not run, if it does not.
pub(crate) async fn check_running(engine: &Engine, instance: &Instance) -> Result<(), Problem> {
    let name = instance.names().container;
    let container = engine.container(&name).await?;
    let ended = match &container {
        None => "is gone".to_owned(),
        Some(container) if container.is_running() && container.restart_count < 3 => return Ok(()),
        Some(container) if container.oom_killed => "was killed for want of memory".to_owned(),
        Some(container) => format!("ended with exit status {}", container.exit_code.unwrap_or(-1)),
    };
    Err(Problem::new(
        Code::OdooFailedToStart,
        format!(
            "The container {name} {ended}. Its last lines:\n{}",
            last_lines(engine, instance, 20).await
        ),
        "Mend what the lines complain of (image, settings, memory limit), then retry.",
    ))
}
