//! Empties a server: it is cordoned, and its instances are moved to others one after another, each by an operation of its
//! own. One that fits nowhere, or whose move fails, is told by name; those that were moved stay moved.

use ocore_domain::{
    Code, OperationId, Problem,
    operation::OperationState,
    placement::{Wish, rank},
    server::ServerStatus,
};
use ocore_store::{
    PgConnection,
    instances::{self, Instance},
    operations::{self, Operation},
    placement as fleet,
    servers::{self, Server},
};
use serde_json::json;

use crate::{
    capacity, command,
    engine::{Ctx, Definition, Settle, secs, step},
    instance_move,
    parts::others,
};

pub(crate) static DEFINITION: Definition = Definition {
    kind: "server_drain",
    steps: &[
        step!(cordon, "Cordon the server", secs(30)),
        step!(move_instances, "Move its instances", secs(7 * 86_400)),
    ],
    settle: Settle::Nothing,
    secrets: None,
};

/// Cordons a server and enqueues its drain.
pub async fn request(tx: &mut PgConnection, server: &Server) -> Result<OperationId, Problem> {
    command::lock_unless_busy(tx, server).await?;
    if server.status != ServerStatus::Active {
        capacity::check_active(server)?;
    }
    servers::set_cordoned(tx, server.id, true).await?;
    let new = command::on_server(&DEFINITION, server, json!({}));
    Ok(operations::enqueue(tx, &new).await?)
}

async fn cordon(ctx: &Ctx) -> Result<(), Problem> {
    let server = ctx.server().await?;
    servers::set_cordoned(&mut *ctx.store().connection().await?, server.id, true).await?;
    ctx.info(format!("{} takes no new instance", server.name));
    Ok(())
}

async fn move_instances(ctx: &Ctx) -> Result<(), Problem> {
    let server = ctx.server().await?;
    let (mut moved, mut left) = (Vec::new(), Vec::new());
    let all = {
        let mut conn = ctx.store().connection().await?;
        // Also those that this very drain has moved already, before another worker took it over.
        let mut all = instances::on_server(&mut conn, server.id).await?;
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    };
    let count = all.len();
    for (i, instance) in all.into_iter().enumerate() {
        ctx.info(format!("{} ({} of {count})", instance.name, i + 1));
        match move_one(ctx, &server, &instance).await {
            Ok(told) => {
                ctx.info(format!("{}: {told}", instance.name));
                moved.push(instance.name);
            }
            Err(problem) if problem.is_transient() => return Err(problem),
            Err(problem) => {
                ctx.warn(format!("{} is not moved away: {problem}", instance.name));
                left.push((instance.name, problem));
            }
        }
        let names: Vec<&String> = left.iter().map(|(name, _)| name).collect();
        ctx.set_result(&json!({"moved": moved, "left": names})).await?;
    }
    if left.is_empty() {
        ctx.info(format!("{} is empty and stays cordoned", server.name));
        return Ok(());
    }
    let told: Vec<String> = left
        .iter()
        .map(|(name, problem)| format!("{name}: {}", problem.detail))
        .collect();
    Err(Problem::new(
        left.first()
            .map_or(Code::NoServerFits, |(_, problem)| problem.code),
        format!(
            "{} of {count} instances could not be moved away from {}. {}",
            left.len(),
            server.name,
            told.join(". ")
        ),
        "Make room elsewhere or mend what is named, and drain it again. It stays cordoned; those that were moved stay moved.",
    ))
}

/// Moves one instance and waits for the end; answers what to tell.
async fn move_one(ctx: &Ctx, server: &Server, instance: &Instance) -> Result<String, Problem> {
    let id = match mine(ctx, instance).await? {
        // Begun before this worker took the drain over.
        Some(child) => child.id,
        None => begin(ctx, server, instance).await?,
    };
    others::all_ended(ctx, &[id]).await?;
    let ended = operations::get(&mut *ctx.store().connection().await?, id).await?;
    let ended = ended.ok_or_else(|| Problem::internal("an operation is gone"))?;
    if ended.state == OperationState::Done {
        let result = ended.result.unwrap_or_default();
        let to = result["toServerName"].as_str().unwrap_or("another server");
        return Ok(match result["downtimeMs"].as_i64() {
            Some(ms) => format!("moved to {to}, away for {}.{} s", ms / 1000, ms % 1000 / 100),
            None => format!("moved to {to}"),
        });
    }
    let why = ended.error.map_or_else(
        || Problem::internal(format!("the move {id} is {}", ended.state)),
        |error| error.0,
    );
    let now = instances::get(&mut *ctx.store().connection().await?, instance.id).await?;
    Err(match now.filter(|now| now.server_id != server.id) {
        Some(now) => Problem {
            detail: format!(
                "it is on {}, and its old copy is still here: {}",
                now.server_name, why.detail
            ),
            ..why
        },
        None => why,
    })
}

/// The move of an instance that this drain has begun.
async fn mine(ctx: &Ctx, instance: &Instance) -> Result<Option<Operation>, Problem> {
    let mut conn = ctx.store().connection().await?;
    Ok(operations::newest_part(&mut conn, ctx.operation(), instance.id.uuid()).await?)
}

/// Begins the move to the best server that takes it, waiting for whatever else is at work on it.
async fn begin(ctx: &Ctx, server: &Server, instance: &Instance) -> Result<OperationId, Problem> {
    loop {
        let open = {
            let mut conn = ctx.store().connection().await?;
            operations::open_for_subject(&mut conn, instance.id.uuid()).await?
        };
        let Some(open) = open else { break };
        ctx.info(format!("{}: waiting for {}", instance.name, open.kind));
        others::all_ended(ctx, &[open.id]).await?;
    }
    let mut tx = ctx.store().begin().await?;
    ctx.hold(&mut tx).await?;
    let instance = instances::get(&mut tx, instance.id).await?;
    let instance = instance.ok_or_else(|| Problem::internal("an instance of the server is gone"))?;
    let wish = Wish {
        not_on: [server.id].into(),
        ..capacity::wish_of(&instance)
    };
    let policy = fleet::policy(&mut tx, instance.organization_id).await?;
    let ranked = rank(
        &wish,
        policy,
        &fleet::fleet(&mut tx, instance.organization_id).await?,
    );
    let mut refusal = None;
    for best in ranked.iter().filter(|placed| placed.score().is_some()) {
        let Some(target) = servers::get(&mut tx, best.server).await? else {
            continue;
        };
        fleet::try_out(&mut tx).await?;
        match instance_move::request(&mut tx, &instance, &target).await {
            Ok(id) => {
                operations::set_part_of(&mut tx, id, ctx.operation()).await?;
                tx.commit().await.map_err(ocore_store::Error::from)?;
                ctx.hands().notifications().wake_queue();
                ctx.info(format!(
                    "{}: moving to {} (score {}), operation {id}",
                    instance.name,
                    best.name,
                    best.score().unwrap_or_default()
                ));
                return Ok(id);
            }
            // It became full since: the next one.
            Err(problem) => {
                fleet::let_go(&mut tx).await?;
                refusal.get_or_insert(problem);
            }
        }
    }
    Err(refusal.unwrap_or_else(|| capacity::nowhere(&instance.name, &ranked)))
}
