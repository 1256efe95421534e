//! A server over SSH: one connection, over which everything goes.

mod channel;
mod connect;
mod docker;
mod exec;

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

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
    time::{Duration, Instant, sleep, timeout},
};

use self::channel::ChannelStream;
use crate::{Access, BoxedStream, Engine, Finished, Host, HostKey, Script, local::refused};

/// Forwarded channels at once; `MaxSessions` does not count them.
const FORWARDS: usize = 64;
/// How long the server may take to open a channel.
const OPEN: Duration = Duration::from_secs(15);

/// How many sessions may carry Docker's bytes: two are left for commands, and two are needed for any work at all.
const fn pipes(sessions: usize) -> usize {
    let left = sessions.saturating_sub(2);
    if left < 2 { 2 } else { left }
}

type Connection = Handle<connect::Watch>;

/// The connection, and what bounds its use. It closes with the last who holds it.
struct Link {
    connection: Connection,
    name: String,
    privilege: Privilege,
    docker_socket: String,
    sessions: Arc<Semaphore>,
    forwards: Arc<Semaphore>,
    /// Channels that carry Docker's bytes where they must be sessions: some are left for commands.
    pipes: Arc<Semaphore>,
    /// The server did not answer: those who come next make another connection, those at work may still end well.
    wedged: AtomicBool,
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
            sessions: Arc::new(Semaphore::new(access.max_sessions.max(2))),
            forwards: Arc::new(Semaphore::new(FORWARDS)),
            pipes: Arc::new(Semaphore::new(pipes(access.max_sessions))),
            wedged: AtomicBool::new(false),
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

    /// sshd counts a cancelled command until it has ended, and may allow fewer sessions than we think: a refusal is
    /// tried again for a while.
    async fn open_session(&self) -> Result<Channel<Msg>, Problem> {
        let began = Instant::now();
        loop {
            match self.opened(self.connection.channel_open_session()).await? {
                Ok(channel) => return Ok(channel),
                Err(_) if began.elapsed() < OPEN => sleep(Duration::from_millis(200)).await,
                Err(reason) => {
                    return Err(Problem::new(
                        Code::SshUnreachable,
                        format!("{} opens no further session: {reason:?}", self.name),
                        "Raise MaxSessions in sshd_config, or lower the server's number of sessions in oCore.",
                    ));
                }
            }
        }
    }

    /// A channel, the server's refusal of it, or the end of the connection.
    async fn opened(
        &self,
        opening: impl Future<Output = Result<Channel<Msg>, russh::Error>>,
    ) -> Result<Result<Channel<Msg>, ChannelOpenFailure>, Problem> {
        match timeout(OPEN, opening).await {
            Ok(Ok(channel)) => Ok(Ok(channel)),
            Ok(Err(russh::Error::ChannelOpenFailure(reason))) => Ok(Err(reason)),
            Ok(Err(error)) => Err(self.broken(&error)),
            Err(_) => {
                self.wedged.store(true, Ordering::Relaxed);
                Err(self.lost(&format!("it opened no channel within {} s", OPEN.as_secs())))
            }
        }
    }

    fn is_alive(&self) -> bool {
        !self.connection.is_closed() && !self.wedged.load(Ordering::Relaxed)
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
        let opening = link
            .connection
            .channel_open_direct_tcpip("127.0.0.1", u32::from(port), "127.0.0.1", 0);
        match link.opened(opening).await? {
            Ok(channel) => Ok(Box::new(ChannelStream::socket(link, channel, place))),
            Err(ChannelOpenFailure::AdministrativelyProhibited) => {
                drop(place);
                exec::connect(link, port).await
            }
            Err(reason) => Err(refused(port, &format!("{reason:?}"))),
        }
    }

    fn docker_route(&self) -> Option<DockerRoute> {
        self.route.get().copied()
    }

    fn is_alive(&self) -> bool {
        self.link.is_alive()
    }
}
