//! Moves an instance to another server: its files are copied while it runs; then it stops, its database and the rest of
//! its files follow, and it starts there. Until the switch, one change of its row, everything is taken back on a failure and it
//! runs where it was; after it, nothing but its old copy is left to be removed.

use futures::future::BoxFuture;
use ocore_domain::{
    Code, InstanceId, OperationId, Problem, ServerId,
    instance::{InstanceStatus, Transition},
    operation::OperationState,
};
use ocore_fleet::{Engine, Host};
use ocore_store::{
    PgConnection,
    instances::{self, Instance},
    operations::{self, Claimed},
    ports as port_rows,
    servers::{self, Server},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;

use crate::{
    capacity, command,
    engine::{Ctx, Definition, End, INSTANCE_SECRETS, Settle, secs, settle_instance, step},
    instance_create::DISK,
    parts::{container, database, files, health, life, ports, postgres, transfer},
};

/// From where to where, and what it was before.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Params {
    source: ServerId,
    target: ServerId,
    before: InstanceStatus,
}

impl Params {
    fn served(&self) -> bool {
        self.before == InstanceStatus::Running
    }
}

pub(crate) static DEFINITION: Definition = Definition {
    kind: "instance_move",
    steps: &[
        step!(check_servers, "Check both servers", secs(60)),
        step!(reserve_ports, "Reserve ports there", secs(30), undo release_ports),
        step!(get_image, "Get the image there", secs(1800)),
        step!(copy_files, "Copy the files while it runs", secs(7200), undo remove_files),
        step!(stop, "Stop Odoo", secs(120), undo life::start_again),
        step!(copy_database, "Copy the database", secs(7200), undo remove_database),
        step!(copy_rest, "Copy the files that changed", secs(7200)),
        step!(create_container, "Create the container there", secs(60), undo remove_container),
        step!(start, "Start Odoo there", secs(60)),
        step!(wait_healthy, "Wait until Odoo serves there", secs(240)),
        step!(switch, "Switch to the new server", secs(30), irreversible),
        step!(remove_source, "Remove the old copy", secs(300), irreversible),
    ],
    settle: Settle::With(settle),
    secrets: INSTANCE_SECRETS,
};

/// Checks that the target can take it, and enqueues the move. One that was left half done goes on to where it was going;
/// one that was done but for the old copy is asked for once more by naming the server where it is.
pub async fn request(
    tx: &mut PgConnection,
    instance: &Instance,
    target: &Server,
) -> Result<OperationId, Problem> {
    begin(tx, instance.id, instance.server_id, target, None).await
}

/// The same once more.
pub(crate) async fn again(
    tx: &mut PgConnection,
    instance: &Instance,
    params: &Params,
) -> Result<OperationId, Problem> {
    let target = servers::get(tx, params.target).await?;
    let target = target.ok_or_else(|| Problem::internal("the server of a move is gone"))?;
    begin(tx, instance.id, instance.server_id, &target, Some(params.before)).await
}

async fn begin(
    tx: &mut PgConnection,
    id: InstanceId,
    from: ServerId,
    target: &Server,
    before: Option<InstanceStatus>,
) -> Result<OperationId, Problem> {
    servers::lock_all(tx, &[from, target.id]).await?;
    instances::lock(tx, id).await?;
    // As they are now that nobody else changes them.
    let gone = || Problem::internal("what is to be moved is gone");
    let instance = instances::get(tx, id).await?.ok_or_else(gone)?;
    let target = servers::get(tx, target.id).await?.ok_or_else(gone)?;
    let source = source_of(&instance, &target)?;
    if instance.server_id != target.id {
        if instance.move_target_id != Some(target.id) {
            capacity::check(tx, &target, &instance).await?;
        }
        instances::set_move_target(tx, id, Some(target.id)).await?;
    }
    let params = Params {
        source,
        target: target.id,
        // What a move that failed left is meant to be what it was before that.
        before: before
            .filter(|_| instance.status == InstanceStatus::Failed)
            .unwrap_or(instance.status),
    };
    let params = serde_json::to_value(params).map_err(Problem::internal)?;
    instances::transition(tx, id, Transition::Move, None).await?;
    let mut new = command::on_instance(&DEFINITION, &instance, params);
    new.server_id = Some(source);
    // Most of the work is there.
    new.group_key = Some(command::serial_key("server", target.id.uuid()));
    Ok(operations::enqueue(tx, &new).await?)
}

