//! One log that an agent brings, as it is read.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
};

use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use ocore_domain::{Code, Problem};
use ocore_telemetry::stream::{Ask, Reason, WINDOW, cost};
use tokio::sync::mpsc;

use super::{AgentLinks, Heard, Link};

/// A log that was asked of an agent. Dropped, the agent is told to stop.
#[derive(Debug)]
pub(crate) struct AgentLog {
    links: AgentLinks,
    link: Arc<Link>,
    stream: u32,
    hears: mpsc::UnboundedReceiver<Heard>,
    /// Output that was read, and for which there was no new credit yet.
    owed: u32,
    lines: VecDeque<String>,
    has_ended: bool,
}

/// Why an agent does not bring a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is not connected, or not any more, or does not answer.
    Lost,
    /// It brings as many as it can.
    Full,
    /// It said why.
    Told(Reason, String),
}

impl Refusal {
    /// What was said, where that was something of the server and not of the way to it.
    pub(crate) fn said(&self) -> Option<&str> {
        match self {
            Self::Told(Reason::Absent | Reason::Docker | Reason::Foreign, text) => Some(text),
            Self::Told(..) | Self::Lost | Self::Full => None,
        }
    }
}

impl AgentLog {
    pub(super) const fn new(
        links: AgentLinks,
        link: Arc<Link>,
        stream: u32,
        hears: mpsc::UnboundedReceiver<Heard>,
    ) -> Self {
        Self {
            links,
            link,
            stream,
            hears,
            owed: 0,
            lines: VecDeque::new(),
            has_ended: false,
        }
    }

    /// Waits until the agent reads it.
    pub(crate) async fn opened(&mut self) -> Result<(), Refusal> {
        loop {
            match self.hears.recv().await {
                Some(Heard::Opened) => return Ok(()),
                // Output before that is none of anybody's.
                Some(Heard::Output(_)) => {}
                Some(Heard::End) => {
                    self.has_ended = true;
                    return Ok(());
                }
                Some(Heard::Failed(reason, text)) => return Err(Refusal::Told(reason, text)),
                None => return Err(Refusal::Lost),
            }
        }
    }

    /// Its lines. An error ends it: the agent is lost, or cannot go on.
    pub(crate) fn lines(self) -> BoxStream<'static, Result<String, Refusal>> {
        stream::try_unfold(self, |mut log| async move {
            Ok(log.line().await?.map(|line| (line, log)))
        })
        .boxed()
    }

    async fn line(&mut self) -> Result<Option<String>, Refusal> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Ok(Some(line));
            }
            if self.has_ended {
                return Ok(None);
            }
            // What was read so far is with who reads: now there is room for as much again.
            self.give_credit();
            match self.hears.recv().await {
                Some(Heard::Output(output)) => {
                    self.owed = self.owed.saturating_add(cost(output.len()));
                    let output = output.strip_suffix(b"\n").unwrap_or(&output);
                    let lines = output.split(|byte| *byte == b'\n');
                    self.lines
                        .extend(lines.map(|line| String::from_utf8_lossy(line).trim_end().to_owned()));
                }
                Some(Heard::Opened) => {}
                Some(Heard::End) => self.has_ended = true,
                Some(Heard::Failed(reason, text)) => return Err(Refusal::Told(reason, text)),
                None => return Err(Refusal::Lost),
            }
        }
    }

    /// Gives back what was taken, when it is worth a message.
    fn give_credit(&mut self) {
        if self.owed < WINDOW / 2 {
            return;
        }
        let credit = std::mem::take(&mut self.owed);
        let stream = self.stream;
        let is_open = {
            let mut streams = self.link.streams();
            let open = streams.open.get_mut(&stream);
            open.map(|open| open.credit = open.credit.saturating_add(credit))
                .is_some()
        };
        if is_open {
            self.link.ask(Ask::Credit { stream, credit });
        }
    }
}

impl Drop for AgentLog {
    fn drop(&mut self) {
        self.links.0.logs.fetch_sub(1, Ordering::Relaxed);
        let stream = self.stream;
        // One that the agent has ended is not open any more.
        let was_open = self.link.streams().open.remove(&stream).is_some();
        if was_open {
            self.link.ask(Ask::Stop { stream });
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let mend = "Try again; `ocore server agent status` shows whether the agent lives.";
        match refusal {
            Refusal::Lost => Self::new(
                Code::AgentSilent,
                "The connection that the agent had to oCore broke off",
                mend,
            ),
            Refusal::Full => Self::new(
                Code::AgentSilent,
                "The agent brings as many logs as it can",
                "Close some of them.",
            ),
            Refusal::Told(reason, text) => Self::new(
                match reason {
                    Reason::Absent | Reason::Docker => Code::DockerFailed,
                    _ => Code::AgentSilent,
                },
                format!("The agent does not bring the log: {text}"),
                mend,
            ),
        }
    }
}
