//! Changes an instance's settings: a new container takes the old one's place, which comes back should it not serve.

use futures::future::BoxFuture;
use ocore_domain::{
    InstanceId, OperationId, Problem,
    instance::{InstanceStatus, Settings, Transition},
    operation::OperationState,
};
use ocore_fleet::Engine;
use ocore_store::{
    PgConnection, Sealer,
    instances::{self, Environment, Instance},
    operations::Claimed,
    servers,
};
use serde::{Deserialize, Serialize};

use crate::{
    capacity, command,
    engine::{Ctx, Definition, End, Settle, secs, settle_instance, step},
    parts::{container, instance_labels, life},
};

/// What a person chose.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Params {
    settings: Settings,
    /// The values sealed, as they are in the instance's row.
    env_names: Vec<String>,
    env_values_sealed: Vec<u8>,
    before: InstanceStatus,
}

impl Params {
    /// Whether the instance is to serve afterwards: one that failed is changed so that it does.
    fn starts(&self) -> bool {
        self.before != InstanceStatus::Stopped
    }
}

pub(crate) static DEFINITION: Definition = Definition {
    kind: "instance_update",
    steps: &[
        step!(get_image, "Get the image", secs(1800)),
        step!(replace_container, "Replace the container", secs(120), undo restore_container),
        step!(start, "Start Odoo", secs(60)),
        step!(wait_healthy, "Wait until Odoo serves", secs(240)),
        step!(
            remove_previous,
            "Remove the previous container",
            secs(60),
            irreversible
        ),
    ],
    settle: Settle::With(settle),
    secrets: Some(|ctx| Box::pin(both_secrets(ctx))),
};

/// Checks that the server has room for the new settings, and enqueues the change. Lock the server's row before.
pub async fn request(
    tx: &mut PgConnection,
    sealer: &Sealer,
    instance: &Instance,
    settings: &Settings,
    environment: &Environment,
) -> Result<OperationId, Problem> {
    settings.validate()?;
    let params = Params {
        settings: settings.clone(),
        env_names: environment.keys().cloned().collect(),
        env_values_sealed: instances::seal_values(sealer, instance, environment)?,
        before: instance.status,
    };
    again(tx, instance, params).await
}

/// The same once more, on an instance that may have changed meanwhile.
pub(crate) async fn again(
    tx: &mut PgConnection,
    instance: &Instance,
    params: Params,
) -> Result<OperationId, Problem> {
    let server = servers::get(tx, instance.server_id).await?;
    let server = server.ok_or_else(|| Problem::internal("the instance has no server"))?;
    let settings = &params.settings;
    capacity::check_cpu(&server, settings.cpu_limit_millis)?;
    capacity::check_memory(tx, &server, instance.id, settings.memory_limit_bytes).await?;
    let params = Params {
        before: instance.status,
        ..params
    };
    command::begin(tx, &DEFINITION, instance, Transition::Update, params).await
}

/// The instance's secrets as they are, and as they are to be.
async fn both_secrets(ctx: &Ctx) -> Result<(), Problem> {
    let instance = ctx.instance().await?;
    ctx.secrets(&instance).await?;
    new_environment(ctx, &instance)?;
    Ok(())
}

fn new_environment(ctx: &Ctx, instance: &Instance) -> Result<Environment, Problem> {
    let sealed = ctx.params::<Params>()?.env_values_sealed;
    let environment = instances::open_values(ctx.store().sealer(), instance, &sealed)?;
    for value in environment.values() {
        ctx.keep(value);
    }
    Ok(environment)
}

async fn get_image(ctx: &Ctx) -> Result<(), Problem> {
    let params: Params = ctx.params()?;
    ctx.engine()
        .await?
        .ensure_image(&params.settings.image, &ctx.sink())
        .await
}

async fn replace_container(ctx: &Ctx) -> Result<(), Problem> {
    let (engine, instance, params) = (
        ctx.engine().await?,
        ctx.instance().await?,
        ctx.params::<Params>()?,
    );
    let names = instance.names();
    let secrets = ctx.secrets(&instance).await?;
    let environment = new_environment(ctx, &instance)?;
    if engine.container(&names.previous_container).await?.is_none()
        && engine.container(&names.container).await?.is_some()
    {
        container::stop(&engine, &instance).await?;
        engine.rename(&names.container, &names.previous_container).await?;
    }
    container::create(ctx, &engine, &instance, &params.settings, &environment, &secrets).await
}

async fn restore_container(ctx: &Ctx) -> Result<(), Problem> {
    let (engine, instance, params) = (
        ctx.engine().await?,
        ctx.instance().await?,
        ctx.params::<Params>()?,
    );
    let names = instance.names();
    if engine.container(&names.previous_container).await?.is_some() {
        engine
            .remove_container(&names.container, &instance_labels(&instance))
            .await?;
        engine.rename(&names.previous_container, &names.container).await?;
    }
    if params.before == InstanceStatus::Running {
        life::start(ctx).await
    } else {
        Ok(())
    }
}

async fn start(ctx: &Ctx) -> Result<(), Problem> {
    if !ctx.params::<Params>()?.starts() {
        ctx.info("The instance rests; it is started when somebody asks for it");
        return Ok(());
    }
    container::start(&ctx.engine().await?, &ctx.instance().await?).await
}

async fn wait_healthy(ctx: &Ctx) -> Result<(), Problem> {
    if ctx.params::<Params>()?.starts() {
        life::wait_healthy(ctx).await
    } else {
        Ok(())
    }
}

async fn remove_previous(ctx: &Ctx) -> Result<(), Problem> {
    let (engine, instance): (Engine, Instance) = (ctx.engine().await?, ctx.instance().await?);
    engine
        .remove_container(&instance.names().previous_container, &instance_labels(&instance))
        .await
}

fn settle<'a>(
    tx: &'a mut PgConnection,
    claim: &'a Claimed,
    end: End<'a>,
) -> BoxFuture<'a, Result<(), Problem>> {
    Box::pin(async move {
        let params: Params = serde_json::from_value(claim.params.clone()).map_err(Problem::internal)?;
        let done = if params.starts() {
            Transition::Up
        } else {
            Transition::Down
        };
        settle_instance(tx, claim, end, done, Transition::back(params.before)).await?;
        if let (OperationState::Done, Some(id)) = (end.state, claim.subject_id) {
            let (names, values) = (&params.env_names, &params.env_values_sealed);
            instances::set_configuration(tx, InstanceId::from(id), &params.settings, names, values).await?;
        }
        Ok(())
    })
}
