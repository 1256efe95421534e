//! Writing to oCore's own database while it may be away.

use std::time::Duration;

use tokio::time::sleep;

use super::LetGo;

/// Writes to oCore's own database, waiting while it is away. What it refuses for good lets the operation go.
///
/// A macro, because a closure that lends to its future cannot be sent to another thread yet.
macro_rules! persist {
    ($write:block) => {{
        let mut pauses = Pauses::default();
        loop {
            let written: Result<_, ocore_store::Error> = async { $write }.await;
            match written {
                Ok(value) => break Ok(value),
                Err(error) => {
                    if let Err(let_go) = pauses.after(&error).await {
                        break Err(let_go);
                    }
                }
            }
        }
    }};
}
pub(super) use persist;

/// The pauses between attempts to write, 3 minutes in all.
pub(super) struct Pauses {
    left: u32,
    next: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self {
            left: 40,
            next: Duration::from_millis(100),
        }
    }
}

impl Pauses {
    pub(super) async fn after(&mut self, error: &ocore_store::Error) -> Result<(), LetGo> {
        if !error.is_unavailable() || self.left == 0 {
            tracing::error!(%error, "the state of an operation could not be written");
            return Err(LetGo::Fenced);
        }
        sleep(self.next).await;
        self.left -= 1;
        self.next = (self.next * 2).min(Duration::from_secs(5));
        Ok(())
    }
}
