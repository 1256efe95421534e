//! Looks at every server and instance at a steady interval, and writes down what was seen and when.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::{FutureExt, StreamExt, stream};
use ocore_domain::{
    Problem, ServerId,
    instance::{Health, InstanceStatus},
    server::{ServerFacts, ServerStatus},
};
use ocore_fleet::{Container, Engine, Exec, Host, Script, label};
use ocore_store::{
    activity,
    instances::{self, Instance, Observation},
    servers::{self, Server},
};
use tokio::time::timeout;

use crate::{
    Hands,
    leader::Duty,
    parts::{self, health, postgres},
    server_validate::BOOT_ID,
};

/// Servers looked at at once.
const AT_ONCE: usize = 16;
/// How long one server may take.
const LIMIT: Duration = Duration::from_secs(30);
/// A server is called unreachable after this many failures in a row: one alone is often the network's.
const FAILURES: u32 = 2;

/// What is remembered between two looks.
#[derive(Debug)]
pub(crate) struct Observer {
    every: Duration,
    failures: HashMap<ServerId, u32>,
}

/// What one look at a server showed.
struct Seen {
    at: DateTime<Utc>,
    boot_id: String,
    /// Each with the status that the instance had when it was looked at.
    observations: Vec<(InstanceStatus, Observation)>,
}

impl Observer {
    /// One that looks this often.
    pub(crate) fn new(every: Duration) -> Self {
        Self {
            every,
            failures: HashMap::new(),
        }
    }
}

#[async_trait]
impl Duty for Observer {
    fn name(&self) -> &'static str {
        "observer"
    }

    fn every(&self) -> Duration {
        self.every
    }

    /// Looks at everything once.
    async fn fulfil(&mut self, hands: &Hands) -> Result<(), Problem> {
        let watched = servers::watched(&mut *hands.store().connection().await?).await?;
        self.failures
            .retain(|id, _| watched.iter().any(|server| server.id == *id));
        let mut looks = stream::iter(watched)
            .map(|server| {
                let hands = hands.clone();
                async move {
                    let seen = timeout(LIMIT, look_at(&hands, &server)).await;
                    let late = || Err(Problem::internal(format!("no answer in {} s", LIMIT.as_secs())));
                    (server, seen.unwrap_or_else(|_| late()))
                }
                .boxed()
            })
            .buffer_unordered(AT_ONCE);
        while let Some((server, seen)) = looks.next().await {
            let noted = match seen {
                Ok(seen) => {
                    self.failures.remove(&server.id);
                    note(hands, &server, seen).await
                }
                Err(problem) => {
                    let failures = self.failures.entry(server.id).or_default();
                    *failures += 1;
                    note_failure(hands, &server, &problem, *failures).await
                }
            };
            if let Err(problem) = noted {
                tracing::warn!(server = %server.name, %problem, "what was seen could not be written down");
            }
        }
        Ok(())
    }
}

async fn look_at(hands: &Hands, server: &Server) -> Result<Seen, Problem> {
    let host = hands.host(server.id).await?;
    let engine = host.engine().await?;
    let at = Utc::now();
    let boot_id = host
        .run(Script::new(BOOT_ID))
        .await?
        .success("Reading the boot id")?;
    let instances = instances::on_server(&mut *hands.store().connection().await?, server.id).await?;
    let meant: Vec<Instance> = instances
        .into_iter()
        .filter(|instance| !instance.status.is_changing())
        .collect();
    let containers = if meant.is_empty() {
        Vec::new()
    } else {
        engine.containers(&parts::server_labels(server.id)).await?
    };
    let databases = databases(&engine, &meant).await;
    let mut looks = Vec::with_capacity(meant.len());
    for instance in &meant {
        let (id, name) = (instance.id.to_string(), instance.names().container);
        let is_its = |container: &&Container| {
            container.name == name && container.labels.get(label::INSTANCE) == Some(&id)
        };
        let container = containers.iter().find(is_its);
        let seen = observe(&*host, instance, container, databases.as_ref());
        looks.push(seen.map(|seen| (instance.status, seen)).boxed());
    }
    let observations = stream::iter(looks).buffer_unordered(AT_ONCE).collect().await;
    Ok(Seen {
        at,
        boot_id: boot_id.trim().to_owned(),
        observations,
    })
}

