//! Answers in parts: each is read when the one before it was taken, so that who reads slowly holds no transaction. What
//! goes wrong ends the answer before its time, so that nobody takes it for whole.

use ocore_domain::{Code, Problem};
use tokio_util::sync::CancellationToken;

use crate::problem::{Answer, Failure};

/// An answer that ended before its time.
#[derive(Debug, thiserror::Error)]
#[error("the answer ended early")]
pub(crate) struct EndedEarly;

impl EndedEarly {
    /// Notes why.
    pub(crate) fn since(what: &'static str) -> impl Fn(Failure) -> Self {
        move |failure| {
            tracing::warn!(what, code = %failure.code(), "an answer ended early");
            Self
        }
    }
}

/// Refuses to read on when the process is to end.
pub(crate) fn unless_stopping(closing: &CancellationToken) -> Answer<()> {
    if !closing.is_cancelled() {
        return Ok(());
    }
    Err(Failure::from(Problem::new(
        Code::StoreUnavailable,
        "oCore is stopping",
        "Try again when it runs.",
    )))
}
