//! Goes through the steps of a claimed operation.

use std::{sync::Arc, time::Duration};

use ocore_domain::{
    Code, Problem,
    operation::{Level, OperationState, StepState},
};
use ocore_store::{
    PgConnection, Store,
    operations::{self, Claimed, Finish, StepChange},
};
use rand::RngExt;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    Action, Ctx, Definition, End, Output, Recorder, Settle, Shared, Step,
    patience::{Pauses, persist},
};
use crate::{
    Hands,
    faults::{Faults, Point},
    only_waits,
};

/// How long the engine goes on trying where the world is away for a while.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How long a step is repeated while its server cannot be reached.
    pub(crate) patience: Duration,
    /// The same for taking a step back: longer, because giving up leaves something behind.
    pub(crate) undo_patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(90),
            undo_patience: Duration::from_secs(600),
        }
    }
}

/// An attempt that lasted longer had reached its server: what breaks it is a new fault, with the whole patience for it.
const LASTED: Duration = Duration::from_secs(30);

/// Why the engine let an operation go without ending it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LetGo {
    /// Another worker has it, or is to have it.
    Fenced,
    /// This process ends; the operation was given back.
    Released,
}

pub(crate) struct Run {
    hands: Hands,
    recorder: Recorder,
    definition: &'static Definition,
    claim: Claimed,
    faults: Arc<dyn Faults>,
    limits: Limits,
    output: Output,
    cancelled: CancellationToken,
    stopping: CancellationToken,
}

/// Runs a claimed operation to its end, unless it has to be let go.
pub(crate) async fn run(
    hands: Hands,
    shared: &Shared,
    definition: &'static Definition,
    claim: Claimed,
    faults: Arc<dyn Faults>,
    limits: Limits,
    stopping: CancellationToken,
) -> Result<OperationState, LetGo> {
    let store = hands.store().clone();
    let last = if is_first(&claim) {
        0
    } else {
        persist!({ operations::last_seq(&mut *store.connection().await?, claim.id).await })?
    };
    let output = Output::start(store.clone(), claim.clone(), last + 1);
    let watched = shared.cancels.watch(&claim);
    let run = Run {
        hands,
        recorder: shared.recorder.clone(),
        definition,
        claim,
        faults,
        limits,
        output,
        cancelled: watched.token(),
        stopping,
    };
    let ended = run.to_the_end().await;
    run.output.flush().await;
    ended
}

/// Whether nobody worked at it before. Then nothing was said, and no step was begun: its first change waits for the disk, and
/// for the claim before it.
const fn is_first(claim: &Claimed) -> bool {
    claim.attempt == 1
}

impl Run {
    async fn to_the_end(&self) -> Result<OperationState, LetGo> {
        self.keep_secrets().await?;
        let reason = if self.claim.state == OperationState::Undoing {
            let reason = self.claim.error.as_ref().map(|error| error.0.clone());
            reason.unwrap_or_else(|| Problem::internal("the reason was lost"))
        } else {
            let states = if is_first(&self.claim) {
                Vec::new()
            } else {
                self.step_states().await?
            };
            match self.forward(&states).await? {
                Ok(last) => return self.done(last).await,
                Err(reason) => reason,
            }
        };
        let states = self.step_states().await?;
        if self
            .steps(&states)
            .any(|(_, step, state)| step.irreversible && state != StepState::Pending)
        {
            return self.end(OperationState::Failed, Some(reason)).await;
        }
        match self.backward(&states).await? {
            Some(left) => {
                let told = Problem::new(
                    reason.code,
                    format!(
                        "{} — and it could not be taken back wholly: {}",
                        reason.detail, left.detail
                    ),
                    format!("{} Retry, or delete it, to clear what is left.", reason.mend),
                );
                self.end(OperationState::Failed, Some(told)).await
            }
            None if reason.code == Code::Cancelled => self.end(OperationState::Cancelled, Some(reason)).await,
            // Nothing of it is ever taken back: that it was rolled back would not be true.
            None if self.definition.steps.iter().all(|step| step.undo.is_none()) => {
                self.end(OperationState::Failed, Some(reason)).await
            }
            None => self.end(OperationState::RolledBack, Some(reason)).await,
        }
    }

    /// Opens what must not pass into the output. What is not to be had now is not worked without; what cannot be opened
    /// at all is left for the step that needs it to tell.
    async fn keep_secrets(&self) -> Result<(), LetGo> {
        let Some(open) = self.definition.secrets else {
            return Ok(());
        };
        match open(&self.ctx("")).await {
            Err(problem) if problem.is_transient() => {
                tracing::warn!(operation = %self.claim.id, %problem, "the secrets of an operation are not to be had now");
                Err(LetGo::Fenced)
            }
            _ => Ok(()),
        }
    }

