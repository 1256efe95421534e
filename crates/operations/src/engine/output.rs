//! What a running operation says: redacted, numbered, written in batches.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use ocore_domain::operation::{Event, Level};
use ocore_store::{
    Store,
    operations::{self, Claimed},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Duration, interval},
};

use super::Redactor;

/// Lines waiting to be written; when they pile up, output is dropped rather than the work held up.
const WAITING: usize = 4096;
/// Lines written at once.
const BATCH: usize = 500;
/// Lines kept of one operation.
const KEPT: i64 = 50_000;
/// Bytes kept of one line.
const LINE: usize = 4096;

enum Message {
    Line {
        at: DateTime<Utc>,
        level: Level,
        step: Option<&'static str>,
        line: String,
    },
    Flush(oneshot::Sender<()>),
}

/// The voice of one operation.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    lines: mpsc::Sender<Message>,
    redactor: Arc<Redactor>,
}

impl Output {
    /// Starts the writer of a claimed operation. It ends when every clone is dropped.
    pub(crate) fn start(store: Store, claim: Claimed, first_seq: i64) -> Self {
        let (lines, inbox) = mpsc::channel(WAITING);
        tokio::spawn(write(store, claim, first_seq, inbox));
        Self {
            lines,
            redactor: Arc::new(Redactor::default()),
        }
    }

    /// The secrets that are taken out.
    pub(crate) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Says something.
    pub(crate) fn say(&self, level: Level, step: Option<&'static str>, text: &str) {
        for line in text.lines() {
            let mut line = self.redactor.clean(line).replace('\0', "");
            if line.len() > LINE {
                let end = (0..=LINE).rev().find(|&i| line.is_char_boundary(i)).unwrap_or(0);
                line.truncate(end);
                line.push('…');
            }
            // A full channel drops the line: a container that floods must not stop the step that reads it.
            let _ = self.lines.try_send(Message::Line {
                at: Utc::now(),
                level,
                step,
                line,
            });
        }
    }

    /// Waits until everything said so far is written, or could not be.
    pub(crate) async fn flush(&self) {
        let (done, written) = oneshot::channel();
        if self.lines.send(Message::Flush(done)).await.is_ok() {
            let _ = written.await;
        }
    }
}

async fn write(store: Store, claim: Claimed, first_seq: i64, mut inbox: mpsc::Receiver<Message>) {
    let mut seq = first_seq;
    let mut waiting: Vec<Event> = Vec::new();
    let mut tick = interval(Duration::from_millis(100));
    loop {
        let message = tokio::select! {
            message = inbox.recv() => message,
            _ = tick.tick(), if !waiting.is_empty() => {
                append(&store, &claim, &mut waiting).await;
                continue;
            }
        };
        match message {
            Some(Message::Line {
                at,
                level,
                step,
                line,
            }) => {
                if seq > KEPT {
                    continue;
                }
                let line = if seq == KEPT {
                    "… more output is not kept".to_owned()
                } else {
                    line
                };
                waiting.push(Event {
                    seq,
                    at,
                    level,
                    step: step.map(str::to_owned),
                    line,
                });
                seq += 1;
                if waiting.len() >= BATCH {
                    append(&store, &claim, &mut waiting).await;
                }
            }
            Some(Message::Flush(done)) => {
                append(&store, &claim, &mut waiting).await;
                let _ = done.send(());
            }
            None => {
                append(&store, &claim, &mut waiting).await;
                return;
            }
        }
    }
}

/// Writes what waits. What cannot be written for a while is dropped: the steps tell the truth all the same.
async fn append(store: &Store, claim: &Claimed, waiting: &mut Vec<Event>) {
    if waiting.is_empty() {
        return;
    }
    for pause in [0, 200, 1000, 3000] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let written = async {
            let mut conn = store.connection().await?;
            operations::append_events(&mut conn, claim, waiting).await
        };
        match written.await {
            Ok(_) => break,
            Err(error) if error.is_unavailable() => {}
            Err(error) => {
                tracing::warn!(operation = %claim.id, %error, "output of an operation could not be written");
                break;
            }
        }
    }
    waiting.clear();
}
