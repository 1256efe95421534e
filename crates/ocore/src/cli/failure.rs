//! How a command can end other than well.

use std::process::ExitCode;

use serde::Deserialize;
use serde_json::{Value, json};

use super::output::{Output, plain};

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something went wrong on this side.
    Failed(String),
    /// The command was given wrongly.
    Usage(String),
    /// The API answered with a problem.
    Refused(Box<Refusal>),
    /// The operation ended in another state than the one wanted.
    Ended(String),
    /// Nobody answers.
    Unreachable(String),
    /// Ctrl-C while following: the operation goes on.
    Detached(String),
    /// Whoever read the output has read enough.
    PipeClosed,
}

/// A problem document as it came, and what a person wants to see of it.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: u16,
    document: Value,
    problem: Problem,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Problem {
    title: String,
    detail: String,
    code: String,
    mend: String,
    request_id: Option<String>,
    fields: Vec<Field>,
}

#[derive(Debug, Deserialize)]
struct Field {
    field: String,
    detail: String,
}

impl Refusal {
    /// A refusal from an answer's status and body. What is no problem document, such as a proxy's page, becomes one.
    pub(crate) fn new(status: u16, body: &str) -> Self {
        let document: Value = serde_json::from_str(body).unwrap_or_default();
        match Problem::deserialize(&document) {
            Ok(problem) if !problem.code.is_empty() => Self {
                status,
                document,
                problem,
            },
            _ => {
                let detail: String = body.chars().take(300).collect();
                let mend = "Check that OCORE_URL is the address of `ocore serve`.";
                let document = json!({"status": status, "code": "cli.foreign_answer", "title": "Not an answer of oCore",
                    "detail": format!("HTTP status {status}: {}", detail.trim()), "mend": mend});
                let problem = Problem::deserialize(&document).unwrap_or_default();
                Self {
                    status,
                    document,
                    problem,
                }
            }
        }
    }

    /// The HTTP status.
    pub(crate) const fn status(&self) -> u16 {
        self.status
    }

    fn text(&self) -> String {
        let Problem {
            title,
            detail,
            code,
            mend,
            request_id,
            fields,
        } = &self.problem;
        let mut lines = vec![format!("{title} ({code})"), detail.clone()];
        lines.extend(
            fields
                .iter()
                .map(|Field { field, detail }| format!("{field}: {detail}")),
        );
        if !mend.is_empty() {
            lines.push(format!("→ {mend}"));
        }
        lines.extend(request_id.iter().map(|id| format!("request {id}")));
        lines.join("\n  ")
    }
}

impl Failure {
    /// Tells it on standard error, with `--json` as a document too unless one was printed, and gives the exit code.
    pub(crate) fn tell(&self, output: &Output) -> ExitCode {
        let (code, text, document) = match self {
            Self::Failed(text) => (1, text.clone(), simple("cli.failed", text)),
            Self::Usage(text) => (2, text.clone(), simple("cli.usage", text)),
            Self::Refused(refusal) => (3, refusal.text(), refusal.document.clone()),
            Self::Ended(text) => (4, text.clone(), simple("cli.operation_ended", text)),
            Self::Unreachable(text) => (5, text.clone(), simple("cli.unreachable", text)),
            Self::Detached(text) => {
                eprintln!("{}", plain(text));
                return ExitCode::from(130);
            }
            Self::PipeClosed => return ExitCode::SUCCESS,
        };
        eprintln!("error: {}", plain(&text));
        // Whoever closed the pipe does not want it.
        let _ = output.document_unless_printed(&document);
        ExitCode::from(code)
    }

    /// Whether the same request may well succeed in a moment.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused(refusal) => matches!(refusal.status(), 502..=504),
            _ => false,
        }
    }

    /// Whether the API says that there is no such thing.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status() == 404)
    }
}

fn simple(code: &str, detail: &str) -> Value {
    json!({"code": code, "detail": detail})
}
