//! Takes the agent off a server, with everything that belongs to it.

use ocore_domain::{OperationId, Problem};
use ocore_store::{PgConnection, agents, operations, servers::Server};
use serde::{Deserialize, Serialize};

use crate::{
    agent_rotate::no_agent,
    command,
    engine::{Ctx, Definition, Settle, secs, step},
    parts::agent,
};

/// What a person chose.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Params {
    /// Forget it though the server cannot be reached: what is there stays there, and its token opens nothing.
    pub force: bool,
}

pub(crate) static DEFINITION: Definition = Definition {
    kind: "agent_remove",
    steps: &[
        step!(remove_agent, "Remove the agent", secs(120), irreversible),
        step!(drop_role, "Drop its role in PostgreSQL", secs(300), irreversible),
        step!(forget, "Forget its token", secs(30), irreversible),
    ],
    settle: Settle::Nothing,
    secrets: None,
};

/// Enqueues the removal of a server's agent.
pub async fn request(
    tx: &mut PgConnection,
    server: &Server,
    params: &Params,
) -> Result<OperationId, Problem> {
    command::lock_unless_busy(tx, server).await?;
    if agents::get(tx, server.id).await?.is_none() {
        return Err(no_agent(server));
    }
    let params = serde_json::to_value(params).map_err(Problem::internal)?;
    Ok(operations::enqueue(tx, &command::on_server(&DEFINITION, server, params)).await?)
}

async fn remove_agent(ctx: &Ctx) -> Result<(), Problem> {
    let force = ctx.params::<Params>()?.force;
    let removed = async { agent::remove(&*ctx.host().await?).await };
    unless_forced(ctx, force, removed.await)
}

async fn drop_role(ctx: &Ctx) -> Result<(), Problem> {
    let force = ctx.params::<Params>()?.force;
    let dropped = async { agent::drop_role(&ctx.engine().await?).await };
    unless_forced(ctx, force, dropped.await)
}

fn unless_forced(ctx: &Ctx, force: bool, done: Result<(), Problem>) -> Result<(), Problem> {
    match done {
        Err(problem) if force => {
            ctx.warn(format!("What is there is left there: {problem}"));
            Ok(())
        }
        done => done,
    }
}

pub(crate) async fn forget(ctx: &Ctx) -> Result<(), Problem> {
    let server = ctx.server().await?;
    let mut conn = ctx.store().connection().await?;
    agents::forget(&mut conn, server.id).await?;
    // Other processes see it when they look next.
    ctx.hands().agent_links().part(server.id);
    Ok(())
}
