//! What the check of the database finds.

use serde::Serialize;

/// How grave it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// As it should be.
    Good,
    /// Good to know.
    Info,
    /// Something is to be done.
    Warning,
    /// oCore does not work, or what it keeps is at risk.
    Critical,
}

/// One point.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finding {
    /// A name for programs.
    pub(crate) name: String,
    pub(crate) severity: Severity,
    /// What was found, with its figures.
    pub(crate) summary: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) action: Option<String>,
    /// The command that does it, to be run as it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) command: Option<String>,
}

impl Finding {
    pub(crate) fn new(name: impl Into<String>, severity: Severity, summary: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            severity,
            summary: summary.into(),
            action: None,
            command: None,
        }
    }

    pub(crate) fn good(name: impl Into<String>, summary: impl Into<String>) -> Self {
        Self::new(name, Severity::Good, summary)
    }

    pub(crate) fn action(mut self, action: impl Into<String>) -> Self {
        self.action = Some(action.into());
        self
    }

    pub(crate) fn command(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }

    /// For people.
    pub(crate) fn told(&self) -> String {
        let mark = match self.severity {
            Severity::Good => "ok      ",
            Severity::Info => "info    ",
            Severity::Warning => "warning ",
            Severity::Critical => "critical",
        };
        let mut text = format!("{mark}  {}: {}\n", self.name, self.summary);
        if let Some(action) = &self.action {
            text.extend(["          → ", action, "\n"]);
        }
        if let Some(command) = &self.command {
            text.extend(["            ", command, "\n"]);
        }
        text
    }
}
