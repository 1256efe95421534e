//! Operations: long actions made of named steps, and the record of them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::words::words;

words! {
    /// Where an operation stands.
    ///
    /// ```text
    /// queued ──► running ──► done
    ///    │          └─────► undoing ──► rolled_back | cancelled | failed
    ///    └──► cancelled
    /// ```
    pub enum OperationState {
        /// Waits for a worker, for its turn on the instance, or for room on the server.
        Queued = "queued",
        /// A worker goes through its steps.
        Running = "running",
        /// A step failed or a person cancelled; what was done is being undone.
        Undoing = "undoing",
        /// Every step is done.
        Done = "done",
        /// It failed, and the world is as it was before.
        RolledBack = "rolled_back",
        /// It was cancelled, and what it had made of its subject is taken back.
        Cancelled = "cancelled",
        /// It failed, and was not taken back, or not wholly: the error says why.
        Failed = "failed",
    }
}

impl OperationState {
    /// Whether nothing more will happen.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Done | Self::RolledBack | Self::Cancelled | Self::Failed
        )
    }
}

words! {
    /// Where one step of an operation stands.
    pub enum StepState {
        /// Its turn has not come.
        Pending = "pending",
        /// It runs, or ran when its worker was lost and will be run again.
        Running = "running",
        /// It is done.
        Done = "done",
        /// It failed.
        Failed = "failed",
        /// What it did is being taken back.
        Undoing = "undoing",
        /// What it did was taken back.
        Undone = "undone",
        /// What it did could not be taken back.
        UndoFailed = "undo_failed",
    }
}

words! {
    /// How much a line of output matters.
    pub enum Level {
        /// Output of a command or container, as it came.
        Output = "output",
        /// What oCore does or saw.
        Info = "info",
        /// Something an operator should know.
        Warn = "warn",
        /// Why something failed.
        Error = "error",
    }
}

/// One line of what an operation said, numbered without gaps from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Its number within the operation; the SSE event id.
    pub seq: i64,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// How much it matters.
    pub level: Level,
    /// The step it belongs to, if any.
    pub step: Option<String>,
    /// The text, without secrets.
    pub line: String,
}
