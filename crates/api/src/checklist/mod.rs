//! The list before one scales: what should be known and done.

mod control_plane;
mod database;
mod organization;

use ocore_domain::advice::{Finding, Setting};
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::{Routes, guarded};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .with(guarded!(organization::check))
        .with(guarded!(control_plane::check))
}

/// How a point of the list stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum State {
    /// Known or done.
    Done,
    /// Something is to be done.
    Attention,
    /// It cannot be told from here.
    Unknown,
}

/// A point of the list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Item {
    /// A name for programs: `bottleneck`.
    name: &'static str,
    /// What is asked.
    title: &'static str,
    state: State,
    /// What was found.
    summary: String,
    /// What to do; null when nothing is.
    action: Option<String>,
    /// The bottlenecks, when it is about those.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Finding>,
    /// The settings, when it is about those.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    settings: Vec<Setting>,
}

impl Item {
    fn new((name, title): (&'static str, &'static str), state: State, summary: impl Into<String>) -> Self {
        Self {
            name,
            title,
            state,
            summary: summary.into(),
            action: None,
            findings: Vec::new(),
            settings: Vec::new(),
        }
    }

    fn action(self, action: impl Into<String>) -> Self {
        Self {
            action: Some(action.into()),
            ..self
        }
    }
}

/// The list.
#[derive(Serialize, ToSchema)]
struct Checklist {
    /// Its points, in the order in which they are best done.
    items: Vec<Item>,
}

const BOTTLENECK: (&str, &str) = (
    "bottleneck",
    "Identify the bottleneck (CPU, RAM, disk, network, database)",
);
const DATABASE: (&str, &str) = ("database_settings", "Review database tuning settings");
/// A drill that is older proves little: too much has changed.
const DRILL_DAYS: i64 = 90;

const BACKUPS: (&str, &str) = ("backups", "Ensure backups are running successfully");
const MONITORING: (&str, &str) = ("monitoring", "Set up monitoring and alerting");
const DRILL: (&str, &str) = ("recovery_drill", "Test your disaster recovery procedure");
const INVENTORY: (&str, &str) = (
    "inventory",
    "Document your server inventory and instance distribution",
);

/// The bottlenecks, and what nothing is known of.
fn bottleneck(findings: Vec<Finding>, unmeasured: &[String], measured: usize) -> Item {
    let item = match findings.first() {
        Some(first) => {
            Item::new(BOTTLENECK, State::Attention, first.summary.clone()).action(first.action.clone())
        }
        None if measured == 0 => Item::new(BOTTLENECK, State::Unknown, "Nothing was measured yet").action(
            "Install the agent (`ocore server agent install`), or wait until oCore has asked over SSH.",
        ),
        None if !unmeasured.is_empty() => Item::new(
            BOTTLENECK,
            State::Unknown,
            format!("Nothing was measured of {}", unmeasured.join(", ")),
        )
        .action("Look at why: `ocore server list` and `ocore server agent status`."),
        None => Item::new(
            BOTTLENECK,
            State::Done,
            "No bottleneck in what was measured over 15 minutes",
        ),
    };
    Item { findings, ..item }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_is_not_called_well() {
        assert_eq!(bottleneck(vec![], &[], 0).state, State::Unknown);
        assert_eq!(bottleneck(vec![], &["fra-1".to_owned()], 3).state, State::Unknown);
        assert_eq!(bottleneck(vec![], &[], 3).state, State::Done);
    }
}
