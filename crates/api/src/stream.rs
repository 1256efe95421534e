//! Streams of server-sent events.

use std::{convert::Infallible, time::Duration};

use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use ocore_domain::{Code, OperationId, operation};
use ocore_store::operations as rows;
use tokio::{
    sync::{
        broadcast::{self, error::RecvError},
        mpsc,
    },
    time::sleep,
};
use tokio_stream::wrappers::ReceiverStream;

use tokio_util::sync::CancellationToken;

use crate::{access::Reader, operations, problem::Failure};

/// Lines read at once.
const BATCH: i64 = 500;
/// Events that may wait for a slow reader before reading pauses.
const WAITING: usize = 64;
/// A notification can be lost with its connection: look by yourself now and then.
const POLL: Duration = Duration::from_secs(1);

/// The lines of an operation after a number, its changes, and its end.
pub(crate) fn operation(
    closing: CancellationToken,
    reader: Reader,
    id: OperationId,
    after: i64,
    changes: broadcast::Receiver<OperationId>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let (events, read) = mpsc::channel(WAITING);
    let watch = Watch {
        reader,
        closing,
        id,
        after,
        changes,
        events,
        shown: String::new(),
    };
    tokio::spawn(watch.run());
    Sse::new(ReceiverStream::new(read)).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

/// One reader of an operation.
struct Watch {
    reader: Reader,
    closing: CancellationToken,
    id: OperationId,
    /// The last line that was sent.
    after: i64,
    changes: broadcast::Receiver<OperationId>,
    events: mpsc::Sender<Result<Event, Infallible>>,
    /// The operation as it was sent last.
    shown: String,
}

/// Why a stream ends before its operation does.
enum Stop {
    /// The reader is gone, or everything was sent.
    Over,
    /// The rows cannot be read now.
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        if failure.code() == Code::NotFound {
            Self::Over
        } else {
            Self::Failed(failure)
        }
    }
}

impl From<ocore_store::Error> for Stop {
    fn from(error: ocore_store::Error) -> Self {
        Failure::from(error).into()
    }
}

impl Watch {
    async fn run(mut self) {
        loop {
            // What was heard up to here is in what is read next.
            while self.changes.try_recv().is_ok() {}
            match self.send_news().await {
                Ok(()) => {}
                Err(Stop::Over) => return,
                // The database is away for a moment: the reader need not notice.
                Err(Stop::Failed(failure)) => {
                    tracing::warn!(?failure, operation = %self.id, "a stream waits");
                }
            }
            tokio::select! {
                () = heard(&mut self.changes, self.id) => {}
                () = sleep(POLL) => {}
                () = self.events.closed() => return,
                () = self.closing.cancelled() => return,
            }
        }
    }

    /// Sends what is new. The operation is read before its lines: when it has ended, the lines read after are all.
    async fn send_news(&mut self) -> Result<(), Stop> {
        let operation = operations::view_of(&mut *self.reader.read().await?, self.id).await?;
        let snapshot = serde_json::to_string(&operation).unwrap_or_default();
        if snapshot != self.shown {
            self.send(Event::default().event("operation").data(&snapshot))
                .await?;
            self.shown = snapshot;
        }
        self.send_lines().await?;
        if operation.has_ended() {
            let end = Event::default().event("end").data(&self.shown);
            self.send(end).await?;
            return Err(Stop::Over);
        }
        Ok(())
    }

    async fn send_lines(&mut self) -> Result<(), Stop> {
        loop {
            let mut conn = self.reader.read().await?;
            let lines = rows::events_after(&mut conn, self.id, self.after, BATCH).await?;
            // A slow reader must not hold a connection.
            drop(conn);
            let last = lines.len() < usize::try_from(BATCH).unwrap_or(0);
            for line in lines {
                self.send(event(&line)).await?;
                self.after = line.seq;
            }
            if last {
                return Ok(());
            }
        }
    }

    async fn send(&self, event: Event) -> Result<(), Stop> {
        tokio::select! {
            sent = self.events.send(Ok(event)) => sent.map_err(|_| Stop::Over),
            () = self.closing.cancelled() => Err(Stop::Over),
        }
    }
}

fn event(line: &operation::Event) -> Event {
    let data = serde_json::to_string(line).unwrap_or_default();
    Event::default().event("line").id(line.seq.to_string()).data(data)
}

/// Waits until something is heard of an operation.
async fn heard(changes: &mut broadcast::Receiver<OperationId>, id: OperationId) {
    loop {
        match changes.recv().await {
            Ok(changed) if changed != id => {}
            // So much was heard that some was missed: it may have been about this one.
            Ok(_) | Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => return std::future::pending().await,
        }
    }
}
