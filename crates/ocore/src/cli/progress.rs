//! An operation's steps on standard error while it goes on.

use std::{
    collections::HashMap,
    io::{self, IsTerminal},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use ocore_domain::operation::{Event, Level, OperationState, StepState};

use super::{
    operation::{Operation, Step},
    output::plain,
};

/// Which lines of output stay on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lines {
    /// None: only the latest is shown, and it does not push the steps off the screen.
    Latest,
    /// All of them: they are what is wanted.
    All,
}

/// On a terminal, what stays above one line that moves; elsewhere plain lines.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    lines: Lines,
    steps: HashMap<String, StepState>,
    waiting_for: Option<String>,
    undoing: bool,
}

impl Progress {
    /// Nothing shown yet.
    pub(crate) fn new(lines: Lines) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>4} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self {
            bar,
            lines,
            steps: HashMap::new(),
            waiting_for: None,
            undoing: false,
        }
    }

    /// Shows what is new in an operation.
    pub(crate) fn operation(&mut self, operation: &Operation) {
        if operation.state == OperationState::Queued && operation.waiting_for != self.waiting_for {
            self.waiting_for.clone_from(&operation.waiting_for);
            if let Some(what) = &operation.waiting_for {
                self.say(&format!("waiting: {what}"));
            }
        }
        if operation.state == OperationState::Undoing && !self.undoing {
            self.undoing = true;
            self.say("undoing what was done");
        }
        for (index, step) in operation.steps.iter().enumerate() {
            let before = self.steps.insert(step.name.clone(), step.state);
            if before != Some(step.state) {
                self.step(step, index + 1, operation.steps.len());
            }
        }
    }

    fn step(&self, step: &Step, number: usize, all: usize) {
        let Step { title, .. } = step;
        let took = step
            .duration_ms
            .map(|ms| format!("  {}.{} s", ms / 1000, ms % 1000 / 100))
            .unwrap_or_default();
        match step.state {
            StepState::Pending => (),
            StepState::Running | StepState::Undoing => self.now(&format!("[{number}/{all}] {title}")),
            StepState::Done => self.say(&format!("✓ {title}{took}")),
            StepState::Failed => self.say(&format!("✗ {title}{took}")),
            StepState::Undone => self.say(&format!("↺ {title}: undone")),
            StepState::UndoFailed => self.say(&format!("✗ {title}: could not be undone")),
        }
    }

    /// Shows a line of output.
    pub(crate) fn line(&self, event: &Event) {
        match (&self.bar, event.level) {
            (Some(bar), Level::Output | Level::Info) if self.lines == Lines::Latest => {
                bar.set_message(plain(&event.line).replace('\n', " "));
            }
            (_, Level::Warn) => self.say(&format!("! {}", event.line)),
            (_, Level::Error) => self.say(&format!("✗ {}", event.line)),
            _ => self.say(&format!("  {}", event.line)),
        }
    }

    /// Says something that stays.
    pub(crate) fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{}", plain(text))),
            None => eprintln!("{}", plain(text)),
        }
    }

    fn now(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(plain(text)),
            None => self.say(text),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
