//! Agents that keep a stream open to this process, and the logs that they bring over it.
//!
//! An agent is asked for containers of instances of its own server, and what it brings reaches only who asked for it. It is
//! trusted with nothing else: what it sends beyond its credit ends its connection.

mod log;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use ocore_domain::ServerId;
use ocore_store::agents::TokenHash;
use ocore_telemetry::stream::{Ask, Follow, Malformed, Reason, STREAMS, Tell, WINDOW, cost, stream_of};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub(crate) use log::{AgentLog, Refusal};

/// What may wait to be sent to one agent. An agent that does not take so much takes nothing.
const WAITING: usize = 256;

/// The agents that are connected to this process. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct AgentLinks(Arc<Links>);

#[derive(Debug, Default)]
struct Links {
    by_server: Mutex<HashMap<ServerId, Arc<Link>>>,
    /// Logs that are read over all of them.
    logs: AtomicUsize,
}

/// One connection.
#[derive(Debug)]
struct Link {
    token: TokenHash,
    asks: mpsc::Sender<Ask>,
    streams: Mutex<Streams>,
    /// It is to end.
    over: CancellationToken,
}

/// The logs that are read over one connection.
#[derive(Debug, Default)]
struct Streams {
    last: u32,
    open: HashMap<u32, Open>,
}

/// One of them, as it is known to who hears the agent.
#[derive(Debug)]
struct Open {
    heard: mpsc::UnboundedSender<Heard>,
    /// How much the agent may still send; that bounds what waits.
    credit: u32,
}

/// What an agent told of a log.
#[derive(Debug)]
enum Heard {
    Opened,
    Output(Bytes),
    End,
    Failed(Reason, String),
}

/// What is wanted of a log.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) container: String,
    pub(crate) instance: String,
    pub(crate) tail: u64,
    pub(crate) follow: bool,
}

/// An agent's side of its connection: what it says goes here, until this is dropped.
#[derive(Debug)]
pub struct AgentLink {
    links: AgentLinks,
    server: ServerId,
    link: Arc<Link>,
}

impl AgentLinks {
    /// How many agents are connected to this process.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// How many logs are read by them.
    pub fn logs(&self) -> usize {
        self.0.logs.load(Ordering::Relaxed)
    }

    /// An agent has connected, by this token; what is to be asked of it comes by the second. A connection that its server had
    /// is over: there is one agent on a server, and it knows which of its connections lives.
    pub fn join(&self, server: ServerId, token: TokenHash) -> (AgentLink, mpsc::Receiver<Ask>) {
        let (asks, asked) = mpsc::channel(WAITING);
        let link = Arc::new(Link {
            token,
            asks,
            streams: Mutex::default(),
            over: CancellationToken::new(),
        });
        if let Some(before) = self.lock().insert(server, link.clone()) {
            before.end();
        }
        let joined = AgentLink {
            links: self.clone(),
            server,
            link,
        };
        (joined, asked)
    }

    /// A server's agent is to have no connection, as after its removal.
    pub(crate) fn part(&self, server: ServerId) {
        if let Some(link) = self.lock().remove(&server) {
            link.end();
        }
    }

    /// By which token a server's agent is connected, if it is.
    pub(crate) fn token(&self, server: ServerId) -> Option<TokenHash> {
        self.lock().get(&server).map(|link| link.token)
    }

    /// Asks a server's agent, if it is connected by this token, for a log.
    pub(crate) fn ask(
        &self,
        server: ServerId,
        token: &TokenHash,
        wanted: Wanted,
    ) -> Result<AgentLog, Refusal> {
        let link = self.lock().get(&server).cloned();
        let link = link.filter(|link| link.token == *token).ok_or(Refusal::Lost)?;
        let (heard, hears) = mpsc::unbounded_channel();
        let stream = {
            let mut streams = link.streams();
            if link.over.is_cancelled() {
                return Err(Refusal::Lost);
            }
            let stream = streams.free().ok_or(Refusal::Full)?;
            streams.open.insert(
                stream,
                Open {
                    heard,
                    credit: WINDOW,
                },
            );
            stream
        };
        self.0.logs.fetch_add(1, Ordering::Relaxed);
        let log = AgentLog::new(self.clone(), link.clone(), stream, hears);
        link.ask(Ask::Follow(Follow {
            stream,
            container: wanted.container,
            instance: wanted.instance,
            tail: wanted.tail,
            follow: wanted.follow,
            credit: WINDOW,
        }));
        Ok(log)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ServerId, Arc<Link>>> {
        self.0.by_server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Streams {
    /// A number that no open one has.
    fn free(&mut self) -> Option<u32> {
        if self.open.len() >= STREAMS {
            return None;
        }
        loop {
            self.last = self.last.wrapping_add(1);
            if !self.open.contains_key(&self.last) {
                return Some(self.last);
            }
        }
    }
}

impl Link {
    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the agent. One that has not taken what was told it before is lost.
    fn ask(&self, ask: Ask) {
        if self.asks.try_send(ask).is_err() {
            self.end();
        }
    }

    /// The connection is over: its logs end.
    fn end(&self) {
        // First, so that none is added meanwhile.
        self.over.cancel();
        self.streams().open.clear();
    }

    fn tell(&self, stream: u32, heard: Heard, is_last: bool) {
        let mut streams = self.streams();
        // One that is not open was given up by its reader, of which the agent has not heard yet.
        if let Some(open) = streams.open.get(&stream) {
            let _ = open.heard.send(heard);
            if is_last {
                streams.open.remove(&stream);
            }
        }
    }
}

impl AgentLink {
    /// The agent said something. An error: this is no agent to go on with.
    pub fn told(&self, text: &str) -> Result<(), Malformed> {
        let link = &self.link;
        match Tell::decode(text)? {
            Tell::Opened { stream } => link.tell(stream, Heard::Opened, false),
            Tell::End { stream } => link.tell(stream, Heard::End, true),
            Tell::Failed { stream, reason, text } => link.tell(stream, Heard::Failed(reason, text), true),
            Tell::Unknown => {}
        }
        Ok(())
    }

    /// The agent brought output. An error: it was more than it may, or none.
    pub fn brought(&self, mut message: Bytes) -> Result<(), Malformed> {
        let stream = stream_of(&message)?;
        let output = message.split_off(size_of::<u32>());
        let mut streams = self.link.streams();
        if let Some(open) = streams.open.get_mut(&stream) {
            open.credit = open.credit.checked_sub(cost(output.len())).ok_or(Malformed)?;
            let _ = open.heard.send(Heard::Output(output));
        }
        Ok(())
    }

    /// Its server has another connection, or it is to have none.
    pub async fn over(&self) {
        self.link.over.cancelled().await;
    }
}

impl Drop for AgentLink {
    fn drop(&mut self) {
        self.link.end();
        let mut links = self.links.lock();
        if links
            .get(&self.server)
            .is_some_and(|link| Arc::ptr_eq(link, &self.link))
        {
            links.remove(&self.server);
        }
    }
}

#[cfg(test)]
mod tests;
