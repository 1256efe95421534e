//! Steps that several operations share: getting, making, starting, stopping and awaiting an instance's container.

use ocore_domain::Problem;

use super::{container, health};
use crate::engine::{Before, Ctx};

/// Gets the image of the instance's settings.
pub(crate) async fn get_image(ctx: &Ctx) -> Result<(), Problem> {
    let instance = ctx.instance().await?;
    ctx.engine()
        .await?
        .ensure_image(&instance.settings.image, &ctx.sink())
        .await
}

/// Makes the container as the row says.
pub(crate) async fn create_container(ctx: &Ctx) -> Result<(), Problem> {
    let instance = ctx.instance().await?;
    let secrets = ctx.secrets(&instance).await?;
    container::create(
        ctx,
        &ctx.engine().await?,
        &instance,
        &instance.settings,
        &secrets.environment,
        &secrets,
    )
    .await
}

/// Starts the container, made anew where somebody took it away.
pub(crate) async fn start(ctx: &Ctx) -> Result<(), Problem> {
    create_container(ctx).await?;
    container::start(&ctx.engine().await?, &ctx.instance().await?).await
}

/// Takes a stop back: what did not serve before is not started.
pub(crate) async fn start_again(ctx: &Ctx) -> Result<(), Problem> {
    if ctx.params::<Before>()?.served() {
        start(ctx).await
    } else {
        Ok(())
    }
}

/// Stops the container.
pub(crate) async fn stop(ctx: &Ctx) -> Result<(), Problem> {
    container::stop(&ctx.engine().await?, &ctx.instance().await?).await
}

/// Waits until page and database answer.
pub(crate) async fn wait_healthy(ctx: &Ctx) -> Result<(), Problem> {
    let host = ctx.host().await?;
    health::wait(ctx, &*host, &host.engine().await?, &ctx.instance().await?).await
}

/// Takes the container away.
pub(crate) async fn remove_container(ctx: &Ctx) -> Result<(), Problem> {
    container::remove(&ctx.engine().await?, &ctx.instance().await?).await
}
