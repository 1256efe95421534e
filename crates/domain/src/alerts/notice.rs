//! What people are told of an alert, whichever way it goes.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Severity, SubjectKind};
use crate::{AlertEventId, words::words};

words! {
    /// By which way.
    pub enum ChannelKind {
        /// E-mail, to addresses.
        Email = "email",
        /// A signed request to an address.
        Webhook = "webhook",
        /// An incoming webhook of Slack, or of what speaks like it.
        Slack = "slack",
        /// A bot of Telegram.
        Telegram = "telegram",
        /// The browsers of members who subscribed.
        WebPush = "webpush",
    }
}

words! {
    /// Of what somebody is told.
    pub enum NoticeKind {
        /// An alert began.
        Opened = "opened",
        /// It ended.
        Resolved = "resolved",
        /// Nothing happened: somebody tries whether it arrives.
        Test = "test",
    }
}

/// What used most when it began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Culprit {
    /// `process`, `container` or `instance`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Percent of one core.
    pub cpu_percent: Option<f64>,
    /// Bytes of memory.
    pub memory_bytes: Option<i64>,
}

/// What is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// Of what.
    pub kind: NoticeKind,
    /// The alert; a test has none.
    pub event_id: Option<AlertEventId>,
    /// The rule's name.
    pub rule: String,
    /// What it watches.
    pub metric: String,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub subject_kind: SubjectKind,
    /// Which one.
    pub subject_id: Uuid,
    /// Its name.
    pub subject_name: String,
    /// The same in words, beginning with the name.
    pub message: String,
    /// The value when it began.
    pub value: Option<f64>,
    /// What it went beyond.
    pub threshold: Option<f64>,
    /// What used most then.
    pub culprits: Vec<Culprit>,
    /// When it began.
    pub opened_at: DateTime<Utc>,
    /// When it ended.
    pub resolved_at: Option<DateTime<Utc>>,
}

impl Notice {
    /// One line: how bad, and what.
    pub fn title(&self) -> String {
        match self.kind {
            NoticeKind::Opened => format!("[{}] {}", self.severity, self.message),
            NoticeKind::Resolved => format!("Resolved: {}", self.message),
            NoticeKind::Test => format!("Test: {}", self.message),
        }
    }

    /// A few lines more.
    pub fn body(&self) -> String {
        let mut lines = vec![format!("Rule: {}", self.rule)];
        lines.push(format!(
            "Since: {}",
            self.opened_at.format("%Y-%m-%d %H:%M:%S UTC")
        ));
        if let Some(at) = self.resolved_at {
            let minutes = (at - self.opened_at).num_minutes();
            let at = at.format("%Y-%m-%d %H:%M:%S UTC");
            lines.push(format!("Until: {at} ({minutes} minutes)"));
        }
        if !self.culprits.is_empty() {
            let most: Vec<String> = self.culprits.iter().map(told).collect();
            lines.push(format!("Used most then: {}", most.join("; ")));
        }
        lines.join("\n")
    }
}

fn told(culprit: &Culprit) -> String {
    let mut uses = Vec::new();
    if let Some(cpu) = culprit.cpu_percent {
        uses.push(format!("{cpu:.0} % of a core"));
    }
    if let Some(bytes) = culprit.memory_bytes {
        uses.push(format!("{} MiB", bytes >> 20));
    }
    format!("{} {} ({})", culprit.kind, culprit.name, uses.join(", "))
}
