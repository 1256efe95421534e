//! Takes a server out of oCore: its PostgreSQL and network go, the machine stays.

use ocore_domain::{Code, OperationId, Problem, instance::Transition, server::ServerStatus};
use ocore_store::{
    PgConnection, activity, agents,
    instances::{self, Instance},
    operations, ports,
    servers::{self, Server},
};
use serde::{Deserialize, Serialize};

use crate::{
    agent_remove, command,
    engine::{Ctx, Definition, Settle, secs, step},
    fence,
    parts::{agent, postgres, template},
};

/// What a person chose.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Params {
    /// Forget the server though it cannot be reached, with the instances it bears: what oCore made there is left there.
    pub force: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    force: bool,
    /// Instances were forgotten with it: should it come back, what is theirs is not oCore's to remove.
    #[serde(default)]
    forgot: bool,
}

pub(crate) static DEFINITION: Definition = Definition {
    kind: "server_remove",
    steps: &[
        step!(remove_agent, "Remove the agent", secs(120), irreversible),
        step!(
            remove_postgres,
            "Remove the server's PostgreSQL, templates and final dumps",
            secs(300),
            irreversible
        ),
        step!(disconnect, "Disconnect", secs(30), irreversible),
    ],
    settle: Settle::Server(ServerStatus::Removed),
    secrets: None,
};

/// Enqueues the removal of a server that bears no instance, or, by force, of one that is lost with them.
pub async fn request(
    tx: &mut PgConnection,
    server: &Server,
    params: &Params,
) -> Result<OperationId, Problem> {
    command::lock_unless_busy(tx, server).await?;
    let instances = instances::holding(tx, server.id).await?;
    let lost = matches!(server.status, ServerStatus::Unreachable | ServerStatus::Failed);
    let forgets = params.force && lost;
    if !instances.is_empty() && !forgets {
        return Err(in_use(server, &instances, lost));
    }
    for instance in &instances {
        if instance.server_id != server.id {
            // One that was moving here, or whose old copy is here: it is elsewhere, and that is all that is left of it.
            if instance.move_target_id == Some(server.id) {
                instances::set_move_target(tx, instance.id, None).await?;
            } else {
                instances::forget_move_source(tx, instance.id).await?;
            }
            ports::release_on(tx, instance.id, server.id).await?;
            continue;
        }
        let why = format!("its server {} was given up", server.name);
        instances::transition(tx, instance.id, Transition::Forget, Some(&why)).await?;
        ports::release(tx, instance.id).await?;
        instances::set_ports(tx, instance.id, None).await?;
        let (subject, said) = (
            ("instance", instance.id.uuid()),
            format!("{} is forgotten: {why}", instance.name),
        );
        activity::record(tx, instance.organization_id, subject, "instance.removed", &said).await?;
    }
    servers::set_status(tx, server.id, ServerStatus::Removing, None).await?;
    let kept = Kept {
        force: params.force,
        forgot: !instances.is_empty(),
    };
    let kept = serde_json::to_value(kept).map_err(Problem::internal)?;
    Ok(operations::enqueue(tx, &command::on_server(&DEFINITION, server, kept)).await?)
}

fn in_use(server: &Server, instances: &[Instance], lost: bool) -> Problem {
    let names: Vec<&str> = instances
        .iter()
        .take(5)
        .map(|instance| instance.name.as_str())
        .collect();
    Problem::new(
        Code::InUse,
        format!(
            "{} bears {} instances: {}",
            server.name,
            instances.len(),
            names.join(", ")
        ),
        if lost {
            "Delete them first. If the server is lost for good, `--force` forgets it with them."
        } else {
            "Delete them first."
        },
    )
}

/// Its role in PostgreSQL goes with that.
async fn remove_agent(ctx: &Ctx) -> Result<(), Problem> {
    let server = ctx.server().await?;
    let has = {
        let mut conn = ctx.store().connection().await?;
        agents::get(&mut conn, server.id).await?.is_some()
    };
    if !has {
        return Ok(());
    }
    let removed = async { agent::remove(&*ctx.host().await?).await };
    match removed.await {
        Err(problem) if ctx.params::<Kept>()?.force => {
            ctx.warn(format!(
                "The agent is left there, and its token opens nothing: {problem}"
            ));
        }
        removed => removed?,
    }
    agent_remove::forget(ctx).await
}

async fn remove_postgres(ctx: &Ctx) -> Result<(), Problem> {
    let server = ctx.server().await?;
    let kept: Kept = ctx.params()?;
    if kept.forgot {
        ctx.warn("Its instances were forgotten with it, so what oCore made there is left there");
        return Ok(());
    }
    let never_reached = server.last_seen_at.is_none();
    let engine = match ctx.engine().await {
        Ok(engine) => engine,
        Err(problem) if never_reached => {
            ctx.info(format!(
                "The server was never reached, so nothing is there: {}",
                problem.detail
            ));
            return Ok(());
        }
        Err(problem) if kept.force => {
            ctx.warn(format!("What oCore made there is left there: {problem}"));
            return Ok(());
        }
        Err(problem) => return Err(problem),
    };
    fence::unmark(ctx.hands(), &engine).await?;
    postgres::remove(&engine, &server).await?;
    template::remove_all(&engine, &server).await
}

async fn disconnect(ctx: &Ctx) -> Result<(), Problem> {
    ctx.hands().hosts().forget(ctx.server().await?.id).await;
    Ok(())
}
