//! Recovery drills: the record of when somebody tried to bring back what would be lost.

mod list;
mod record;

use chrono::{DateTime, Utc};
use ocore_store::advice as rows;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::access::{Routes, guarded};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .with(guarded!(list::list))
        .with(guarded!(record::record))
}

/// A drill.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RecoveryDrill {
    id: Uuid,
    /// When it was done.
    at: DateTime<Utc>,
    /// Whether everything was there again.
    succeeded: bool,
    /// What was tried, and what came of it.
    note: String,
    /// When it was recorded here.
    recorded_at: DateTime<Utc>,
}

impl From<rows::Drill> for RecoveryDrill {
    fn from(drill: rows::Drill) -> Self {
        Self {
            id: drill.id,
            at: drill.at,
            succeeded: drill.succeeded,
            note: drill.note,
            recorded_at: drill.recorded_at,
        }
    }
}
