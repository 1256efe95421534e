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
    /// Nobody said yes to a login.
    NotApproved(String),
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
    /// After how many seconds to ask again.
    retry_after: Option<u64>,
    /// What to do about it with this program, where the API tells it for its own routes.
    advice: Option<String>,
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
        let (document, problem) = match Problem::deserialize(&document) {
            Ok(problem) if !problem.code.is_empty() => (document, problem),
            _ => {
                let detail: String = body.chars().take(300).collect();
                let mend = "Check that OCORE_URL, or the profile, is the address of `ocore serve`.";
                let document = json!({"status": status, "code": "cli.foreign_answer", "title": "Not an answer of oCore",
                    "detail": format!("HTTP status {status}: {}", detail.trim()), "mend": mend});
                let problem = Problem::deserialize(&document).unwrap_or_default();
                (document, problem)
            }
        };
        Self {
            status,
            document,
            problem,
            retry_after: None,
            advice: None,
        }
    }

    /// The same, with what the API said about when to ask again.
    pub(crate) fn with_retry_after(self, retry_after: Option<u64>) -> Self {
        Self { retry_after, ..self }
    }

    /// After how many seconds to ask again, if the API said so.
    pub(crate) const fn retry_after(&self) -> Option<u64> {
        self.retry_after
    }

    /// The problem's code.
    pub(crate) fn code(&self) -> &str {
        &self.problem.code
    }

    /// Tells what to do about it with this program.
    pub(crate) fn advise(&mut self, advice: String) {
        self.advice = Some(advice);
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
        let mend = self.advice.as_ref().unwrap_or(mend);
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
            Self::NotApproved(text) => (4, text.clone(), simple("cli.login_not_approved", text)),
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

    /// The same, with what to do about it if the API answered with this status.
    pub(crate) fn advised(mut self, status: u16, advice: impl FnOnce() -> String) -> Self {
        if let Self::Refused(refusal) = &mut self
            && refusal.status() == status
        {
            refusal.advise(advice());
        }
        self
    }

    /// The same; if somebody else was quicker, with the command that shows what they did.
    pub(crate) fn changed_meanwhile(self, look: &str) -> Self {
        self.advised(412, || {
            format!("Nothing was changed. Look at it as it is now (`{look}`), and give the command again if it is still wanted.")
        })
    }

    /// The problem's code, if the API refused.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(refusal) => Some(refusal.code()),
            _ => None,
        }
    }

    /// Whether the API lets who asks see it no more.
    pub(crate) fn is_shut_out(&self) -> bool {
        matches!(self, Self::Refused(refusal) if matches!(refusal.status(), 401 | 403 | 404))
    }

    /// Whether the API says that this is for others.
    pub(crate) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status() == 403)
    }

    /// Whether the API says that there is no such thing.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status() == 404)
    }
}

fn simple(code: &str, detail: &str) -> Value {
    json!({"code": code, "detail": detail})
}
