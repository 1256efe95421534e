//! Faults on purpose: where tests make a step fail, repeat, or kill the process.

use async_trait::async_trait;
use ocore_domain::Problem;

/// A moment of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// It is marked as running, and has done nothing yet.
    Before,
    /// It has done everything, and is not marked as done yet.
    After,
    /// It is about to be taken back.
    Undo,
}

/// What a test does to steps.
#[async_trait]
pub trait Faults: Send + Sync {
    /// Called at each moment of each step; a problem makes the step fail there.
    async fn reach(&self, kind: &str, step: &str, point: Point) -> Result<(), Problem>;

    /// Whether this step is to be done twice.
    fn repeats(&self, kind: &str, step: &str) -> bool;
}

/// Nothing on purpose: what production runs with.
#[derive(Clone, Copy, Debug)]
pub struct NoFaults;

#[async_trait]
impl Faults for NoFaults {
    async fn reach(&self, _kind: &str, _step: &str, _point: Point) -> Result<(), Problem> {
        Ok(())
    }

    fn repeats(&self, _kind: &str, _step: &str) -> bool {
        false
    }
}

#[cfg(feature = "faults")]
pub use environment::from_environment;

#[cfg(feature = "faults")]
mod environment {
    use std::sync::Arc;

    use nix::sys::signal::{Signal, kill};
    use ocore_domain::Code;

    use super::{Faults, NoFaults, Point, Problem, async_trait};

    /// The faults that `OCORE_FAULTS` asks for: a comma-separated list of `kill|fail:<kind>:<step>:before|after|undo`
    /// and `repeat:<kind>:*`.
    pub fn from_environment() -> Arc<dyn Faults> {
        match std::env::var("OCORE_FAULTS") {
            Ok(text) if !text.is_empty() => Arc::new(Asked(text.split(',').map(str::to_owned).collect())),
            _ => Arc::new(NoFaults),
        }
    }

    struct Asked(Vec<String>);

    #[async_trait]
    impl Faults for Asked {
        async fn reach(&self, kind: &str, step: &str, point: Point) -> Result<(), Problem> {
            let at = format!("{kind}:{step}:{}", format!("{point:?}").to_lowercase());
            if self.0.contains(&format!("kill:{at}")) {
                tracing::warn!(%at, "killing this process on purpose");
                let _ = kill(nix::unistd::getpid(), Signal::SIGKILL);
            }
            if self.0.contains(&format!("fail:{at}")) {
                return Err(Problem::new(
                    Code::CommandFailed,
                    format!("failed on purpose at {at}"),
                    "Do not ask for it.",
                ));
            }
            Ok(())
        }

        fn repeats(&self, kind: &str, step: &str) -> bool {
            self.0.iter().any(|fault| {
                *fault == format!("repeat:{kind}:*") || *fault == format!("repeat:{kind}:{step}")
            })
        }
    }
}
