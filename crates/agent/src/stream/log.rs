//! One log, from Docker to oCore, as fast as it is read there.

use std::sync::Arc;

use http_body_util::BodyExt;
use ocore_telemetry::stream::{CHUNK, Follow, Reason, Tell, cost, output};
use tokio::sync::{Semaphore, mpsc};
use tokio_tungstenite::tungstenite::Message;

use crate::{containers::INSTANCE, docker::Docker, fault::Fault, output::Lines};

/// More of the last lines are not asked for.
const MOST_LINES: u64 = 10_000;

/// Nobody is there to be told any more.
#[derive(Debug)]
struct Gone;

/// Why a log ended before its end.
enum Broken {
    Told(Reason, String),
    Gone,
}

impl From<Fault> for Broken {
    fn from(fault: Fault) -> Self {
        Self::Told(Reason::Docker, fault.0)
    }
}

impl From<Gone> for Broken {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

/// Where one log goes.
struct Outlet {
    stream: u32,
    credit: Arc<Semaphore>,
    out: mpsc::Sender<Message>,
    /// Whole lines that wait for credit.
    lines: Vec<u8>,
}

/// Brings a log, and tells how it ended.
pub(super) async fn bring(
    docker: Docker,
    wanted: Follow,
    credit: Arc<Semaphore>,
    out: mpsc::Sender<Message>,
) {
    let stream = wanted.stream;
    let mut outlet = Outlet {
        stream,
        credit,
        out,
        lines: Vec::new(),
    };
    let end = match read(&docker, &wanted, &mut outlet).await {
        Ok(()) => Tell::End { stream },
        Err(Broken::Told(reason, text)) => Tell::failed(stream, reason, &text),
        Err(Broken::Gone) => return,
    };
    let _ = outlet.tell(&end).await;
}

async fn read(docker: &Docker, wanted: &Follow, outlet: &mut Outlet) -> Result<(), Broken> {
    let name = &wanted.container;
    let told = |reason, text: &str| Broken::Told(reason, text.to_owned());
    // It goes into a path.
    if !is_name(name) {
        return Err(told(Reason::Other, "that is no name of a container"));
    }
    let found = docker
        .inspect(name)
        .await?
        .ok_or_else(|| told(Reason::Absent, "there is no such container"))?;
    if found.label(INSTANCE) != Some(wanted.instance.as_str()) {
        return Err(told(Reason::Foreign, "the container is not of this instance"));
    }
    let tail = wanted.tail.min(MOST_LINES);
    let mut body = docker.log(&found.id, tail, wanted.follow).await?;
    let stream = outlet.stream;
    outlet.tell(&Tell::Opened { stream }).await?;
    // With its end a line is a message's output at most.
    let mut lines = Lines::cut_up_at(CHUNK - 1);
    if found.is_terminal() {
        lines = lines.of_terminal();
    }
    // Read on only when what was read is gone: the Engine waits meanwhile, and so does nobody else.
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Fault(format!("the Docker Engine's answer broke off: {error}")))?;
        if let Some(bytes) = frame.data_ref() {
            lines.read(bytes, &mut |line| outlet.keep(line));
            outlet.bring().await?;
        }
    }
    lines.finish(&mut |line| outlet.keep(line));
    Ok(outlet.bring().await?)
}

/// Whether it can be the name of a container: it names no other path either.
fn is_name(name: &str) -> bool {
    name.len() <= 128
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

impl Outlet {
    async fn tell(&self, tell: &Tell) -> Result<(), Gone> {
        let sent = self.out.send(Message::text(tell.encode())).await;
        sent.map_err(|_| Gone)
    }

    fn keep(&mut self, line: &[u8]) {
        self.lines.extend_from_slice(line);
        self.lines.push(b'\n');
    }

    /// Sends the lines there are, each message when there is credit for it.
    async fn bring(&mut self) -> Result<(), Gone> {
        while !self.lines.is_empty() {
            let length = fitting(&self.lines);
            let credit = self.credit.acquire_many(cost(length)).await;
            credit.map_err(|_| Gone)?.forget();
            let message = output(self.stream, &self.lines[..length]);
            self.out.send(Message::binary(message)).await.map_err(|_| Gone)?;
            self.lines.drain(..length);
        }
        Ok(())
    }
}

/// How many bytes of these lines go into one message: all, or as many whole lines as fit.
fn fitting(lines: &[u8]) -> usize {
    if lines.len() <= CHUNK {
        return lines.len();
    }
    let end = lines[..CHUNK].iter().rposition(|byte| *byte == b'\n');
    end.map_or(CHUNK, |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_are_asked_for() {
        for name in ["ocore-acme", "a", "ocore-acme.begun_2", &"a".repeat(128)] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "",
            "..",
            ".a",
            "-a",
            "a/json",
            "a?x",
            "a b",
            "a%2f",
            "é",
            "a\n",
            &"a".repeat(129),
        ] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn messages_hold_whole_lines_while_those_fit() {
        let line = [&[b'x'; 999][..], b"\n"].concat();
        assert_eq!(fitting(&line.repeat(3)), 3000);
        assert_eq!(fitting(&line.repeat(20)), 16_000);
        let longest = [&[b'x'; CHUNK - 1][..], b"\n"].concat();
        assert_eq!(fitting(&longest.repeat(2)), CHUNK);
    }
}
