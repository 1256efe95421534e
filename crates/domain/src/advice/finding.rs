//! What is found: a bottleneck, the figures that show it, and what to do.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::words::words;

words! {
    /// What an operator notices.
    pub enum Symptom {
        /// oCore's own answers are slow.
        SlowApi = "slow_api_responses",
        /// Something was killed for want of memory, or is about to be.
        OutOfMemory = "out_of_memory_errors",
        /// Files are read and written slowly.
        SlowFiles = "slow_file_operations",
        /// Servers answer late or not at all over SSH.
        SshTimeouts = "ssh_gateway_timeouts",
        /// Odoo is slow.
        SlowOdoo = "slow_odoo",
        /// PostgreSQL takes no more connections, or soon will not.
        RefusedConnections = "refused_connections",
        /// A disk is nearly full.
        FullDisk = "full_disk",
    }
}

words! {
    /// What there is too little of.
    pub enum Bottleneck {
        /// Cores.
        Cpu = "cpu",
        /// Memory.
        Memory = "memory",
        /// The speed of a disk.
        DiskIo = "disk_io",
        /// The size of a disk.
        DiskSpace = "disk_space",
        /// PostgreSQL.
        Database = "database",
        /// Connections that PostgreSQL allows, or that a pool holds.
        Connections = "connections",
        /// The network.
        Network = "network",
    }
}

words! {
    /// How soon something is to be done.
    #[derive(PartialOrd, Ord)]
    pub enum Severity {
        /// In time.
        Warning = "warning",
        /// Now.
        Critical = "critical",
    }
}

words! {
    /// What a figure counts.
    pub enum Unit {
        /// Hundredths.
        Percent = "percent",
        /// Thousandths of a second.
        Milliseconds = "milliseconds",
        /// Seconds.
        Seconds = "seconds",
        /// Bytes.
        Bytes = "bytes",
        /// Pieces.
        Count = "count",
    }
}

/// What it is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Subject {
    /// oCore itself and the machine it runs on.
    ControlPlane,
    /// A server.
    Server {
        /// Its identifier.
        id: Uuid,
        /// Its name.
        name: String,
    },
    /// An instance.
    Instance {
        /// Its identifier.
        id: Uuid,
        /// Its name.
        name: String,
    },
}

/// A figure that a finding was drawn from.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Figure {
    /// What it is, as the metrics call it: `cpuUsagePercent`.
    pub name: &'static str,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: Unit,
    /// From where on it tells of a bottleneck; none: it is told for comparison.
    pub threshold: Option<f64>,
}

impl Figure {
    /// A figure that is told for comparison.
    pub const fn new(name: &'static str, value: f64, unit: Unit) -> Self {
        Self {
            name,
            value,
            unit,
            threshold: None,
        }
    }

    /// A figure with its threshold.
    pub const fn over(name: &'static str, value: f64, unit: Unit, threshold: f64) -> Self {
        Self {
            name,
            value,
            unit,
            threshold: Some(threshold),
        }
    }
}

/// A bottleneck.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What one notices.
    pub symptom: Symptom,
    /// What there is too little of.
    pub bottleneck: Bottleneck,
    /// Of what.
    pub subject: Subject,
    /// How soon to act.
    pub severity: Severity,
    /// One sentence: what was seen.
    pub summary: String,
    /// What to do.
    pub action: String,
    /// What it was drawn from.
    pub figures: Vec<Figure>,
}

impl Finding {
    /// What was found of a subject: the symptom, what there is too little of, and how soon to act.
    pub(super) fn of(
        subject: Subject,
        (symptom, bottleneck, severity): (Symptom, Bottleneck, Severity),
        summary: String,
        action: &str,
        figures: Vec<Figure>,
    ) -> Self {
        Self {
            symptom,
            bottleneck,
            subject,
            severity,
            summary,
            action: action.to_owned(),
            figures,
        }
    }
}
