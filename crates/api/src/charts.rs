//! What charts have in common.

use chrono::{DateTime, Utc};
use ocore_store::metrics::{Source, charts::Period};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Clone, Copy, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// How far back: `1h` if not given, `6h`, `24h`, `7d` or `30d`.
    #[param(inline)]
    period: Option<Period>,
}

/// Points over a while.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Chart<T> {
    /// How far back it goes.
    period: Period,
    /// Seconds from one point to the next where nothing is missing. A server without an agent is asked once a minute.
    pub(crate) resolution_seconds: i32,
    /// Where it begins.
    pub(crate) since: DateTime<Utc>,
    /// When the server was measured last; null: never.
    observed_at: Option<DateTime<Utc>>,
    /// By whom: `agent` or `ssh`.
    #[schema(value_type = Option<String>)]
    source: Option<Source>,
    /// In the order of their times.
    pub(crate) data: Vec<T>,
}

impl<T> Chart<T> {
    /// One without points yet.
    pub(crate) fn of(wanted: Wanted) -> Self {
        let period = wanted.period.unwrap_or_default();
        Self {
            period,
            resolution_seconds: period.resolution(),
            since: Utc::now() - period.length(),
            observed_at: None,
            source: None,
            data: Vec::new(),
        }
    }

    /// Notes when it was measured last.
    pub(crate) fn observed(&mut self, observed: Option<(DateTime<Utc>, Source)>) {
        (self.observed_at, self.source) = observed.unzip();
    }
}
