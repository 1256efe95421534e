//! Puts the agent on a server, or a newer one in the place of the one that is there.

use ocore_domain::{Code, OperationId, Problem};
use ocore_fleet::Host;
use ocore_store::{
    PgConnection, agents, operations,
    servers::{self, Server},
};
use serde_json::json;

use crate::{
    capacity, command,
    engine::{Ctx, Definition, Settle, secs, step},
    parts::agent::{self, Seen, Way},
};

pub(crate) static DEFINITION: Definition = Definition {
    kind: "agent_install",
    steps: &[
        step!(look, "See whether the server can have the agent", secs(60)),
        step!(place, "Put the program there", secs(600), undo put_back),
        step!(make_role, "Let it read PostgreSQL's statistics", secs(300), undo drop_role),
        step!(configure, "Give it its token", secs(120), undo take_token_back),
        step!(check_way, "See whether it reaches oCore", secs(60)),
        step!(start, "Start it", secs(90)),
        step!(await_sample, "Wait for its first sample", secs(150)),
    ],
    settle: Settle::Nothing,
    secrets: None,
};

/// Enqueues the installation of the agent, or its upgrade.
pub async fn request(tx: &mut PgConnection, server: &Server) -> Result<OperationId, Problem> {
    command::lock_unless_busy(tx, server).await?;
    let now = servers::get(tx, server.id).await?;
    capacity::check_active(now.as_ref().unwrap_or(server))?;
    Ok(operations::enqueue(tx, &command::on_server(&DEFINITION, server, json!({}))).await?)
}

/// Enqueues it behind a validation that is at its end, unless the server has this version; answers whether it did. It
/// begins when the validation has ended: both are the server's own, and those go one after another.
pub(crate) async fn follow(tx: &mut PgConnection, server: &Server) -> Result<bool, Problem> {
    let agent = agents::get(tx, server.id).await?;
    let is_current = |agent: agents::Agent| agent.version.as_deref() == Some(crate::AGENT_VERSION);
    if agent.is_some_and(is_current) || operations::is_open(tx, server.id.uuid(), DEFINITION.kind).await? {
        return Ok(false);
    }
    operations::enqueue(tx, &command::on_server(&DEFINITION, server, json!({}))).await?;
    Ok(true)
}

async fn look(ctx: &Ctx) -> Result<(), Problem> {
    let server = ctx.server().await?;
    ctx.hands().agents().url_for(&server)?;
    let seen = agent::look(&*ctx.host().await?, &server.docker_socket).await?;
    ctx.hands().agents().file(&seen.architecture)?;
    give_up_before(ctx).await?;
    if seen.docker_group.is_none() {
        ctx.warn(format!(
            "No group but root may use {}, and the agent is not root: it will not see containers",
            server.docker_socket
        ));
    }
    Ok(())
}

async fn place(ctx: &Ctx) -> Result<(), Problem> {
    let host = ctx.host().await?;
    let seen = seen(ctx, &*host).await?;
    agent::keep_before(&*host).await?;
    let file = ctx.hands().agents().file(&seen.architecture)?;
    if agent::put_binary(&*host, &file).await? {
        ctx.info(format!("Wrote {} KiB", file.bytes().len() >> 10));
    } else {
        ctx.info("This very program is there already");
    }
    Ok(())
}

async fn seen(ctx: &Ctx, host: &dyn Host) -> Result<Seen, Problem> {
    agent::look(host, &ctx.server().await?.docker_socket).await
}

async fn put_back(ctx: &Ctx) -> Result<(), Problem> {
    agent::put_back(&*ctx.host().await?).await
}

async fn make_role(ctx: &Ctx) -> Result<(), Problem> {
    let host = ctx.host().await?;
    let engine = host.engine().await?;
    match agent::make_role(&*host, &engine).await {
        Err(problem) if matches!(problem.code, Code::DatabaseUnavailable | Code::DatabaseFailed) => {
            ctx.warn(format!(
                "PostgreSQL's figures will be missing: {}",
                problem.detail
            ));
            agent::without_role(&*host).await
        }
        made => made,
    }
}

async fn drop_role(ctx: &Ctx) -> Result<(), Problem> {
    let host = ctx.host().await?;
    let engine = host.engine().await?;
    agent::take_role_back(&*host, &engine).await
}

async fn configure(ctx: &Ctx) -> Result<(), Problem> {
    let server = ctx.server().await?;
    let host = ctx.host().await?;
    let source = ctx.hands().agents();
    let way = Way {
        url: source.url_for(&server)?,
        ca: source.ca.as_deref(),
        docker_socket: &server.docker_socket,
    };
    if way.url.starts_with("http://") {
        ctx.warn(format!(
            "{} is not encrypted: whoever is on the way can read the agent's token and its figures",
            way.url
        ));
    }
    let seen = seen(ctx, &*host).await?;
    let token = {
        let mut conn = ctx.store().connection().await?;
        agents::enroll(&mut conn, server.organization_id, server.id).await?
    };
    ctx.keep(&token);
    agent::configure(&*host, server.id, &way, &seen, &token).await
}

pub(crate) async fn take_token_back(ctx: &Ctx) -> Result<(), Problem> {
    let server = ctx.server().await?;
    let mut conn = ctx.store().connection().await?;
    Ok(agents::unenroll(&mut conn, server.id).await?)
}

async fn check_way(ctx: &Ctx) -> Result<(), Problem> {
    let server = ctx.server().await?;
    let url = ctx.hands().agents().url_for(&server)?;
    agent::check_way(&*ctx.host().await?, url).await
}

async fn start(ctx: &Ctx) -> Result<(), Problem> {
    agent::restart(&*ctx.host().await?).await
}

/// What an operation does before it keeps what is there: an agent whose token is in use is not what an operation before this one
/// left half done, so nothing older is to be put back. (That one may have lost its server as the agent was heard.)
pub(crate) async fn give_up_before(ctx: &Ctx) -> Result<(), Problem> {
    let server = ctx.server().await?;
    let is_in_use = {
        let mut conn = ctx.store().connection().await?;
        agents::has_used_token(&mut conn, server.id).await?
    };
    if is_in_use {
        agent::drop_before(&*ctx.host().await?).await?;
    }
    Ok(())
}

/// The last step of each operation that starts the agent: with its first sample what was there before is given up, and nothing
/// may be taken back any more, since the token before is good no longer. So a server that is lost just then is no failure.
pub(crate) async fn await_sample(ctx: &Ctx) -> Result<(), Problem> {
    let server = ctx.server().await?;
    let heard = agent::until(90, || async {
        let mut conn = ctx.store().connection().await?;
        Ok(agents::has_used_token(&mut conn, server.id).await?)
    });
    if !heard.await? {
        return Err(Problem::new(
            Code::AgentSilent,
            format!(
                "The agent runs and brings nothing; it said: {}",
                agent::last_words(&*ctx.host().await?).await
            ),
            "Look at `journalctl -u ocore-agent` on the server, mend it, and install the agent again.",
        ));
    }
    ctx.info("The agent is heard");
    let given_up = async { agent::drop_before(&*ctx.host().await?).await };
    match given_up.await {
        Err(problem) if problem.is_transient() => {
            ctx.warn(format!(
                "What was kept of the agent before stays until the next time: {problem}"
            ));
            Ok(())
        }
        given_up => given_up,
    }
}
