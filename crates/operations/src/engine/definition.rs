//! What an operation declares.

use std::time::Duration;

use futures::future::BoxFuture;
use ocore_domain::{
    InstanceId, Problem, ServerId,
    instance::{InstanceStatus, Transition},
    operation::OperationState,
    server::ServerStatus,
};
use ocore_store::{
    PgConnection, dumps,
    instances::{self, Instance},
    operations::Claimed,
    servers,
};
use serde::{Deserialize, Serialize};

use super::Ctx;

/// Something a step does: looks at the world, changes it, records what it saw. Safe to do again.
pub(crate) type Action = for<'a> fn(&'a Ctx) -> BoxFuture<'a, Result<(), Problem>>;

/// Writes an operation's end into its subject's row, in the transaction that ends the operation.
pub(crate) type SettleWith =
    for<'a> fn(&'a mut PgConnection, &'a Claimed, End<'a>) -> BoxFuture<'a, Result<(), Problem>>;

/// What an operation's end means for its subject.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Settle {
    /// Nothing.
    Nothing,
    /// An instance moves along its life when every step is done, and back to where it was ([`Before`]) when everything
    /// was taken back; one that is left half changed is lost.
    Instance(Transition),
    /// A server gets this status, or `failed`.
    Server(ServerStatus),
    /// Something of its own.
    With(SettleWith),
}

impl Settle {
    pub(crate) async fn apply(
        self,
        tx: &mut PgConnection,
        claim: &Claimed,
        end: End<'_>,
    ) -> Result<(), Problem> {
        match self {
            Self::Nothing => Ok(()),
            Self::Instance(done) => {
                let undone = Transition::back(Before::of(claim)?);
                settle_instance(tx, claim, end, done, undone).await
            }
            Self::Server(done) => settle_server(tx, claim, end, done).await,
            Self::With(settle) => settle(tx, claim, end).await,
        }
    }
}

/// Where an instance stood when an operation on it was asked for: among the parameters of each.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Before {
    before: InstanceStatus,
}

impl Before {
    /// Of an instance as it is.
    pub(crate) const fn now(instance: &Instance) -> Self {
        Self {
            before: instance.status,
        }
    }

    fn of(claim: &Claimed) -> Result<InstanceStatus, Problem> {
        let params: Self = serde_json::from_value(claim.params.clone()).map_err(Problem::internal)?;
        Ok(params.before)
    }

    /// Whether it was meant to serve.
    pub(crate) const fn served(self) -> bool {
        matches!(self.before, InstanceStatus::Running)
    }
}

/// Moves the instance an operation was about along its life.
pub(crate) async fn settle_instance(
    tx: &mut PgConnection,
    claim: &Claimed,
    end: End<'_>,
    done: Transition,
    undone: Transition,
) -> Result<(), Problem> {
    let id = claim
        .subject_id
        .ok_or_else(|| Problem::internal("the operation names no instance"))?;
    let transition = match end.state {
        OperationState::Done => done,
        OperationState::Failed => Transition::Lost,
        _ => undone,
    };
    let message = end.error.map(|error| error.detail.as_str());
    instances::transition(tx, InstanceId::from(id), transition, message).await?;
    Ok(())
}

async fn settle_server(
    tx: &mut PgConnection,
    claim: &Claimed,
    end: End<'_>,
    done: ServerStatus,
) -> Result<(), Problem> {
    let id = claim
        .subject_id
        .ok_or_else(|| Problem::internal("the operation names no server"))?;
    let status = match end.state {
        OperationState::Done => done,
        _ => ServerStatus::Failed,
    };
    let message = end.error.map(|error| error.detail.as_str());
    if status == ServerStatus::Removed {
        dumps::mark_all_removed(tx, ServerId::from(id)).await?;
    }
    servers::set_status(tx, ServerId::from(id), status, message).await?;
    Ok(())
}

/// How an operation ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End<'a> {
    /// The final state.
    pub(crate) state: OperationState,
    /// Why, when it is not done.
    pub(crate) error: Option<&'a Problem>,
}

/// One kind of operation.
#[derive(Debug)]
pub(crate) struct Definition {
    /// Its name, for example `instance_create`.
    pub(crate) kind: &'static str,
    /// What it does, in order.
    pub(crate) steps: &'static [Step],
    /// What its end means for its subject.
    pub(crate) settle: Settle,
    /// Opens what must not pass into its output. Done by each worker before anything else: which step would open it may
    /// have been done by another, whose redactor is gone.
    pub(crate) secrets: Option<Action>,
}

impl Definition {
    /// Name and title of each step, for the rows.
    pub(crate) fn step_rows(&self) -> Vec<(&'static str, &'static str)> {
        self.steps.iter().map(|step| (step.name, step.title)).collect()
    }
}

/// One step of an operation.
#[derive(Debug)]
pub(crate) struct Step {
    /// Its name, for machines.
    pub(crate) name: &'static str,
    /// What the operator reads.
    pub(crate) title: &'static str,
    /// How long it may take.
    pub(crate) timeout: Duration,
    /// What it does.
    pub(crate) action: Action,
    /// What takes it back, whether it was done wholly or in part; none: there is nothing to take back.
    pub(crate) undo: Option<Action>,
    /// Once it has begun there is no way back: a failure ends the operation as failed, to be retried, and a
    /// cancellation is refused.
    pub(crate) irreversible: bool,
}

/// The secrets of the instance an operation is about.
pub(crate) const INSTANCE_SECRETS: Option<Action> = Some(|ctx| {
    Box::pin(async move {
        let instance = ctx.instance().await?;
        ctx.secrets(&instance).await.map(drop)
    })
});

/// Seconds.
pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// One line of an operation's table: `step!(function, "Title", timeout)`, with `undo function` or `irreversible`
/// after it. The step is named after its function.
macro_rules! step {
    ($name:ident, $title:literal, $timeout:expr) => {
        step!(@make $name, $title, $timeout, None, false)
    };
    ($name:ident, $title:literal, $timeout:expr, undo $undo:path) => {
        step!(@make $name, $title, $timeout, Some(|ctx| Box::pin($undo(ctx))), false)
    };
    ($name:ident, $title:literal, $timeout:expr, irreversible) => {
        step!(@make $name, $title, $timeout, None, true)
    };
    (@make $name:ident, $title:literal, $timeout:expr, $undo:expr, $irreversible:literal) => {
        $crate::engine::Step {
            name: stringify!($name),
            title: $title,
            timeout: $timeout,
            action: |ctx| Box::pin($name(ctx)),
            undo: $undo,
            irreversible: $irreversible,
        }
    };
}

pub(crate) use step;
