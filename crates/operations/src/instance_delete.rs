//! Deletes an instance, after a last dump that is kept for a while.

use futures::future::BoxFuture;
use ocore_domain::{
    OperationId, Problem,
    instance::{InstanceStatus, Transition},
};
use ocore_store::{PgConnection, instances::Instance, operations::Claimed};
use serde::{Deserialize, Serialize};

use crate::{
    command,
    engine::{Ctx, Definition, End, INSTANCE_SECRETS, Settle, secs, settle_instance, step},
    parts::{database, dump, files, life, ports},
};

/// What a person chose.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Params {
    /// Whether a last dump is kept.
    pub keep_dump: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    keep_dump: bool,
    before: InstanceStatus,
}

pub(crate) static DEFINITION: Definition = Definition {
    kind: "instance_delete",
    steps: &[
        step!(keep_dump, "Keep a final dump", secs(7200), undo discard_dump),
        step!(remove_container, "Remove the container", secs(120), irreversible),
        step!(remove_database, "Drop database and role", secs(120), irreversible),
        step!(remove_volume, "Remove the volume", secs(120), irreversible),
        step!(release_ports, "Release the ports", secs(30), irreversible),
    ],
    settle: Settle::With(settle),
    secrets: INSTANCE_SECRETS,
};

/// Enqueues the deletion of an instance.
pub async fn request(
    tx: &mut PgConnection,
    instance: &Instance,
    params: &Params,
) -> Result<OperationId, Problem> {
    let kept = Kept {
        keep_dump: params.keep_dump,
        before: instance.status,
    };
    command::begin(tx, &DEFINITION, instance, Transition::Remove, kept).await
}

async fn keep_dump(ctx: &Ctx) -> Result<(), Problem> {
    if !ctx.params::<Kept>()?.keep_dump {
        ctx.info("No dump is kept, as asked");
        return Ok(());
    }
    dump::make(ctx, &ctx.engine().await?, &ctx.instance().await?).await
}

async fn discard_dump(ctx: &Ctx) -> Result<(), Problem> {
    dump::discard(ctx, &ctx.engine().await?, &ctx.instance().await?).await
}

async fn remove_container(ctx: &Ctx) -> Result<(), Problem> {
    // Odoo is given time to end its requests.
    life::stop(ctx).await?;
    life::remove_container(ctx).await
}

async fn remove_database(ctx: &Ctx) -> Result<(), Problem> {
    database::remove(&ctx.engine().await?, &ctx.instance().await?).await
}

async fn remove_volume(ctx: &Ctx) -> Result<(), Problem> {
    files::remove(&ctx.engine().await?, &ctx.instance().await?).await
}

async fn release_ports(ctx: &Ctx) -> Result<(), Problem> {
    ports::release(ctx).await
}

fn settle<'a>(
    tx: &'a mut PgConnection,
    claim: &'a Claimed,
    end: End<'a>,
) -> BoxFuture<'a, Result<(), Problem>> {
    Box::pin(async move {
        let kept: Kept = serde_json::from_value(claim.params.clone()).map_err(Problem::internal)?;
        settle_instance(tx, claim, end, Transition::Gone, Transition::back(kept.before)).await
    })
}
