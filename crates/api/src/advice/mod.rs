//! Advice: what the bottleneck is, and what to do.

mod control_plane;
mod servers;

use chrono::TimeDelta;
use ocore_domain::advice::{Finding, sorted};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub(crate) use servers::found;

use crate::{
    access::{Routes, guarded},
    checks::Checks,
    problem::Answer,
};

/// The most findings that are told: nobody acts on more at once.
const MOST: usize = 200;

pub(crate) fn routes() -> Routes {
    Routes::default()
        .with(guarded!(servers::advise))
        .with(guarded!(control_plane::advise))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Over how many minutes averages are taken, 1 to 60; 15 when left out.
    #[param(minimum = 1, maximum = 60)]
    minutes: Option<i64>,
}

impl Wanted {
    fn minutes(&self) -> Answer<TimeDelta> {
        let minutes = self.minutes.unwrap_or(15);
        let mut checks = Checks::default();
        checks.that((1..=60).contains(&minutes), "minutes", "must be from 1 to 60");
        checks.done()?;
        Ok(TimeDelta::minutes(minutes))
    }
}

/// Bottlenecks, the gravest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Advice {
    /// Over how many minutes averages were taken.
    minutes: i64,
    /// What was found; empty: no bottleneck in what was measured.
    findings: Vec<Finding>,
    /// How many there are, when not all are told.
    total: usize,
    /// What nothing was measured of, so that nothing is known: names of servers, or `oCore`.
    unmeasured: Vec<String>,
}

impl Advice {
    fn new(over: TimeDelta, findings: Vec<Finding>, unmeasured: Vec<String>) -> Self {
        let mut findings = sorted(findings);
        let total = findings.len();
        findings.truncate(MOST);
        Self {
            minutes: over.num_minutes(),
            findings,
            total,
            unmeasured,
        }
    }
}
