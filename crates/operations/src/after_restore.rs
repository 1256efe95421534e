//! Operations that were under way when a backup was made: what becomes of them when it is restored.
//!
//! Hours may lie between. Whatever the other control plane did in them is done, and what people wanted then they may no
//! longer want: a stop that was queued must not stop, today, what was started again since. So nothing that changes an
//! instance goes on by itself. What is meant is as it was before, and the observer tells what is.

use chrono::{DateTime, Utc};
use ocore_domain::{Code, Problem, operation::OperationState};
use ocore_store::{
    PgConnection,
    operations::{Claimed, Finish, finish},
    restored,
};

use crate::{
    agent_install, definition, engine, instance_restart, instance_start, instance_stop, server_validate,
};

/// What became of operations that had not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Not begun, or as good as that: cancelled.
    pub cancelled: u64,
    /// Broken off in the middle: failed, to be retried.
    pub failed: u64,
    /// Those that only look, or do again what is there: given back.
    pub given_back: u64,
}

/// What becomes of one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Cancelled,
    Failed,
    GivenBack,
}

/// Ends or gives back every operation that had not ended, in the transaction that makes what was restored a control plane;
/// `keep` gives all of them back, for a backup that is minutes old.
pub async fn end_unfinished(
    tx: &mut PgConnection,
    backup_at: DateTime<Utc>,
    keep: bool,
) -> Result<Ended, Problem> {
    let mut ended = Ended::default();
    for claim in restored::take_open(tx).await? {
        match if keep { Fate::GivenBack } else { fate(&claim) } {
            Fate::GivenBack => {
                restored::give_back(tx, &claim).await?;
                ended.given_back += 1;
            }
            Fate::Cancelled => {
                end(tx, &claim, OperationState::Cancelled, &not_begun(backup_at)).await?;
                ended.cancelled += 1;
            }
            Fate::Failed => {
                end(tx, &claim, OperationState::Failed, &broken_off(backup_at)).await?;
                ended.failed += 1;
            }
        }
    }
    Ok(ended)
}

fn fate(claim: &Claimed) -> Fate {
    let is = |kinds: &[&str]| kinds.contains(&claim.kind.as_str());
    if is(&[server_validate::DEFINITION.kind, agent_install::DEFINITION.kind]) {
        return Fate::GivenBack;
    }
    let has_begun = claim.attempt > 0;
    // These leave nothing half made: the container runs or it does not, and that is seen.
    let leaves_nothing = is(&[
        instance_start::DEFINITION.kind,
        instance_stop::DEFINITION.kind,
        instance_restart::DEFINITION.kind,
    ]);
    if has_begun && !leaves_nothing {
        Fate::Failed
    } else {
        Fate::Cancelled
    }
}

async fn end(
    tx: &mut PgConnection,
    claim: &Claimed,
    state: OperationState,
    error: &Problem,
) -> Result<(), Problem> {
    let Some(definition) = definition(&claim.kind) else {
        finish(tx, &Finish::of(claim, state), Some(error)).await?;
        return Ok(());
    };
    // Its subject may be something that it cannot be settled with: the operation has ended all the same.
    if let Err(error) = engine::end(tx, definition, claim, state, Some(error)).await {
        tracing::warn!(operation = %claim.id, %error, "its subject was left as it is");
    }
    Ok(())
}

fn not_begun(backup_at: DateTime<Utc>) -> Problem {
    Problem::new(
        Code::Cancelled,
        format!(
            "oCore was restored from a backup of {}, in which this was still to be done",
            backup_at.format("%Y-%m-%d %H:%M UTC")
        ),
        "Look at how things are now, and ask for it again if it is still wanted.",
    )
}

fn broken_off(backup_at: DateTime<Utc>) -> Problem {
    Problem::new(
        Code::Internal,
        format!(
            "oCore was restored from a backup of {}, in which this was half done; it may have ended since",
            backup_at.format("%Y-%m-%d %H:%M UTC")
        ),
        "Look at how things are on the server, and retry the operation if it is still wanted: each step looks first.",
    )
}

#[cfg(test)]
mod tests {
    use ocore_domain::{OperationId, OrganizationId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn nothing_that_changes_an_instance_goes_on_by_itself() {
        let of = |kind: &str, attempt| {
            fate(&Claimed {
                id: OperationId::new(),
                organization_id: OrganizationId::DEFAULT,
                kind: kind.to_owned(),
                subject_id: None,
                server_id: None,
                params: serde_json::Value::Null,
                state: OperationState::Running,
                error: None,
                attempt,
                token: Uuid::nil(),
                cancel_requested: false,
            })
        };
        for definition in crate::DEFINITIONS {
            let (fresh, begun) = (of(definition.kind, 0), of(definition.kind, 1));
            let expected = match definition.kind {
                "server_validate" | "agent_install" => (Fate::GivenBack, Fate::GivenBack),
                "instance_start" | "instance_stop" | "instance_restart" => (Fate::Cancelled, Fate::Cancelled),
                _ => (Fate::Cancelled, Fate::Failed),
            };
            assert_eq!((fresh, begun), expected, "{}", definition.kind);
        }
    }
}
