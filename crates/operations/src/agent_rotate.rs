//! Gives a server's agent a new token.

use ocore_domain::{Code, OperationId, Problem};
use ocore_store::{PgConnection, agents, operations, servers::Server};
use serde_json::json;

use crate::{
    agent_install::{await_sample, give_up_before, take_token_back},
    command,
    engine::{Ctx, Definition, Settle, secs, step},
    parts::agent,
};

pub(crate) static DEFINITION: Definition = Definition {
    kind: "agent_rotate",
    steps: &[
        step!(keep_before, "Keep what is there", secs(60), undo put_back),
        step!(rotate, "Give it a new token", secs(60), undo take_token_back),
        step!(start, "Start it", secs(90)),
        step!(await_sample, "Wait for it to use the token", secs(150)),
    ],
    settle: Settle::Nothing,
    secrets: None,
};

/// Enqueues the rotation of an agent's token.
pub async fn request(tx: &mut PgConnection, server: &Server) -> Result<OperationId, Problem> {
    command::lock_unless_busy(tx, server).await?;
    if agents::get(tx, server.id).await?.is_none() {
        return Err(no_agent(server));
    }
    Ok(operations::enqueue(tx, &command::on_server(&DEFINITION, server, json!({}))).await?)
}

/// Refuses what takes an agent.
pub(crate) fn no_agent(server: &Server) -> Problem {
    Problem::new(
        Code::StateConflict,
        format!("The server {} has no agent", server.name),
        "Install it: `ocore server agent install SERVER`.",
    )
}

async fn keep_before(ctx: &Ctx) -> Result<(), Problem> {
    give_up_before(ctx).await?;
    agent::keep_before(&*ctx.host().await?).await
}

async fn put_back(ctx: &Ctx) -> Result<(), Problem> {
    agent::put_back(&*ctx.host().await?).await
}

async fn rotate(ctx: &Ctx) -> Result<(), Problem> {
    let server = ctx.server().await?;
    let host = ctx.host().await?;
    let token = {
        let mut conn = ctx.store().connection().await?;
        agents::enroll(&mut conn, server.organization_id, server.id).await?
    };
    ctx.keep(&token);
    agent::put_token(&*host, &token).await
}

async fn start(ctx: &Ctx) -> Result<(), Problem> {
    agent::restart(&*ctx.host().await?).await
}