/// Where the instance comes from, or why it cannot go to the target.
fn source_of(instance: &Instance, target: &Server) -> Result<ServerId, Problem> {
    let refuse = |detail: String, mend: String| Err(Problem::new(Code::StateConflict, detail, mend));
    if let Some(going) = instance.move_target_id
        && going != target.id
    {
        return refuse(
            format!(
                "A move of {} to another server did not come to its end",
                instance.name
            ),
            format!("Move it there once more first, or retry that operation: the server has the id {going}."),
        );
    }
    match instance.move_source_id {
        Some(source) if instance.server_id == target.id => Ok(source),
        Some(_) => refuse(
            format!("An old copy of {} is still to be removed", instance.name),
            format!(
                "ocore instance move {} --to {} removes it.",
                instance.slug, instance.server_name
            ),
        ),
        None if instance.server_id == target.id => refuse(
            format!("{} is on {} already", instance.name, target.name),
            "Choose another server.".to_owned(),
        ),
        None => Ok(instance.server_id),
    }
}

/// Both ends of a move, and the instance as it is at each.
struct Way {
    params: Params,
    /// The row as it stands.
    instance: Instance,
    source: Server,
    target: Server,
}

impl Way {
    async fn of(ctx: &Ctx) -> Result<Self, Problem> {
        let params: Params = ctx.params()?;
        let instance = ctx.instance().await?;
        let mut conn = ctx.store().connection().await?;
        let gone = || Problem::internal("a server of the move is gone");
        Ok(Self {
            source: servers::get(&mut conn, params.source).await?.ok_or_else(gone)?,
            target: servers::get(&mut conn, params.target).await?.ok_or_else(gone)?,
            params,
            instance,
        })
    }

    /// Whether the switch was made: from then on what is at the target is the instance, and not to be touched.
    fn switched(&self) -> bool {
        self.instance.server_id == self.target.id
    }

    /// The instance as it is at the source.
    fn there_before(&self) -> Instance {
        Instance {
            server_id: self.source.id,
            server_name: self.source.name.clone(),
            ..self.instance.clone()
        }
    }

    /// The instance as it will be at the target, with the ports reserved there.
    async fn there(&self, ctx: &Ctx) -> Result<Instance, Problem> {
        let mut conn = ctx.store().connection().await?;
        let ports = port_rows::of_instance(&mut conn, self.instance.id, self.target.id).await?;
        Ok(Instance {
            server_id: self.target.id,
            server_name: self.target.name.clone(),
            http_port: ports.map(|ports| ports.0.into()),
            longpolling_port: ports.map(|ports| ports.1.into()),
            ..self.instance.clone()
        })
    }

    async fn source_engine(&self, ctx: &Ctx) -> Result<Engine, Problem> {
        ctx.hands().host(self.source.id).await?.engine().await
    }

    async fn target_host(&self, ctx: &Ctx) -> Result<Arc<dyn Host>, Problem> {
        ctx.hands().host(self.target.id).await
    }

    async fn target_engine(&self, ctx: &Ctx) -> Result<Engine, Problem> {
        self.target_host(ctx).await?.engine().await
    }
}

async fn check_servers(ctx: &Ctx) -> Result<(), Problem> {
    let way = Way::of(ctx).await?;
    if way.switched() {
        ctx.info(format!(
            "{} is on {} already; only its old copy is removed",
            way.instance.name, way.target.name
        ));
        return Ok(());
    }
    capacity::check_active(&way.target)?;
    let (from, host) = (way.source_engine(ctx).await?, way.target_host(ctx).await?);
    let to = host.engine().await?;
    postgres::check(&to).await?;
    if !database::is_ready(&from, &way.there_before()).await? {
        return Err(Problem::new(
            Code::StateConflict,
            format!(
                "{} has no whole database on {}: there is nothing to move",
                way.instance.name, way.source.name
            ),
            "Delete it and create it anew on the other server.",
        ));
    }
    let size = database::size(&from, &way.instance).await?;
    let root = to.info().await?.root_dir;
    let free = crate::server_validate::free_disk(&*host, &root).await?;
    // The dump and what it becomes.
    if free < DISK + size.saturating_mul(2) {
        return Err(Problem::new(
            Code::InsufficientDisk,
            format!(
                "{} has {} MiB free in {root}, and the database of {} MiB needs twice its size there",
                way.target.name,
                free >> 20,
                size >> 20
            ),
            "Make room there, or choose another server.",
        ));
    }
    ctx.info(format!(
        "Moving {} from {} to {}; its database has {} MiB, and {} MiB are free there",
        way.instance.name,
        way.source.name,
        way.target.name,
        size >> 20,
        free >> 20
    ));
    Ok(())
}

async fn reserve_ports(ctx: &Ctx) -> Result<(), Problem> {
    let way = Way::of(ctx).await?;
    if way.switched() {
        return Ok(());
    }
    ports::reserve_on(ctx, &*way.target_host(ctx).await?, &way.instance, way.target.id).await
}

