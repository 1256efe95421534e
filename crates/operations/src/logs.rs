//! An instance's container log: by the server's agent where it is connected to this process, else over SSH.
//!
//! Whichever way is tried first, the other is tried when it fails: a server that does not answer by SSH any more still shows
//! its logs by its agent. Once a way has brought something it is kept.

use std::{pin::pin, time::Duration};

use futures::{
    StreamExt, TryStreamExt,
    future::{Either, select},
    stream::{self, BoxStream},
};
use ocore_domain::{InstanceId, Problem, ServerId};
use ocore_store::{agents, instances::Instance};
use tokio::time::timeout;

use crate::{
    Hands,
    agent_links::{AgentLog, Refusal, Wanted},
};

/// How long the agent has the log to itself. It is one round trip; a connection that is cut is not known to be so at once.
const HEAD_START: Duration = Duration::from_secs(2);
/// How long the agent may take where SSH has brought nothing meanwhile.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a reader is told where the log goes on by the other way.
const GAP: &str =
    "ocore: the connection to the agent broke off; going on over SSH, lines in between may be missing";

type Lines = BoxStream<'static, Result<String, Problem>>;

/// A log that is wanted, and whose.
#[derive(Clone)]
struct Log {
    hands: Hands,
    server: ServerId,
    instance: InstanceId,
    container: String,
    follow: bool,
    tail: u64,
}

/// A log that the agent began.
struct Begun {
    log: Log,
    now: Now,
    has_lines: bool,
}

/// Where it comes from now.
enum Now {
    Agent(BoxStream<'static, Result<String, Refusal>>),
    Other(Lines),
}

/// The last lines of an instance's log, and, when it is followed, those to come.
pub fn container_logs(
    hands: &Hands,
    instance: &Instance,
    follow: bool,
    tail: u64,
) -> BoxStream<'static, Result<String, Problem>> {
    let log = Log {
        hands: hands.clone(),
        server: instance.server_id,
        instance: instance.id,
        container: instance.names().container,
        follow,
        tail,
    };
    stream::once(log.open()).try_flatten().boxed()
}

impl Log {
    /// The way that brings something first. One that has nothing to bring yet is as good as another.
    async fn open(self) -> Result<Lines, Problem> {
        let mut over_ssh = pin!(self.first_over_ssh());
        if self.hands.agent_links().token(self.server).is_none() {
            let problem = match over_ssh.await {
                Ok(lines) => return Ok(lines),
                Err(problem) => problem,
            };
            // It may have come meanwhile: that SSH fails takes a while.
            return self.by_agent().await.map_err(|refusal| both(problem, &refusal));
        }
        let mut by_agent = pin!(self.by_agent());
        let refusal = match timeout(HEAD_START, &mut by_agent).await {
            Ok(Ok(lines)) => return Ok(lines),
            Ok(Err(refusal)) => refusal,
            Err(_) => match select(by_agent, &mut over_ssh).await {
                Either::Left((Ok(lines), _)) | Either::Right((Ok(lines), _)) => return Ok(lines),
                Either::Left((Err(refusal), _)) => refusal,
                Either::Right((Err(problem), by_agent)) => {
                    return by_agent.await.map_err(|refusal| both(problem, &refusal));
                }
            },
        };
        tracing::debug!(server = %self.server, ?refusal, "the agent does not bring a log");
        over_ssh.await.map_err(|problem| both(problem, &refusal))
    }

    /// The log over SSH, once there is a line of it or its end.
    async fn first_over_ssh(&self) -> Result<Lines, Problem> {
        let mut lines = self.over_ssh(self.tail).await?;
        let first = lines.try_next().await?;
        Ok(match first {
            None => stream::empty().boxed(),
            Some(first) => stream::once(async { Ok(first) }).chain(lines).boxed(),
        })
    }

    async fn over_ssh(&self, tail: u64) -> Result<Lines, Problem> {
        let engine = self.hands.host(self.server).await?.engine().await?;
        Ok(engine.logs(&self.container, self.follow, Some(tail)))
    }

    /// The log by the agent, once the agent reads it.
    async fn by_agent(&self) -> Result<Lines, Refusal> {
        let opened = async {
            let mut log = self.ask().await?;
            log.opened().await?;
            Ok(log)
        };
        let log = timeout(PATIENCE, opened).await.unwrap_or(Err(Refusal::Lost))?;
        let begun = Begun {
            log: self.clone(),
            now: Now::Agent(log.lines()),
            has_lines: false,
        };
        Ok(stream::unfold(begun, Begun::next).boxed())
    }

    async fn ask(&self) -> Result<AgentLog, Refusal> {
        let links = self.hands.agent_links();
        let token = links.token(self.server).ok_or(Refusal::Lost)?;
        // A token that opens nothing any more may have a connection yet, made while it did.
        let is_good = async {
            let mut conn = self.hands.store().connection().await?;
            agents::opens(&mut conn, self.server, &token).await
        };
        match is_good.await {
            Ok(true) => {}
            Ok(false) => {
                links.part(self.server);
                return Err(Refusal::Lost);
            }
            Err(error) => {
                tracing::debug!(%error, "whose a token is cannot be seen");
                return Err(Refusal::Lost);
            }
        }
        let wanted = Wanted {
            container: self.container.clone(),
            instance: self.instance.to_string(),
            tail: self.tail,
            follow: self.follow,
        };
        links.ask(self.server, &token, wanted)
    }

    /// What comes after an agent that has not brought it all: what SSH brings, where nothing came yet; and who follows a log
    /// gets what comes by SSH from now on when the agent was lost, and is told of the gap.
    fn after_agent(self, refusal: Refusal, has_lines: bool) -> Lines {
        if !has_lines {
            let rest = async move { self.over_ssh(self.tail).await };
            let rest = stream::once(rest).try_flatten();
            return rest.map_err(move |problem| both(problem, &refusal)).boxed();
        }
        if !self.follow || refusal != Refusal::Lost {
            return stream::once(async { Err(refusal.into()) }).boxed();
        }
        let told = stream::once(async { Ok(GAP.to_owned()) });
        let rest = stream::once(async move { self.over_ssh(0).await }).try_flatten();
        told.chain(rest).boxed()
    }
}

impl Begun {
    async fn next(mut self) -> Option<(Result<String, Problem>, Self)> {
        loop {
            match &mut self.now {
                Now::Agent(lines) => match lines.next().await? {
                    Ok(line) => {
                        self.has_lines = true;
                        return Some((Ok(line), self));
                    }
                    Err(refusal) => {
                        self.now = Now::Other(self.log.clone().after_agent(refusal, self.has_lines));
                    }
                },
                Now::Other(lines) => return Some((lines.next().await?, self)),
            }
        }
    }
}

/// Neither way brings anything: what is known of SSH, and what the agent said of the server, if it said something.
fn both(problem: Problem, refusal: &Refusal) -> Problem {
    match refusal.said() {
        None => problem,
        Some(said) => Problem {
            detail: format!("{}. The server's agent answers, and says: {said}", problem.detail),
            ..problem
        },
    }
}
