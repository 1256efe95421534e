//! One reader of `GET /api/events`.

use std::{convert::Infallible, time::Duration};

use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt};
use ocore_domain::{Topic, Topics};
use ocore_store::changes::Changed;
use serde::Serialize;
use tokio::{
    sync::{
        broadcast::{self, error::RecvError},
        mpsc::{self, Permit, error::SendError},
    },
    time::{Instant, MissedTickBehavior, interval_at, sleep_until},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Hello;
use crate::access::Standing;

/// The least time from one event to the next: what changes meanwhile is told in one.
const PAUSE: Duration = Duration::from_millis(250);
/// How often it is found out whether the reader may still read, though nothing was heard that concerns it.
const RECHECK: Duration = Duration::from_secs(30);

/// Whose changes a reader is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watched {
    pub(super) organization: Uuid,
    pub(super) person: Option<Uuid>,
}

impl Watched {
    /// What of a change concerns the reader.
    fn of(self, changed: Changed) -> Topics {
        let is_theirs =
            |whose| whose == self.organization || self.person.is_some_and(|person| person == whose);
        if changed.whose.is_none_or(is_theirs) {
            changed.topics
        } else {
            Topics::NONE
        }
    }
}

/// `hello`, and then what changes.
pub(super) fn stream(
    closing: CancellationToken,
    standing: Standing,
    watched: Watched,
    changes: broadcast::Receiver<Changed>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    // One at a time: what a slow reader did not take yet is told together with what comes after it.
    let (events, read) = mpsc::channel(1);
    let watch = Watch {
        closing,
        standing,
        watched,
        changes,
        events,
    };
    tokio::spawn(watch.run());
    let read = ReceiverStream::new(read).map(Ok);
    Sse::new(read).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

struct Watch {
    closing: CancellationToken,
    standing: Standing,
    watched: Watched,
    changes: broadcast::Receiver<Changed>,
    events: mpsc::Sender<Event>,
}

impl Watch {
    async fn run(mut self) {
        let hello = Hello {
            version: env!("CARGO_PKG_VERSION"),
        };
        // The channel is empty: it does not wait.
        if self.events.send(event("hello", &hello)).await.is_err() {
            return;
        }
        let mut recheck = interval_at(Instant::now() + RECHECK, RECHECK);
        recheck.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut waiting = Topics::NONE;
        let mut not_before = Instant::now();
        loop {
            tokio::select! {
                heard = self.changes.recv() => {
                    let topics = match heard {
                        Ok(changed) => self.watched.of(changed),
                        // So much was heard that some was missed.
                        Err(RecvError::Lagged(_)) => Topics::ALL,
                        Err(RecvError::Closed) => return,
                    };
                    // It may have been taken from the reader just now.
                    if topics.meets(may_end()) && !self.standing.holds().await {
                        return;
                    }
                    waiting |= topics;
                }
                _ = recheck.tick() => {
                    if !self.standing.holds().await {
                        return;
                    }
                }
                room = room(&self.events, not_before), if !waiting.is_empty() => {
                    let Ok(room) = room else { return };
                    let changed = super::Changed { topics: waiting.iter().collect() };
                    room.send(event("changed", &changed));
                    waiting = Topics::NONE;
                    not_before = Instant::now() + PAUSE;
                }
                () = self.events.closed() => return,
                () = self.closing.cancelled() => return,
            }
        }
    }
}

/// What takes somebody's access away is one of these.
fn may_end() -> Topics {
    Topic::Account | Topic::Members | Topic::ApiKeys | Topic::Organization
}

/// Waits until an event may be sent, and the reader has room for it.
async fn room<T>(events: &mpsc::Sender<T>, not_before: Instant) -> Result<Permit<'_, T>, SendError<()>> {
    sleep_until(not_before).await;
    events.reserve().await
}

fn event(name: &str, data: &impl Serialize) -> Event {
    let data = serde_json::to_string(data).unwrap_or_default();
    Event::default().event(name).data(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_told_of_its_own_and_of_what_may_be_its_own() {
        let (organization, person) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let topics = Topics::from(Topic::Servers);
        let told = |watched: Watched, whose| !watched.of(Changed { whose, topics }).is_empty();
        let one = Watched {
            organization,
            person: Some(person),
        };
        let key = Watched {
            organization,
            person: None,
        };
        assert!(told(one, Some(organization)) && told(one, Some(person)) && told(one, None));
        assert!(told(key, Some(organization)) && !told(key, Some(person)) && told(key, None));
        assert!(!told(one, Some(Uuid::from_u128(3))));
    }
}