    fn ctx(&self, step: &'static str) -> Ctx {
        Ctx::new(self.hands.clone(), self.claim.clone(), self.output.clone(), step)
    }

    /// Each step of the table with its number and the state of its row.
    fn steps<'a>(
        &self,
        states: &'a [StepState],
    ) -> impl DoubleEndedIterator<Item = (i16, &'static Step, StepState)> + use<'a> {
        let steps = self.definition.steps;
        (0..steps.len()).map(move |i| {
            let state = states.get(i).copied().unwrap_or(StepState::Pending);
            (i16::try_from(i).unwrap_or(i16::MAX), &steps[i], state)
        })
    }

    async fn step_states(&self) -> Result<Vec<StepState>, LetGo> {
        let rows =
            persist!({ operations::steps_of(&mut *self.store().connection().await?, self.claim.id).await });
        Ok(rows?.into_iter().map(|row| row.state).collect())
    }

    /// Goes on from the first step that is not done; answers that the last one is done, which is still to be recorded, or why
    /// it turned round.
    async fn forward(&self, states: &[StepState]) -> Result<Result<Option<StepChange>, Problem>, LetGo> {
        let mut no_way_back = false;
        // The step before: that it is done is recorded with what comes next.
        let mut done: Option<StepChange> = None;
        for (position, step, state) in self.steps(states) {
            no_way_back |= step.irreversible && state != StepState::Pending;
            if state == StepState::Done {
                continue;
            }
            if self.cancelled.is_cancelled() && !no_way_back {
                self.record(done).await?;
                return Ok(Err(self.turn(None, cancelled()).await?));
            }
            if self.stopping.is_cancelled() {
                self.record(done).await?;
                return Err(self.release().await);
            }
            if state == StepState::Running {
                self.say(
                    Level::Warn,
                    step,
                    "The worker that was at this step is lost; doing it again",
                );
            }
            no_way_back |= step.irreversible;
            let begun = StepChange::of(&self.claim, position, StepState::Running);
            self.record(done.take().into_iter().chain([begun])).await?;
            let ended = self
                .attempt(
                    step,
                    step.action,
                    Point::Before,
                    self.limits.patience,
                    !no_way_back,
                )
                .await?;
            if let Err(problem) = ended {
                return Ok(Err(self.turn(Some((position, step)), problem).await?));
            }
            self.output.flush().await;
            done = Some(StepChange::of(&self.claim, position, StepState::Done));
        }
        Ok(Ok(done))
    }

    /// Takes back what was done, newest first; answers what could not be.
    async fn backward(&self, states: &[StepState]) -> Result<Option<Problem>, LetGo> {
        let mut left = None;
        for (position, step, state) in self.steps(states).rev() {
            let Some(undo) = step.undo else { continue };
            if matches!(state, StepState::Pending | StepState::Undone) {
                continue;
            }
            self.set(position, StepState::Undoing, None).await?;
            match self
                .attempt(step, undo, Point::Undo, self.limits.undo_patience, false)
                .await?
            {
                Ok(()) => self.set(position, StepState::Undone, None).await?,
                Err(problem) => {
                    self.say(
                        Level::Error,
                        step,
                        &format!("This could not be taken back: {problem}"),
                    );
                    self.set(position, StepState::UndoFailed, Some(&problem)).await?;
                    left.get_or_insert(problem);
                }
            }
        }
        Ok(left)
    }

    /// Does one action within its time, again and again while its server is away and the patience lasts.
    async fn attempt(
        &self,
        step: &'static Step,
        action: Action,
        point: Point,
        patience: Duration,
        may_cancel: bool,
    ) -> Result<Result<(), Problem>, LetGo> {
        let ctx = self.ctx(step.name);
        // Since when it has failed without having lasted in between.
        let mut failing: Option<Instant> = None;
        let mut pause = Duration::from_millis(500);
        loop {
            let began = Instant::now();
            let once = async {
                self.faults.reach(self.definition.kind, step.name, point).await?;
                action(&ctx).await?;
                if self.faults.repeats(self.definition.kind, step.name) {
                    action(&ctx).await?;
                }
                match point {
                    Point::Before => {
                        self.faults
                            .reach(self.definition.kind, step.name, Point::After)
                            .await
                    }
                    _ => Ok(()),
                }
            };
            let result = tokio::select! {
                result = timeout(step.timeout, once) => result.unwrap_or_else(|_| Err(too_long(step))),
                () = self.cancelled.cancelled(), if may_cancel => Err(cancelled()),
                () = self.stopped() => return Err(self.release().await),
            };
            let problem = match result {
                Ok(()) => return Ok(Ok(())),
                Err(problem) => ctx.clean(&problem),
            };
            if began.elapsed() > LASTED {
                failing = None;
                pause = Duration::from_millis(500);
            }
            let since = *failing.get_or_insert_with(Instant::now);
            if !problem.is_transient() || since.elapsed() + pause > patience {
                return Ok(Err(problem));
            }
            self.say(
                Level::Warn,
                step,
                &format!("{} ({}); trying again", problem.detail, problem.code),
            );
            let jitter = rand::rng().random_range(0.5..1.0);
            tokio::select! {
                () = sleep(pause.mul_f64(jitter)) => {}
                () = self.cancelled.cancelled(), if may_cancel => return Ok(Err(cancelled())),
                () = self.stopping.cancelled() => return Err(self.release().await),
            }
            pause = (pause * 2).min(Duration::from_secs(10));
        }
    }

    /// The grace given to running steps is over. (Before that they may end by themselves, which one that waits for others
    /// will not.)
    async fn stopped(&self) {
        if only_waits(self.definition.kind) {
            return self.stopping.cancelled().await;
        }
        self.hands.hard_stop().cancelled().await;
    }

    async fn turn(&self, at: Option<(i16, &'static Step)>, reason: Problem) -> Result<Problem, LetGo> {
        if let Some((position, step)) = at {
            self.say(Level::Error, step, &reason.to_string());
            self.set(position, StepState::Failed, Some(&reason)).await?;
        }
        let valid = persist!({
            operations::start_undo(&mut *self.store().connection().await?, &self.claim, &reason).await
        });
        if valid? { Ok(reason) } else { Err(LetGo::Fenced) }
    }

    async fn set(&self, position: i16, state: StepState, error: Option<&Problem>) -> Result<(), LetGo> {
        self.record([StepChange::of(&self.claim, position, state).with(error)])
            .await
    }

    async fn record(&self, changes: impl IntoIterator<Item = StepChange>) -> Result<(), LetGo> {
        let changes: Vec<StepChange> = changes.into_iter().collect();
        if changes.is_empty() {
            return Ok(());
        }
        self.recorder.record(&self.claim, changes, None).await
    }

    /// Ends an operation whose last step is done: in one with that, unless there is a subject to settle.
    async fn done(&self, last: Option<StepChange>) -> Result<OperationState, LetGo> {
        if !matches!(self.definition.settle, Settle::Nothing) {
            self.record(last).await?;
            return self.end(OperationState::Done, None).await;
        }
        self.output.flush().await;
        let end = Finish::of(&self.claim, OperationState::Done);
        self.recorder
            .record(&self.claim, last.into_iter().collect(), Some(end))
            .await?;
        Ok(OperationState::Done)
    }

    async fn end(&self, state: OperationState, error: Option<Problem>) -> Result<OperationState, LetGo> {
        if let Some(error) = &error {
            self.output.say(Level::Error, None, &error.to_string());
        }
        self.output.flush().await;
        let valid = persist!({
            let mut tx = self.store().begin().await?;
            let valid = end(&mut tx, self.definition, &self.claim, state, error.as_ref()).await?;
            tx.commit().await?;
            Ok(valid)
        });
        if valid? { Ok(state) } else { Err(LetGo::Fenced) }
    }

    async fn release(&self) -> LetGo {
        self.output.flush().await;
        let released = persist!({
            operations::release(
                &mut *self.store().connection().await?,
                &self.claim,
                Duration::ZERO,
            )
            .await
        });
        // Should it fail, the operation is rescued like that of any lost worker.
        let _: Result<(), LetGo> = released;
        LetGo::Released
    }

    fn say(&self, level: Level, step: &'static Step, text: &str) {
        self.output.say(level, Some(step.name), text);
    }

    const fn store(&self) -> &Store {
        self.hands.store()
    }
}

/// Ends an operation and writes its end into its subject, in the caller's transaction.
pub(crate) async fn end(
    tx: &mut PgConnection,
    definition: &Definition,
    claim: &Claimed,
    state: OperationState,
    error: Option<&Problem>,
) -> Result<bool, ocore_store::Error> {
    if !operations::finish(&mut *tx, &Finish::of(claim, state), error).await? {
        return Ok(false);
    }
    definition.settle.apply(tx, claim, End { state, error }).await?;
    Ok(true)
}

fn cancelled() -> Problem {
    Problem::new(
        Code::Cancelled,
        "The operation was cancelled",
        "Start it again when it is wanted.",
    )
}

fn too_long(step: &Step) -> Problem {
    Problem::new(
        Code::StepTimeout,
        format!("“{}” took longer than {} s", step.title, step.timeout.as_secs()),
        "Look at its output for what it waited for, mend that, and retry.",
    )
}
