//! Looks at every server and instance at a steady interval, and writes down what was seen and when.

use std::{collections::HashSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::{FutureExt, StreamExt, stream};
use ocore_domain::{
    Code, Problem, ServerId,
    instance::{Health, InstanceStatus},
    server::{ServerFacts, ServerStatus},
};
use ocore_fleet::{Container, Engine, Exec, Host, Script, label};
use ocore_store::{
    PgConnection, activity, checks,
    instances::{self, Instance, Observation},
    servers::{self, Server},
};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

use crate::{
    Hands, fence,
    leader::Duty,
    parts::{self, health, postgres},
    server_validate::BOOT_ID,
    strangers::{self, Stranger},
};

/// Servers looked at at once.
const AT_ONCE: usize = 32;
/// From the beginning of one server's look to that of the next, unless there are too many for that.
const PACE: Duration = Duration::from_millis(20);
/// How long a server may take to answer by SSH at all.
const ANSWER: Duration = Duration::from_secs(10);
/// How long everything else on one server may take.
const LIMIT: Duration = Duration::from_secs(30);
/// How often it is tried again before a failure is believed: one alone is often the network's.
const AGAIN: u32 = 3;
/// From the beginning of one try to that of the next, at least.
const PAUSE: Duration = Duration::from_secs(5);

/// Looks that are under way. Each server has a pace of its own: one that does not answer keeps no other waiting.
#[derive(Debug)]
pub(crate) struct Observer {
    every: Duration,
    looks: JoinSet<ServerId>,
    under_way: HashSet<ServerId>,
    turns: Arc<Semaphore>,
}

/// What one look at a server showed.
struct Seen {
    at: DateTime<Utc>,
    boot_id: String,
    /// Each with the status that the instance had when it was looked at; or why Docker does not tell.
    observations: Result<Vec<(InstanceStatus, Observation)>, Problem>,
    /// Containers of instances that are not known to be here.
    strangers: Vec<Stranger>,
}

impl Observer {
    /// One that looks this often.
    pub(crate) fn new(every: Duration) -> Self {
        Self {
            every,
            looks: JoinSet::new(),
            under_way: HashSet::new(),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
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

    /// Begins to look at everything that is not being looked at still.
    async fn fulfil(&mut self, hands: &Hands) -> Result<(), Problem> {
        while let Some(ended) = self.looks.try_join_next() {
            match ended {
                Ok(server) => {
                    self.under_way.remove(&server);
                }
                // Which one it was is not known: all that ended are looked at again.
                Err(error) => {
                    tracing::error!(%error, "a look at a server broke off");
                    if self.looks.is_empty() {
                        self.under_way.clear();
                    }
                }
            }
        }
        let watched = servers::watched(&mut *hands.store().connection().await?).await?;
        // One after the other, in an order that stays: a thousand at once would take all processors for seconds, and leave them
        // idle for the rest of the time.
        let share = self.every.mul_f64(0.8) / u32::try_from(watched.len().max(1)).unwrap_or(u32::MAX);
        let (began, pace) = (Instant::now(), PACE.min(share));
        for (place, server) in (0..).zip(watched) {
            if self.under_way.insert(server.id) {
                let (hands, turns) = (hands.clone(), self.turns.clone());
                self.looks.spawn(async move {
                    sleep_until(began + pace * place).await;
                    let look = look_and_note(&hands, &server, &turns);
                    if let Some(Err(problem)) = hands.lead().during(Box::pin(look)).await {
                        tracing::warn!(server = %server.name, %problem, "what was seen could not be written down");
                    }
                    server.id
                });
            }
        }
        Ok(())
    }
}

async fn look_and_note(hands: &Hands, server: &Server, turns: &Semaphore) -> Result<(), Problem> {
    match answer(hands, server, turns).await? {
        Some((host, boot_id)) => {
            let _turn = turns.acquire().await.map_err(Problem::internal)?;
            let at = Utc::now();
            let late = || {
                Err(Problem::new(
                    Code::DockerUnavailable,
                    format!("no answer in {} s", LIMIT.as_secs()),
                    "Look at the server.",
                ))
            };
            let looked = timeout(LIMIT, look_at(hands, &*host, server)).await;
            let (observations, strangers) = looked.unwrap_or_else(|_| late()).map_or_else(
                |problem| (Err(problem), Vec::new()),
                |(observations, strangers)| (Ok(observations), strangers),
            );
            if let Err(problem) = &observations
                && !is_dockers(problem)
            {
                return Err(problem.clone());
            }
            let seen = Seen {
                at,
                boot_id,
                observations,
                strangers,
            };
            note(hands, server, seen).await
        }
        None => Ok(()),
    }
}

/// Whether it is Docker that failed, and neither the way to it nor oCore's own database.
const fn is_dockers(problem: &Problem) -> bool {
    !matches!(
        problem.code,
        Code::SshUnreachable | Code::SshConnectionLost | Code::StoreUnavailable | Code::Internal
    )
}

/// The server, if it answers by SSH. If it does not it is tried again, and what came of it is written down: whether the
/// server is unreachable is not for one vantage point to tell (`reach.rs`).
async fn answer(
    hands: &Hands,
    server: &Server,
    turns: &Semaphore,
) -> Result<Option<(Arc<dyn Host>, String)>, Problem> {
    let mut since = None;
    for tries in 0..=AGAIN {
        let began = Instant::now();
        let turn = turns.acquire().await.map_err(Problem::internal)?;
        let asked = async {
            let host = hands.host(server.id).await?;
            let script = Script::new(BOOT_ID).timeout(ANSWER);
            let boot_id = host.run(script).await?.success("Reading the boot id")?;
            Ok::<_, Problem>((host, boot_id.trim().to_owned()))
        };
        let answered = timeout(ANSWER, asked).await.unwrap_or_else(|_| {
            Err(Problem::new(
                Code::SshUnreachable,
                format!("{} did not answer within {} s", server.host, ANSWER.as_secs()),
                "Look at the server and the network between.",
            ))
        });
        drop(turn);
        let problem = match answered {
            Ok(answered) => return Ok(Some(answered)),
            Err(problem) => problem,
        };
        let since = *since.get_or_insert_with(Utc::now);
        // Where it was believed before, once a round is enough.
        let believed = checks::ssh_failed(
            &mut *hands.store().connection().await?,
            server.id,
            server.organization_id,
            since,
            tries == AGAIN,
            &problem.detail,
        )
        .await?;
        // The next try is made over a connection of its own.
        hands.hosts().forget(server.id).await;
        if believed {
            return Ok(None);
        }
        sleep_until(began + PAUSE).await;
    }
    Ok(None)
}

async fn look_at(
    hands: &Hands,
    host: &dyn Host,
    server: &Server,
) -> Result<(Vec<(InstanceStatus, Observation)>, Vec<Stranger>), Problem> {
    let engine = host.engine().await?;
    fence::look(hands, &engine).await?;
    let instances = instances::on_server(&mut *hands.store().connection().await?, server.id).await?;
    let here: HashSet<_> = instances.iter().map(|instance| instance.id).collect();
    let meant: Vec<Instance> = instances
        .into_iter()
        .filter(|instance| !instance.status.is_changing())
        .collect();
    // Also without instances: whether Docker answers is worth knowing before there is one.
    let containers = engine.containers(&parts::server_labels(server.id)).await?;
    let strangers = strangers::candidates(&containers, &here);
    let databases = databases(&engine, &meant).await;
    let mut looks = Vec::with_capacity(meant.len());
    for instance in &meant {
        let (id, name) = (instance.id.to_string(), instance.names().container);
        let is_its = |container: &&Container| {
            container.name == name && container.labels.get(label::INSTANCE) == Some(&id)
        };
        let container = containers.iter().find(is_its);
        let seen = observe(host, instance, container, databases.as_ref());
        looks.push(seen.map(|seen| (instance.status, seen)).boxed());
    }
    let looks = stream::iter(looks).buffer_unordered(AT_ONCE).collect().await;
    Ok((looks, strangers))
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
    let now = servers::get(&mut tx, server.id).await?;
    let message = now.as_ref().and_then(|server| server.status_message.clone());
    let now = now.map(|server| server.status);
    checks::ssh_answered(&mut tx, server.id, server.organization_id).await?;
    let docker = seen
        .observations
        .as_ref()
        .err()
        .map(|problem| problem.detail.as_str());
    checks::docker(&mut tx, server.id, docker).await?;
    let said = docker.map(|why| format!("Docker does not answer: {why}"));
    if now == Some(ServerStatus::Active) && message != said {
        servers::set_status(&mut tx, server.id, ServerStatus::Active, said.as_deref()).await?;
    }
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
    let observations = match seen.observations {
        Ok(observations) => observations,
        Err(problem) => {
            blind(
                &mut tx,
                server.id,
                &format!("Docker does not answer: {}", problem.detail),
            )
            .await?;
            Vec::new()
        }
    };
    let mut valid = Vec::with_capacity(observations.len());
    for (status, seen) in observations {
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
    strangers::tell(&mut tx, server, &seen.strangers).await?;
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

/// Nobody can see the instances of a server.
pub(crate) async fn blind(conn: &mut PgConnection, server: ServerId, why: &str) -> Result<(), Problem> {
    let blind: Vec<Observation> = instances::on_server(conn, server)
        .await?
        .into_iter()
        .map(|instance| Observation {
            instance: instance.id,
            health: Health::Unknown,
            detail: Some(why.to_owned()),
            container_state: None,
            http_ok: None,
            database_ok: None,
            restart_count: instance.restart_count,
            at: Utc::now(),
        })
        .collect();
    Ok(instances::observe(conn, &blind).await?)
}
