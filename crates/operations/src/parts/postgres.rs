//! The PostgreSQL that oCore runs on each server for its instances.

use std::time::Duration;

use ocore_domain::{Code, Problem, server::ServerFacts};
use ocore_fleet::{ContainerSpec, Engine, Labels, Mount, Restart};
use ocore_store::servers::Server;
use secrecy::SecretString;
use tokio::time::sleep;

use super::{NETWORK, psql, server_labels};
use crate::engine::Ctx;

/// The container's name, and the host name by which instances reach it.
pub(crate) const CONTAINER: &str = "ocore-postgres";
/// The image it runs.
pub(crate) const IMAGE: &str = "postgres:17";
/// The port in its network.
pub(crate) const PORT: u16 = 5432;
/// Where final dumps lie in the container.
pub(crate) const DUMPS: &str = "/var/lib/ocore-dumps";
/// The volume with the final dumps.
pub(crate) const DUMPS_VOLUME: &str = "ocore-dumps";
/// How long it is given to write down what it holds.
const GRACE: Duration = Duration::from_secs(60);
const DATA_VOLUME: &str = "ocore-postgres-data";

/// Makes and starts it, and waits until it answers.
pub(crate) async fn ensure(
    ctx: &Ctx,
    engine: &Engine,
    server: &Server,
    password: SecretString,
) -> Result<(), Problem> {
    let facts = server
        .facts
        .as_ref()
        .ok_or_else(|| Problem::internal("the server was not looked at yet"))?;
    let labels = server_labels(server.id);
    engine.ensure_network(NETWORK, &labels).await?;
    for volume in [DATA_VOLUME, DUMPS_VOLUME] {
        engine.ensure_volume(volume, &labels).await?;
    }
    let wanted = spec(facts, labels, password);
    if engine.differs(&wanted).await? {
        ctx.warn(
            "The server's PostgreSQL is made anew with other settings; its databases are away meanwhile",
        );
        // In good order: what is removed by force has to recover when it starts.
        engine.stop(CONTAINER, GRACE).await?;
    }
    engine.create_container(&wanted).await?;
    engine.start(CONTAINER).await?;
    wait(engine).await
}

/// Whether it answers now.
pub(crate) async fn check(engine: &Engine) -> Result<(), Problem> {
    psql::query(engine, "postgres", "select 1").await.map(drop)
}

async fn wait(engine: &Engine) -> Result<(), Problem> {
    for _ in 0..240 {
        if check(engine).await.is_ok() {
            return Ok(());
        }
        sleep(Duration::from_millis(250)).await;
    }
    Err(Problem::new(
        Code::DatabaseFailed,
        "The server's PostgreSQL did not come up within a minute",
        format!("Look at `docker logs {CONTAINER}` on the server, mend it, and validate the server again."),
    ))
}

/// Takes it away with all its data.
pub(crate) async fn remove(engine: &Engine, server: &Server) -> Result<(), Problem> {
    let labels = server_labels(server.id);
    engine.remove_container(CONTAINER, &labels).await?;
    for volume in [DATA_VOLUME, DUMPS_VOLUME] {
        engine.remove_volume(volume, &labels).await?;
    }
    engine.remove_network(NETWORK, &labels).await
}

fn spec(facts: &ServerFacts, labels: Labels, password: SecretString) -> ContainerSpec {
    let mount = |volume: &str, target: &str| Mount {
        volume: volume.to_owned(),
        target: target.to_owned(),
        read_only: false,
    };
    ContainerSpec {
        name: CONTAINER.to_owned(),
        image: IMAGE.to_owned(),
        command: std::iter::once("postgres".to_owned())
            .chain(ocore_odoo::postgres::arguments(
                facts.ram_total_bytes,
                facts.cpu_cores,
            ))
            .collect(),
        env: vec![("POSTGRES_PASSWORD".to_owned(), password)],
        labels,
        network: Some(NETWORK.to_owned()),
        aliases: vec![CONTAINER.to_owned()],
        volumes: vec![
            mount(DATA_VOLUME, "/var/lib/postgresql/data"),
            mount(DUMPS_VOLUME, DUMPS),
        ],
        // Parallel queries and sorts share memory by this file system; Docker's default is 64 MiB.
        shm_bytes: Some(1 << 30),
        // As the first process PostgreSQL would take the end of a cancelled `docker exec` for the death of a
        // server process, and go through crash recovery.
        init: true,
        restart: Restart::UnlessStopped,
        stop_timeout: Some(GRACE),
        ..ContainerSpec::default()
    }
}
