//! How operations run: a declared table of steps, gone through forward, or backward when one fails.

mod cancels;
mod context;
mod definition;
#[cfg(test)]
mod outages;
mod output;
mod patience;
mod recorder;
mod redact;
mod run;
mod shared;
#[cfg(test)]
mod tests;

pub(crate) use cancels::Cancels;
pub(crate) use context::Ctx;
pub(crate) use definition::{Action, Before, Definition, End, INSTANCE_SECRETS, Settle, Step, secs};
pub(crate) use definition::{settle_instance, step};
pub(crate) use output::Output;
pub(crate) use recorder::Recorder;
pub(crate) use redact::Redactor;
pub(crate) use run::{LetGo, Limits, end, run};
pub(crate) use shared::Shared;