async fn release_ports(ctx: &Ctx) -> Result<(), Problem> {
    let way = Way::of(ctx).await?;
    if way.switched() {
        return Ok(());
    }
    let mut conn = ctx.store().connection().await?;
    Ok(port_rows::release_on(&mut conn, way.instance.id, way.target.id).await?)
}

async fn get_image(ctx: &Ctx) -> Result<(), Problem> {
    let way = Way::of(ctx).await?;
    if way.switched() {
        return Ok(());
    }
    let engine = way.target_engine(ctx).await?;
    engine
        .ensure_image(&way.instance.settings.image, &ctx.sink())
        .await
}

async fn copy_files(ctx: &Ctx) -> Result<(), Problem> {
    let way = Way::of(ctx).await?;
    if way.switched() {
        return Ok(());
    }
    let (host, from, before, there) = (
        way.target_host(ctx).await?,
        way.source_engine(ctx).await?,
        way.there_before(),
        way.there(ctx).await?,
    );
    let to = host.engine().await?;
    // What an earlier move may have left there is not what is at the source now.
    container::remove(&to, &there).await?;
    database::remove(&to, &there).await?;
    let free = crate::server_validate::free_disk(&*host, &to.info().await?.root_dir).await?;
    let (from, to) = (end(&from, &before), end(&to, &there));
    transfer::copy_ahead(ctx, from, to, free.saturating_sub(DISK)).await
}

async fn remove_files(ctx: &Ctx) -> Result<(), Problem> {
    let way = Way::of(ctx).await?;
    if way.switched() {
        return Ok(());
    }
    let (before, there) = (way.there_before(), way.there(ctx).await?);
    end(&way.source_engine(ctx).await?, &before)
        .let_go_of_volume()
        .await?;
    files::remove(&way.target_engine(ctx).await?, &there).await
}

async fn stop(ctx: &Ctx) -> Result<(), Problem> {
    let way = Way::of(ctx).await?;
    if way.switched() {
        return Ok(());
    }
    container::stop(&way.source_engine(ctx).await?, &way.there_before()).await
}

async fn copy_database(ctx: &Ctx) -> Result<(), Problem> {
    let way = Way::of(ctx).await?;
    if way.switched() {
        return Ok(());
    }
    let (from, to) = (way.source_engine(ctx).await?, way.target_engine(ctx).await?);
    let (before, there) = (way.there_before(), way.there(ctx).await?);
    let secrets = ctx.secrets(&way.instance).await?;
    let jobs = way.target.facts.as_ref().map_or(1, |facts| facts.cpu_cores);
    transfer::copy_database(ctx, end(&from, &before), end(&to, &there), &secrets, jobs).await
}

async fn remove_database(ctx: &Ctx) -> Result<(), Problem> {
    let way = Way::of(ctx).await?;
    if way.switched() {
        return Ok(());
    }
    let (from, to) = (way.source_engine(ctx).await?, way.target_engine(ctx).await?);
    let (before, there) = (way.there_before(), way.there(ctx).await?);
    database::remove(&to, &there).await?;
    end(&to, &there).delete_dump().await?;
    end(&from, &before).delete_dump().await
}

async fn copy_rest(ctx: &Ctx) -> Result<(), Problem> {
    let way = Way::of(ctx).await?;
    if way.switched() {
        return Ok(());
    }
    let (from, to) = (way.source_engine(ctx).await?, way.target_engine(ctx).await?);
    let (before, there) = (way.there_before(), way.there(ctx).await?);
    transfer::copy_rest(ctx, end(&from, &before), end(&to, &there)).await
}

async fn create_container(ctx: &Ctx) -> Result<(), Problem> {
    let way = Way::of(ctx).await?;
    if way.switched() {
        return Ok(());
    }
    let (engine, there) = (way.target_engine(ctx).await?, way.there(ctx).await?);
    let secrets = ctx.secrets(&there).await?;
    let (settings, environment) = (&there.settings, &secrets.environment);
    container::create_on(&engine, &way.target, &there, settings, environment, &secrets).await
}

async fn remove_container(ctx: &Ctx) -> Result<(), Problem> {
    let way = Way::of(ctx).await?;
    if way.switched() {
        return Ok(());
    }
    container::remove(&way.target_engine(ctx).await?, &way.there(ctx).await?).await
}

async fn start(ctx: &Ctx) -> Result<(), Problem> {
    let way = Way::of(ctx).await?;
    if way.switched() {
        return Ok(());
    }
    if !way.params.served() {
        ctx.info("The instance rests; it is started when somebody asks for it");
        return Ok(());
    }
    container::start(&way.target_engine(ctx).await?, &way.there(ctx).await?).await
}

