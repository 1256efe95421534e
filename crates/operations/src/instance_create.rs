//! Makes an instance: ports, image, database, volume, container, and waits until it serves.

use futures::future::BoxFuture;
use ocore_domain::{Code, InstanceId, OperationId, Problem, instance::Transition, operation::OperationState};
use ocore_store::{
    PgConnection,
    instances::{self, Instance},
    operations::{self, Claimed},
    servers,
};
use serde::{Deserialize, Serialize};

use crate::{
    capacity, command,
    engine::{Ctx, Definition, End, INSTANCE_SECRETS, Settle, secs, settle_instance, step},
    parts::{
        database, files,
        life::{create_container, get_image, remove_container, start, wait_healthy},
        ports, postgres, template,
    },
};

/// What a person chose that is not in the instance's row.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Params {
    /// The HTTP port on the server's loopback; none: the lowest free one.
    pub http_port: Option<u16>,
    /// The websocket port there.
    pub longpolling_port: Option<u16>,
}

pub(crate) static DEFINITION: Definition = Definition {
    kind: "instance_create",
    steps: &[
        step!(check_server, "Check the server", secs(30)),
        step!(reserve_ports, "Reserve ports", secs(30), undo release_ports),
        step!(get_image, "Get the image", secs(1800)),
        step!(prepare_template, "Prepare the template database", secs(1800), undo abandon_template),
        step!(create_database, "Create role and database", secs(300), undo remove_database),
        step!(create_volume, "Create the volume", secs(300), undo remove_volume),
        step!(create_container, "Create the container", secs(60), undo remove_container),
        step!(start, "Start Odoo", secs(60)),
        step!(wait_healthy, "Wait until Odoo serves", secs(240)),
    ],
    settle: Settle::With(settle),
    secrets: INSTANCE_SECRETS,
};

/// Checks that the server takes it, and enqueues the creation of an instance whose row was just added. Lock the
/// server's row before.
pub async fn request(
    tx: &mut PgConnection,
    instance: &Instance,
    params: &Params,
) -> Result<OperationId, Problem> {
    let server = servers::get(tx, instance.server_id).await?;
    let server = server.ok_or_else(|| Problem::internal("the instance has no server"))?;
    capacity::check(tx, &server, instance).await?;
    let params = serde_json::to_value(params).map_err(Problem::internal)?;
    Ok(operations::enqueue(tx, &command::on_instance(&DEFINITION, instance, params)).await?)
}

/// The least free disk for an instance: its database, its files, and a margin, in bytes.
pub(crate) const DISK: u64 = ocore_domain::placement::DISK;

async fn check_server(ctx: &Ctx) -> Result<(), Problem> {
    let server = ctx.server().await?;
    capacity::check_active(&server)?;
    let host = ctx.host().await?;
    let engine = host.engine().await?;
    postgres::check(&engine).await?;
    let root = engine.info().await?.root_dir;
    let free = crate::server_validate::free_disk(&*host, &root).await?;
    if free < DISK {
        return Err(Problem::new(
            Code::InsufficientDisk,
            format!(
                "{} has {} MiB free in {root}, and an instance needs {} MiB",
                server.name,
                free >> 20,
                DISK >> 20
            ),
            "Make room there, or choose another server.",
        ));
    }
    ctx.info(format!(
        "{} answers; {} MiB are free in {root}",
        server.name,
        free >> 20
    ));
    Ok(())
}

async fn reserve_ports(ctx: &Ctx) -> Result<(), Problem> {
    let params: Params = ctx.params()?;
    ports::reserve(ctx, (params.http_port, params.longpolling_port)).await
}

async fn release_ports(ctx: &Ctx) -> Result<(), Problem> {
    ports::release(ctx).await
}

async fn prepare_template(ctx: &Ctx) -> Result<(), Problem> {
    template::prepare(ctx, &ctx.engine().await?, &ctx.instance().await?).await
}

async fn abandon_template(ctx: &Ctx) -> Result<(), Problem> {
    template::abandon(ctx, &ctx.engine().await?, &ctx.instance().await?).await
}

async fn create_database(ctx: &Ctx) -> Result<(), Problem> {
    let (engine, instance) = (ctx.engine().await?, ctx.instance().await?);
    let secrets = ctx.secrets(&instance).await?;
    let template = template::template(&engine, &instance).await?;
    database::create(ctx, &engine, &instance, &secrets, &template).await
}

async fn remove_database(ctx: &Ctx) -> Result<(), Problem> {
    database::remove(&ctx.engine().await?, &ctx.instance().await?).await
}

async fn create_volume(ctx: &Ctx) -> Result<(), Problem> {
    let (engine, instance) = (ctx.engine().await?, ctx.instance().await?);
    let template = template::template(&engine, &instance).await?;
    files::create(ctx, &engine, &instance, &template).await
}

async fn remove_volume(ctx: &Ctx) -> Result<(), Problem> {
    files::remove(&ctx.engine().await?, &ctx.instance().await?).await
}

fn settle<'a>(
    tx: &'a mut PgConnection,
    claim: &'a Claimed,
    end: End<'a>,
) -> BoxFuture<'a, Result<(), Problem>> {
    Box::pin(async move {
        settle_instance(tx, claim, end, Transition::Up, Transition::Gone).await?;
        if let (OperationState::Done, Some(id)) = (end.state, claim.subject_id) {
            instances::forget_admin_password(tx, InstanceId::from(id)).await?;
        }
        Ok(())
    })
}
