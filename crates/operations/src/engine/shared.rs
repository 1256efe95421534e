//! What the operations of one worker have in common.

use crate::Hands;

use super::{Cancels, Recorder};

/// Who writes for them all, and who listens for them all.
pub(crate) struct Shared {
    pub(crate) recorder: Recorder,
    pub(crate) cancels: Cancels,
}

impl Shared {
    pub(crate) fn start(hands: &Hands) -> Self {
        Self {
            recorder: Recorder::start(hands.store()),
            cancels: Cancels::start(hands.store(), hands.notifications()),
        }
    }
}
