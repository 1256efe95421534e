//! For how long this process may act as the leader. The lease in the database says who leads; a process that was stopped for a
//! while, or that a busy machine forgot, cannot have heard that it ran out, so it looks at its own clock as well.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::{Duration, Instant},
};

use tokio::time::sleep;

/// How long before the lease runs out this process stops to act on it: a clock may be a little slower than the database's, and
/// what was sent last has to arrive.
const MARGIN: Duration = Duration::from_secs(2);

/// The lead, as far as this process knows.
#[derive(Debug, Default)]
pub(crate) struct Lead(Mutex<Option<Instant>>);

impl Lead {
    /// It was taken or renewed for so long by a request that was sent then.
    pub(crate) fn taken(&self, asked: Instant, lease: Duration) {
        *self.until() = Some(asked + lease.saturating_sub(MARGIN));
    }

    /// Another process has it, or it was given back.
    pub(crate) fn lost(&self) {
        *self.until() = None;
    }

    /// Whether it is this process's still.
    pub(crate) fn is_held(&self) -> bool {
        self.until().is_some_and(|until| Instant::now() < until)
    }

    /// Does something for as long as this process leads; none when that ended before.
    ///
    /// The clock is looked at before each piece of the work, and not only when a timer says so: timers of a process that was
    /// stopped are as late as the work is.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        let mut look = pin!(sleep(MARGIN));
        poll_fn(|context| {
            loop {
                if !self.is_held() {
                    return Poll::Ready(None);
                }
                if look.as_mut().poll(context).is_pending() {
                    break;
                }
                look.set(sleep(MARGIN));
            }
            work.as_mut().poll(context).map(Some)
        })
        .await
    }

    fn until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn who_was_stopped_does_not_act_on_what_ran_out() {
        let lead = Lead::default();
        assert_eq!(lead.during(async { 1 }).await, None);
        let lease = Duration::from_secs(12);
        lead.taken(Instant::now(), lease);
        assert_eq!(lead.during(async { 1 }).await, Some(1));
        // As after a stop: the work could go on, no timer has fired, and the time is over.
        let mut done = 0;
        let work = async {
            while done < 100 {
                done += 1;
                if done == 3 {
                    lead.taken(Instant::now().checked_sub(lease).unwrap(), lease);
                }
                tokio::task::yield_now().await;
            }
        };
        assert_eq!(lead.during(work).await, None);
        assert_eq!(done, 3, "not one piece more");
        lead.taken(Instant::now(), lease);
        lead.lost();
        assert!(!lead.is_held());
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_is_dropped_when_the_time_is_over() {
        let lead = Lead::default();
        lead.taken(Instant::now(), MARGIN + Duration::from_millis(20));
        assert_eq!(lead.during(pending::<()>()).await, None);
    }
}