/// The databases of all instances in one go: those named in the answer answered.
async fn databases(engine: &Engine, instances: &[Instance]) -> Result<String, Problem> {
    let running = instances
        .iter()
        .filter(|instance| instance.status == InstanceStatus::Running);
    let names: Vec<String> = running.map(|instance| instance.names().database).collect();
    if names.is_empty() {
        return Ok(String::new());
    }
    // Side by side, eight at once, and each within seconds: one that is locked must not make the others look ill.
    let script = r#"q=$1; shift; export q PGCONNECT_TIMEOUT=5 PGOPTIONS='-c statement_timeout=5s'
printf '%s\n' "$@" | xargs -n 1 -P 8 sh -c 'psql -XqAt -U postgres -d "$1" -c "$q" >/dev/null 2>&1 && echo "$1"; true' sh"#;
    let argv = ["sh", "-c", script, "sh", ocore_odoo::health::DATABASE_QUERY];
    let argv = argv.into_iter().map(str::to_owned).chain(names).collect();
    let exec = Exec {
        argv,
        stdin: None,
        user: None,
        timeout: Duration::from_secs(20),
        lines: None,
    };
    engine
        .exec(postgres::CONTAINER, exec)
        .await?
        .success("Asking the databases")
}

async fn observe(
    host: &dyn Host,
    instance: &Instance,
    container: Option<&Container>,
    databases: Result<&String, &Problem>,
) -> Observation {
    let mut seen = Observation {
        instance: instance.id,
        health: Health::Unknown,
        detail: None,
        container_state: container.map(|container| container.state.as_str().to_owned()),
        http_ok: None,
        database_ok: None,
        restart_count: container.map_or(0, |container| container.restart_count),
        at: Utc::now(),
    };
    if instance.status != InstanceStatus::Running {
        return seen;
    }
    let Some(container) = container.filter(|container| container.is_running()) else {
        seen.health = Health::Down;
        seen.detail = Some(container.map_or_else(
            || "the container is gone".to_owned(),
            |container| format!("the container is {}", container.state.as_str()),
        ));
        return seen;
    };
    let page = match instance.http() {
        Some(port) => health::page(host, port).await,
        None => Err(Problem::internal("the instance has no port")),
    };
    let name = instance.names().database;
    let database = databases.map(|answered| answered.lines().any(|line| line == name));
    seen.http_ok = Some(page.is_ok());
    seen.database_ok = Some(database.unwrap_or(false));
    seen.detail = match (page, database) {
        (Ok(()), Ok(true)) => None,
        (Err(problem), _) => Some(problem.detail),
        (Ok(()), Ok(false)) => Some("its page answers, its database does not".to_owned()),
        (Ok(()), Err(problem)) => Some(problem.detail.clone()),
    };
    if seen.detail.is_some() && container.restart_count > 2 {
        seen.detail = seen
            .detail
            .map(|detail| format!("{detail}; restarted {} times", container.restart_count));
    }
    seen.health = if seen.detail.is_none() {
        Health::Healthy
    } else {
        Health::Unhealthy
    };
    seen
}

