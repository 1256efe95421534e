//! Takes a server out of oCore: its PostgreSQL and network go, the machine stays.

use ocore_domain::{Code, OperationId, Problem, server::ServerStatus};
use ocore_store::{
    PgConnection, instances, operations,
    servers::{self, Server},
};
use serde::{Deserialize, Serialize};

use crate::{
    command,
    engine::{Ctx, Definition, Settle, secs, step},
    parts::{postgres, template},
};

/// What a person chose.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Params {
    /// Forget the server though it cannot be reached: what oCore made there is left there.
    pub force: bool,
}

pub(crate) static DEFINITION: Definition = Definition {
    kind: "server_remove",
    steps: &[
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

/// Enqueues the removal of a server that bears no instance.
pub async fn request(
    tx: &mut PgConnection,
    server: &Server,
    params: &Params,
) -> Result<OperationId, Problem> {
    command::lock_unless_busy(tx, server).await?;
    let instances = instances::on_server(tx, server.id).await?;
    if !instances.is_empty() {
        let names: Vec<&str> = instances
            .iter()
            .take(5)
            .map(|instance| instance.name.as_str())
            .collect();
        return Err(Problem::new(
            Code::InUse,
            format!(
                "{} bears {} instances: {}",
                server.name,
                instances.len(),
                names.join(", ")
            ),
            "Delete them first.",
        ));
    }
    servers::set_status(tx, server.id, ServerStatus::Removing, None).await?;
    let params = serde_json::to_value(params).map_err(Problem::internal)?;
    Ok(operations::enqueue(tx, &command::on_server(&DEFINITION, server, params)).await?)
}

async fn remove_postgres(ctx: &Ctx) -> Result<(), Problem> {
    let server = ctx.server().await?;
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
        Err(problem) if ctx.params::<Params>()?.force => {
            ctx.warn(format!("What oCore made there is left there: {problem}"));
            return Ok(());
        }
        Err(problem) => return Err(problem),
    };
    postgres::remove(&engine, &server).await?;
    template::remove_all(&engine, &server).await
}

async fn disconnect(ctx: &Ctx) -> Result<(), Problem> {
    ctx.hands().hosts().forget(ctx.server().await?.id).await;
    Ok(())
}
