//! The life of an instance.

use crate::{Code, Problem, words::words};

words! {
    /// Where an instance stands in its life. What was last *observed* of it is kept beside this, with its time.
    pub enum InstanceStatus {
        /// Its parts are being made.
        Creating = "creating",
        /// It is meant to serve.
        Running = "running",
        /// It is being started.
        Starting = "starting",
        /// It is being stopped.
        Stopping = "stopping",
        /// It is meant to rest; database and files are kept.
        Stopped = "stopped",
        /// It is being stopped and started.
        Restarting = "restarting",
        /// Its settings are being changed.
        Updating = "updating",
        /// It is being moved to another server.
        Moving = "moving",
        /// An operation left it in a state that needs a person; the message says which.
        Failed = "failed",
        /// Its parts are being taken away.
        Removing = "removing",
        /// It is gone; the row stays for the record.
        Removed = "removed",
    }
}

/// What can happen to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transition {
    /// Make it again after a creation that did not end well.
    Recreate,
    /// Begin to start.
    Start,
    /// Begin to stop.
    Stop,
    /// Begin to restart.
    Restart,
    /// Begin to change its settings.
    Update,
    /// Begin to move it to another server.
    Move,
    /// Begin to remove it.
    Remove,
    /// The operation ended with the instance serving.
    Up,
    /// The operation ended with the instance resting.
    Down,
    /// The operation ended with the instance gone.
    Gone,
    /// The operation ended without knowing where the instance stands.
    Lost,
    /// Its server is lost for good, and it with it.
    Forget,
}

impl Transition {
    /// The end of an operation that leaves the instance as it was before.
    pub const fn back(before: InstanceStatus) -> Self {
        match before {
            InstanceStatus::Running => Self::Up,
            InstanceStatus::Stopped => Self::Down,
            _ => Self::Lost,
        }
    }
}

impl InstanceStatus {
    /// Whether an operation is at work on it.
    pub const fn is_changing(self) -> bool {
        matches!(
            self,
            Self::Creating
                | Self::Starting
                | Self::Stopping
                | Self::Restarting
                | Self::Updating
                | Self::Moving
                | Self::Removing
        )
    }

    /// The status after a transition, or why there is none.
    pub fn after(self, transition: Transition) -> Result<Self, Problem> {
        use Transition as T;
        let next = match (self, transition) {
            (Self::Removed | Self::Failed, T::Recreate) => Self::Creating,
            (Self::Stopped | Self::Failed, T::Start) => Self::Starting,
            (Self::Running | Self::Failed, T::Stop) => Self::Stopping,
            (Self::Running | Self::Failed, T::Restart) => Self::Restarting,
            (Self::Running | Self::Stopped | Self::Failed, T::Update) => Self::Updating,
            (Self::Running | Self::Stopped | Self::Failed, T::Move) => Self::Moving,
            (Self::Running | Self::Stopped | Self::Failed, T::Remove) => Self::Removing,
            (s, T::Up) if s.is_changing() => Self::Running,
            (s, T::Down) if s.is_changing() && s != Self::Creating => Self::Stopped,
            (Self::Creating | Self::Removing, T::Gone)
            | (Self::Running | Self::Stopped | Self::Failed, T::Forget) => Self::Removed,
            (s, T::Lost) if s.is_changing() => Self::Failed,
            _ => return Err(self.refuse(transition)),
        };
        Ok(next)
    }

    fn refuse(self, transition: Transition) -> Problem {
        let verb = match transition {
            Transition::Recreate => "created again",
            Transition::Start => "started",
            Transition::Stop => "stopped",
            Transition::Restart => "restarted",
            Transition::Update => "changed",
            Transition::Move => "moved",
            Transition::Remove | Transition::Forget => "deleted",
            Transition::Up | Transition::Down | Transition::Gone | Transition::Lost => "finished",
        };
        if self.is_changing() {
            return Problem::new(
                Code::OperationInProgress,
                format!("The instance is {self} and cannot be {verb} now"),
                "Wait for the operation that is at work on it, or cancel that one first.",
            );
        }
        Problem::new(
            Code::StateConflict,
            format!("The instance is {self} and cannot be {verb}"),
            "Look at its state first; it may be as you want it already.",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{InstanceStatus as S, Transition as T, *};

    /// The whole table: every status (row) under every transition (column); `-` is refused.
    #[test]
    fn table() {
        let columns = [
            T::Recreate,
            T::Start,
            T::Stop,
            T::Restart,
            T::Update,
            T::Move,
            T::Remove,
            T::Up,
            T::Down,
            T::Gone,
            T::Lost,
            T::Forget,
        ];
        let table = "
            creating   -        -        -        -          -        -      -        running -       removed failed -
            running    -        -        stopping restarting updating moving removing -       -       -       -      removed
            starting   -        -        -        -          -        -      -        running stopped -       failed -
            stopping   -        -        -        -          -        -      -        running stopped -       failed -
            stopped    -        starting -        -          updating moving removing -       -       -       -      removed
            restarting -        -        -        -          -        -      -        running stopped -       failed -
            updating   -        -        -        -          -        -      -        running stopped -       failed -
            moving     -        -        -        -          -        -      -        running stopped -       failed -
            failed     creating starting stopping restarting updating moving removing -       -       -       -      removed
            removing   -        -        -        -          -        -      -        running stopped removed failed -
            removed    creating -        -        -          -        -      -        -       -       -       -      -
        ";
        let rows: Vec<Vec<&str>> = table
            .lines()
            .map(|l| l.split_whitespace().collect())
            .filter(|r: &Vec<_>| !r.is_empty())
            .collect();
        assert_eq!(rows.len(), S::ALL.len());
        for row in rows {
            let from: S = row[0].parse().unwrap();
            for (column, &expected) in columns.iter().zip(&row[1..]) {
                let got = from.after(*column).map_or("-", S::as_str);
                assert_eq!(got, expected, "{from} under {column:?}");
            }
        }
    }

    #[test]
    fn a_busy_instance_says_so() {
        assert_eq!(
            S::Creating.after(T::Stop).unwrap_err().code,
            Code::OperationInProgress
        );
        assert_eq!(S::Stopped.after(T::Stop).unwrap_err().code, Code::StateConflict);
    }
}