async fn note(hands: &Hands, server: &Server, seen: Seen) -> Result<(), Problem> {
    let mut tx = hands.store().begin().await?;
    let subject = ("server", server.id.uuid());
    let now = servers::get(&mut tx, server.id)
        .await?
        .map(|server| server.status);
    if server.status == ServerStatus::Unreachable && now == Some(ServerStatus::Unreachable) {
        servers::set_status(&mut tx, server.id, ServerStatus::Active, None).await?;
        let said = format!("{} answers again", server.name);
        activity::record(&mut tx, server.organization_id, subject, "server.active", &said).await?;
    }
    let rebooted = server
        .facts
        .as_ref()
        .filter(|facts| facts.boot_id != seen.boot_id);
    let facts = rebooted.map(|facts| ServerFacts {
        boot_id: seen.boot_id.clone(),
        ..facts.0.clone()
    });
    if facts.is_some() {
        let said = format!("{} was rebooted", server.name);
        activity::record(&mut tx, server.organization_id, subject, "server.rebooted", &said).await?;
    }
    servers::seen(
        &mut tx,
        server.id,
        seen.at,
        facts.as_ref(),
        facts.is_some().then_some(seen.at),
    )
    .await?;
    let before = instances::on_server(&mut tx, server.id).await?;
    let mut valid = Vec::with_capacity(seen.observations.len());
    for (status, seen) in seen.observations {
        // What was begun, ended or stopped meanwhile was not looked at as what it is now.
        let same = |instance: &&Instance| instance.id == seen.instance && instance.status == status;
        let Some(instance) = before.iter().find(same) else {
            continue;
        };
        if let Some((kind, said)) = change(instance, &seen, server, facts.is_some()) {
            let subject = ("instance", instance.id.uuid());
            activity::record(&mut tx, instance.organization_id, subject, kind, &said).await?;
        }
        valid.push(seen);
    }
    instances::observe(&mut tx, &valid).await?;
    tx.commit().await.map_err(ocore_store::Error::from)?;
    Ok(())
}

/// What is worth telling about an instance whose health changed.
fn change(
    instance: &Instance,
    seen: &Observation,
    server: &Server,
    rebooted: bool,
) -> Option<(&'static str, String)> {
    let name = &instance.name;
    let recently = server
        .last_boot_at
        .is_some_and(|at| (Utc::now() - at).num_minutes() < 10);
    let after = if rebooted || recently {
        format!(" after the reboot of {}", server.name)
    } else {
        String::new()
    };
    match (instance.health, seen.health) {
        (before, now) if before == now => None,
        (Health::Down | Health::Unhealthy | Health::Unknown, Health::Healthy)
            if instance.observed_at.is_some() =>
        {
            Some(("instance.recovered", format!("{name} serves again{after}")))
        }
        (_, Health::Down | Health::Unhealthy) => {
            let why = seen.detail.as_deref().unwrap_or("no reason is known");
            Some(("instance.error", format!("{name} does not serve{after}: {why}")))
        }
        _ => None,
    }
}

async fn note_failure(
    hands: &Hands,
    server: &Server,
    problem: &Problem,
    failures: u32,
) -> Result<(), Problem> {
    if failures < FAILURES || server.status == ServerStatus::Unreachable {
        return Ok(());
    }
    let mut tx = hands.store().begin().await?;
    // That it failed is for a person to mend; it says so until then.
    let now = servers::get(&mut tx, server.id)
        .await?
        .map(|server| server.status);
    if now == Some(ServerStatus::Active) {
        let (status, why) = (ServerStatus::Unreachable, Some(problem.detail.as_str()));
        servers::set_status(&mut tx, server.id, status, why).await?;
        let subject = ("server", server.id.uuid());
        let said = format!("{} cannot be reached: {}", server.name, problem.detail);
        activity::record(
            &mut tx,
            server.organization_id,
            subject,
            "server.unreachable",
            &said,
        )
        .await?;
    }
    let blind: Vec<Observation> = instances::on_server(&mut tx, server.id)
        .await?
        .into_iter()
        .map(|instance| Observation {
            instance: instance.id,
            health: Health::Unknown,
            detail: Some(format!("its server cannot be reached: {}", problem.detail)),
            container_state: None,
            http_ok: None,
            database_ok: None,
            restart_count: instance.restart_count,
            at: Utc::now(),
        })
        .collect();
    instances::observe(&mut tx, &blind).await?;
    tx.commit().await.map_err(ocore_store::Error::from)?;
    Ok(())
}
