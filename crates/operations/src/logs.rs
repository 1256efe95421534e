//! An instance's container log.

use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use ocore_domain::Problem;
use ocore_store::instances::Instance;

use crate::Hands;

/// The last lines of an instance's log, and, when it is followed, those to come.
pub fn container_logs(
    hands: &Hands,
    instance: &Instance,
    follow: bool,
    tail: u64,
) -> BoxStream<'static, Result<String, Problem>> {
    let (hands, server, container) = (hands.clone(), instance.server_id, instance.names().container);
    let opened = async move {
        let engine = hands.host(server).await?.engine().await?;
        Ok::<_, Problem>(engine.logs(&container, follow, Some(tail)))
    };
    stream::once(opened).try_flatten().boxed()
}
