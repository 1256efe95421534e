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
    use std::{fs, path::PathBuf, sync::Arc};

    use nix::sys::signal::{Signal, kill};
    use ocore_domain::Code;

    use super::{Faults, NoFaults, Point, Problem, async_trait};

    /// The faults listed in the file that `OCORE_FAULTS` names, read anew at each moment: separated by commas,
    /// `kill|fail:<kind>:<step>:before|after|undo` and `repeat:<kind>:*`.
    pub fn from_environment() -> Arc<dyn Faults> {
        std::env::var_os("OCORE_FAULTS").map_or_else(
            || -> Arc<dyn Faults> { Arc::new(NoFaults) },
            |file| Arc::new(Listed(file.into())),
        )
    }

    struct Listed(PathBuf);

    impl Listed {
        fn has(&self, fault: &str) -> bool {
            fs::read_to_string(&self.0).is_ok_and(|list| list.trim().split(',').any(|listed| listed == fault))
        }
    }

    #[async_trait]
    impl Faults for Listed {
        async fn reach(&self, kind: &str, step: &str, point: Point) -> Result<(), Problem> {
            let at = format!("{kind}:{step}:{}", format!("{point:?}").to_lowercase());
            if self.has(&format!("kill:{at}")) {
                tracing::warn!(%at, "killing this process on purpose");
                let _ = kill(nix::unistd::getpid(), Signal::SIGKILL);
            }
            if self.has(&format!("fail:{at}")) {
                return Err(Problem::new(
                    Code::CommandFailed,
                    format!("failed on purpose at {at}"),
                    "Do not ask for it.",
                ));
            }
            Ok(())
        }

        fn repeats(&self, kind: &str, _step: &str) -> bool {
            self.has(&format!("repeat:{kind}:*"))
        }
    }
}
