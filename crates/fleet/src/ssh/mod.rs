//! A server over SSH: one connection, over which everything goes.

mod connect;
mod docker;
mod exec;

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use ocore_domain::{
    Code, Problem,
    server::{DockerRoute, Privilege},
};
use russh::{
    Channel, ChannelOpenFailure,
    client::{Handle, Msg},
};
use tokio::{
    sync::{OnceCell, OwnedSemaphorePermit, Semaphore},
    time::{Duration, timeout},
};

use crate::{Access, BoxedStream, Engine, Finished, Host, HostKey, Script, local::refused, stream::Placed};

/// Forwarded channels at once; `MaxSessions` does not count them.
const FORWARDS: usize = 64;
/// How long the server may take to open a channel.
const OPEN: Duration = Duration::from_secs(15);

type Connection = Handle<connect::Watch>;

/// The connection, and what bounds its use. It closes with the last who holds it.
struct Link {
    connection: Connection,
    name: String,
    privilege: Privilege,
    docker_socket: String,
    sessions: Arc<Semaphore>,
    forwards: Arc<Semaphore>,
}

/// A server over SSH.
pub(crate) struct SshHost {
    link: Arc<Link>,
    engine: OnceCell<Engine>,
    route: OnceLock<DockerRoute>,
}

impl SshHost {
    pub(crate) async fn connect(access: &Access) -> Result<(Self, HostKey), Problem> {
        let (connection, key) = connect::connect(access).await?;
        let link = Link {
            connection,
            name: format!("{}:{}", access.host, access.port),
            privilege: access.privilege,
            docker_socket: access.docker_socket.clone(),
            sessions: Arc::new(Semaphore::new(access.max_sessions)),
            forwards: Arc::new(Semaphore::new(FORWARDS)),
        };
        Ok((
            Self {
                link: Arc::new(link),
                engine: OnceCell::new(),
                route: OnceLock::new(),
            },
            key,
        ))
    }
}

impl Link {
    /// A session for a command, when there is room for one.
    async fn session(&self) -> Result<(Channel<Msg>, OwnedSemaphorePermit), Problem> {
        let place = self
            .sessions
            .clone()
            .acquire_owned()
            .await
            .map_err(Problem::internal)?;
        Ok((self.open_session().await?, place))
    }

    async fn open_session(&self) -> Result<Channel<Msg>, Problem> {
        let opened = timeout(OPEN, self.connection.channel_open_session()).await;
        opened
            .map_err(|_| self.lost("no channel could be opened"))?
            .map_err(|error| self.broken(&error))
    }

    fn is_alive(&self) -> bool {
        !self.connection.is_closed()
    }

    fn broken(&self, error: &russh::Error) -> Problem {
        self.lost(&error.to_string())
    }

    fn lost(&self, why: &str) -> Problem {
        Problem::new(
            Code::SshConnectionLost,
            format!("The connection to {} broke: {why}", self.name),
            "oCore connects again by itself; check the network and the server if it lasts.",
        )
    }
}

#[async_trait]
impl Host for SshHost {
    async fn run(&self, script: Script) -> Result<Finished, Problem> {
        exec::run(&self.link, script).await
    }

    async fn engine(&self) -> Result<Engine, Problem> {
        let make = async {
            let (engine, route) = docker::engine(&self.link).await?;
            let _ = self.route.set(route);
            Ok(engine)
        };
        self.engine.get_or_try_init(|| make).await.cloned()
    }

    async fn connect(&self, port: u16) -> Result<BoxedStream, Problem> {
        let link = &self.link;
        let place = link
            .forwards
            .clone()
            .acquire_owned()
            .await
            .map_err(Problem::internal)?;
        let open = link
            .connection
            .channel_open_direct_tcpip("127.0.0.1", u32::from(port), "127.0.0.1", 0);
        match timeout(OPEN, open).await {
            Ok(Ok(channel)) => Ok(Box::new(Placed {
                stream: Box::new(channel.into_stream()),
                _place: Some(place),
            })),
            Ok(Err(russh::Error::ChannelOpenFailure(ChannelOpenFailure::AdministrativelyProhibited))) => {
                drop(place);
                exec::connect(link, port).await
            }
            Ok(Err(russh::Error::ChannelOpenFailure(reason))) => Err(refused(port, &format!("{reason:?}"))),
            Ok(Err(error)) => Err(link.broken(&error)),
            Err(_) => Err(refused(port, "no answer")),
        }
    }

    fn docker_route(&self) -> Option<DockerRoute> {
        self.route.get().copied()
    }

    fn is_alive(&self) -> bool {
        self.link.is_alive()
    }
}