async fn wait_healthy(ctx: &Ctx) -> Result<(), Problem> {
    let way = Way::of(ctx).await?;
    if way.switched() || !way.params.served() {
        return Ok(());
    }
    let host = way.target_host(ctx).await?;
    health::wait(ctx, &*host, &host.engine().await?, &way.there(ctx).await?).await
}

/// One transaction: the row names the other server and the ports there, and the ports before are free.
async fn switch(ctx: &Ctx) -> Result<(), Problem> {
    let way = Way::of(ctx).await?;
    if !way.switched() {
        let mut tx = ctx.store().begin().await?;
        ctx.hold(&mut tx).await?;
        servers::lock_all(&mut tx, &[way.source.id, way.target.id]).await?;
        if !instances::switch(&mut tx, way.instance.id, way.target.id).await? {
            return Err(Problem::internal(
                "the instance is not on its way to the other server any more",
            ));
        }
        port_rows::release_on(&mut tx, way.instance.id, way.source.id).await?;
        tx.commit().await.map_err(ocore_store::Error::from)?;
    }
    let downtime = downtime(ctx).await?.filter(|_| way.params.served());
    let result = json!({
        "fromServerId": way.source.id, "fromServerName": way.source.name,
        "toServerId": way.target.id, "toServerName": way.target.name,
        "downtimeMs": downtime,
    });
    ctx.set_result(&result).await?;
    ctx.info(match downtime {
        Some(ms) => format!(
            "{} is on {} now; from its stop until it served there it was away for {}.{} s",
            way.instance.name,
            way.target.name,
            ms / 1000,
            ms % 1000 / 100
        ),
        None => format!("{} is on {} now", way.instance.name, way.target.name),
    });
    Ok(())
}

/// From the beginning of the stop until the instance served at the target, in milliseconds, by the rows of the steps: they
/// hold though the process was lost in between.
async fn downtime(ctx: &Ctx) -> Result<Option<i64>, Problem> {
    let steps = operations::steps_of(&mut *ctx.store().connection().await?, ctx.operation()).await?;
    let step = |name: &str| steps.iter().find(|step| step.name == name);
    let began = step("stop").and_then(|step| step.started_at);
    let served = step("wait_healthy").and_then(|step| step.finished_at);
    Ok(began
        .zip(served)
        .map(|(began, served)| (served - began).num_milliseconds()))
}

async fn remove_source(ctx: &Ctx) -> Result<(), Problem> {
    let way = Way::of(ctx).await?;
    if !way.switched() || way.source.id == way.target.id {
        return Err(Problem::internal("the instance is not on the other server yet"));
    }
    let (from, before) = (way.source_engine(ctx).await?, way.there_before());
    container::remove(&from, &before).await?;
    database::remove(&from, &before).await?;
    end(&from, &before).delete_dump().await?;
    files::remove(&from, &before).await?;
    let (to, there) = (way.target_engine(ctx).await?, way.there(ctx).await?);
    end(&to, &there).let_go_of_volume().await?;
    end(&to, &there).delete_dump().await?;
    ctx.info(format!(
        "Nothing of {} is left on {}",
        way.instance.name, way.source.name
    ));
    Ok(())
}

const fn end<'a>(engine: &'a Engine, instance: &'a Instance) -> transfer::End<'a> {
    transfer::End { engine, instance }
}

fn settle<'a>(
    tx: &'a mut PgConnection,
    claim: &'a Claimed,
    end: End<'a>,
) -> BoxFuture<'a, Result<(), Problem>> {
    Box::pin(async move {
        let params: Params = serde_json::from_value(claim.params.clone()).map_err(Problem::internal)?;
        let id = claim.subject_id.map(InstanceId::from);
        let id = id.ok_or_else(|| Problem::internal("the operation names no instance"))?;
        let row = instances::get(tx, id).await?;
        let row = row.ok_or_else(|| Problem::internal("the moved instance is gone"))?;
        let back = Transition::back(params.before);
        if row.server_id == params.target {
            // Whatever came after the switch, the instance is there. An old copy that is left is told.
            if end.state == OperationState::Done {
                instances::forget_move_source(tx, id).await?;
            }
            let left = end
                .error
                .map(|error| format!("its old copy is still to be removed: {}", error.detail));
            instances::transition(tx, id, back, left.as_deref()).await?;
            return Ok(());
        }
        if end.state != OperationState::Failed {
            instances::set_move_target(tx, id, None).await?;
        }
        settle_instance(tx, claim, end, back, back).await
    })
}
