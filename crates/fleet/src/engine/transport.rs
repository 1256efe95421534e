//! HTTP to the Engine over whatever way there is to its socket.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use futures::future::BoxFuture;
use hyper::Uri;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use tower_service::Service;

use crate::{BoxedStream, stream::Placed};

/// Opens a way to the Engine's socket.
pub(crate) type Dial = Arc<dyn Fn() -> BoxFuture<'static, io::Result<BoxedStream>> + Send + Sync>;

/// Seconds until an answer begins. Stopping a container may take its whole grace.
const ANSWER: u64 = 180;

#[derive(Clone)]
struct Connector(Dial);

impl Service<Uri> for Connector {
    type Response = TokioIo<Placed>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Placed>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let dialled = (self.0)();
        Box::pin(async move {
            Ok(TokioIo::new(Placed {
                stream: dialled.await?,
                _place: None,
            }))
        })
    }
}

/// How many connections the way to the socket can bear.
pub(crate) struct Bounds {
    /// Answers that last, at once.
    pub(super) long: usize,
    idle: usize,
    idle_for: Duration,
}

impl Bounds {
    /// Connections cost next to nothing.
    pub(crate) const fn wide() -> Self {
        Self {
            long: 56,
            idle: 8,
            idle_for: Duration::from_secs(30),
        }
    }

    /// Each connection is one of so many SSH sessions; one is left for the answers that do not last.
    pub(crate) fn narrow(connections: usize) -> Self {
        Self {
            long: connections.saturating_sub(1).max(1),
            idle: 1,
            idle_for: Duration::from_secs(5),
        }
    }
}

pub(super) fn docker(dial: Dial, bounds: &Bounds) -> Result<Docker, bollard::errors::Error> {
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(bounds.idle_for)
        .pool_max_idle_per_host(bounds.idle)
        .build(Connector(dial));
    let client = Arc::new(client);
    let transport = move |request: BollardRequest| {
        let client = client.clone();
        Box::pin(async move {
            client
                .request(request)
                .await
                .map_err(bollard::errors::Error::from)
        })
    };
    Docker::connect_with_custom_transport(transport, Some("http://docker"), ANSWER, API_DEFAULT_VERSION)
}
