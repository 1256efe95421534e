//! Operations: long actions made of named steps, and the record of them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where an operation stands.
///
/// ```text
/// queued ──► running ──► done
///    │          └─────► undoing ──► rolled_back | cancelled | failed
///    └──► cancelled
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[cfg_attr(
    feature = "sqlx",
    derive(sqlx::Type),
    sqlx(type_name = "text", rename_all = "snake_case")
)]
#[serde(rename_all = "snake_case")]
pub enum OperationState {
    /// Waits for a worker, for its turn on the instance, or for room on the server.
    Queued,
    /// A worker goes through its steps.
    Running,
    /// A step failed or a person cancelled; what was done is being undone.
    Undoing,
    /// Every step is done.
    Done,
    /// It failed, and the world is as it was before.
    RolledBack,
    /// It was cancelled, and the world is as it was before.
    Cancelled,
    /// It failed, and could not be undone wholly: the error says what is left.
    Failed,
}

impl OperationState {
    /// Every state.
    pub const ALL: &'static [Self] = &[
        Self::Queued,
        Self::Running,
        Self::Undoing,
        Self::Done,
        Self::RolledBack,
        Self::Cancelled,
        Self::Failed,
    ];

    /// The state as it stands in the database and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Undoing => "undoing",
            Self::Done => "done",
            Self::RolledBack => "rolled_back",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing more will happen.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Done | Self::RolledBack | Self::Cancelled | Self::Failed
        )
    }
}

/// Where one step of an operation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[cfg_attr(
    feature = "sqlx",
    derive(sqlx::Type),
    sqlx(type_name = "text", rename_all = "snake_case")
)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Its turn has not come.
    Pending,
    /// It runs, or ran when its worker was lost and will be run again.
    Running,
    /// It is done.
    Done,
    /// It failed.
    Failed,
    /// What it did is being taken back.
    Undoing,
    /// What it did was taken back.
    Undone,
    /// What it did could not be taken back.
    UndoFailed,
}

impl StepState {
    /// Every state.
    pub const ALL: &'static [Self] = &[
        Self::Pending,
        Self::Running,
        Self::Done,
        Self::Failed,
        Self::Undoing,
        Self::Undone,
        Self::UndoFailed,
    ];

    /// The state as it stands in the database and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
            Self::UndoFailed => "undo_failed",
        }
    }
}

/// How much a line of output matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(
    feature = "sqlx",
    derive(sqlx::Type),
    sqlx(type_name = "text", rename_all = "snake_case")
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Output of a command or container, as it came.
    Output,
    /// What oCore does or saw.
    Info,
    /// Something an operator should know.
    Warn,
    /// Why something failed.
    Error,
}

impl Level {
    /// The level as it stands in the database and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Output => "output",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

macro_rules! parse_by_name {
    ($($type:ident: [$($state:expr),+ $(,)?]),+ $(,)?) => {$(
        impl std::str::FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                [$($state),+]
                    .into_iter()
                    .find(|s| s.as_str() == text)
                    .ok_or_else(|| format!("unknown {} `{text}`", stringify!($type)))
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )+};
}

parse_by_name! {
    Level: [Self::Output, Self::Info, Self::Warn, Self::Error],
    OperationState: [
        Self::Queued, Self::Running, Self::Undoing, Self::Done, Self::RolledBack, Self::Cancelled, Self::Failed,
    ],
    StepState: [
        Self::Pending, Self::Running, Self::Done, Self::Failed, Self::Undoing, Self::Undone, Self::UndoFailed,
    ],
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
