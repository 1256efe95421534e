//! Why a server suits, or does not.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::words::words;

words! {
    /// What a reason is about.
    pub enum ReasonCode {
        // Why it suits as well as it does.
        /// The room it has left after what is promised.
        Room = "room",
        /// What it uses just now.
        CurrentUse = "current_use",
        /// How near it is to the users.
        Distance = "distance",
        /// Nobody knows how near it is: no country is said.
        DistanceUnknown = "distance_unknown",
        // Why it is refused.
        /// It is not active, or nobody has looked at it yet.
        NotActive = "not_active",
        /// It is cordoned.
        Cordoned = "cordoned",
        /// Its memory is promised.
        Memory = "memory",
        /// Its cores are promised as often as they may be.
        Cpu = "cpu",
        /// The instance asks for more cores than it has.
        Cores = "cores",
        /// Its disk is promised, or full.
        Disk = "disk",
        /// It has a taint that is not tolerated.
        Taint = "taint",
        /// It lacks a label.
        Label = "label",
        /// It is dedicated to others.
        Dedicated = "dedicated",
        /// Production is kept apart on it.
        ProductionApart = "production_apart",
        /// Another instance of the group is on it.
        AntiAffinity = "anti_affinity",
    }
}

impl ReasonCode {
    /// Whether somebody who names the server themselves may set it aside. What is promised to others, and what there is
    /// not, may not be.
    pub const fn yields_to_choice(self) -> bool {
        matches!(self, Self::Cpu | Self::Taint | Self::Label)
    }
}

/// Why a server suits, or does not.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Reason {
    /// What it is about.
    pub code: ReasonCode,
    /// The same as a sentence.
    pub text: String,
    /// The figures it drew on, by name; the name tells the unit.
    pub figures: BTreeMap<&'static str, f64>,
}

impl Reason {
    pub(super) fn new(
        code: ReasonCode,
        text: impl Into<String>,
        figures: impl IntoIterator<Item = (&'static str, f64)>,
    ) -> Self {
        Self {
            code,
            text: text.into(),
            figures: figures.into_iter().collect(),
        }
    }
}
