//! Capacity: how large machines are, how large they should be, and when they will be too small.

mod control_plane;
mod servers;

use chrono::{DateTime, Utc};
use ocore_domain::capacity::{Point, Trend, trend};
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::{Routes, guarded};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .with(guarded!(servers::list))
        .with(guarded!(control_plane::show))
}

/// How something that can be used up is used.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Use {
    /// Bytes, all.
    total_bytes: u64,
    /// Bytes in use when last measured; null: never.
    used_bytes: Option<u64>,
    /// Where it leads.
    trend: Trend,
}

impl Use {
    #[expect(clippy::cast_precision_loss, reason = "bytes for a trend")]
    fn new(total: u64, available: Option<i64>, points: &[Point]) -> Self {
        let available = available.and_then(|bytes| u64::try_from(bytes).ok());
        Self {
            total_bytes: total,
            used_bytes: available.map(|available| total.saturating_sub(available)),
            trend: trend(points, total as f64),
        }
    }

    /// When it is used up, if that can be told.
    const fn runs_out_at(&self) -> Option<DateTime<Utc>> {
        match self.trend {
            Trend::RunsOut { at, .. } => Some(at),
            Trend::TooEarly { .. } | Trend::Steady => None,
        }
    }
}
