//! The engine by itself, on operations of its own: what they did is what they said.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use ocore_domain::{
    Code, OperationId, OrganizationId, Problem, WorkerId,
    operation::{OperationState, StepState},
};
use ocore_store::{
    Sealer, Store,
    notifications::Notifications,
    operations::{self, Claimed, NewOperation, Operation, StepChange, Terms},
};
use secrecy::SecretString;
use sqlx::PgPool;
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{Action, Ctx, Definition, LetGo, Limits, Settle, Shared, run, secs, step};
use crate::{
    Hands,
    faults::{Faults, NoFaults, Point},
};

static UNDOABLE: Definition = Definition {
    kind: "test",
    steps: &[
        step!(one, "One", secs(5), undo undo),
        step!(two, "Two", secs(5), undo undo),
        step!(look, "Look", secs(5)),
        step!(three, "Three", secs(5), undo undo),
    ],
    settle: Settle::Nothing,
    secrets: SECRETS,
};

static IRREVERSIBLE: Definition = Definition {
    kind: "test",
    steps: &[
        step!(one, "One", secs(5), undo undo),
        step!(two, "Two", secs(5), irreversible),
        step!(three, "Three", secs(5), irreversible),
    ],
    settle: Settle::Nothing,
    secrets: SECRETS,
};

static NOTHING_TO_UNDO: Definition = Definition {
    kind: "test",
    steps: &[
        step!(look, "Look", secs(5)),
        step!(slow, "Slow", Duration::from_millis(50)),
    ],
    settle: Settle::Nothing,
    secrets: SECRETS,
};

const SECRETS: Option<Action> = Some(|ctx| {
    ctx.keep(&SecretString::from("canary-of-the-engine"));
    Box::pin(async { Ok(()) })
});

async fn one(ctx: &Ctx) -> Result<(), Problem> {
    did(ctx)
}

async fn two(ctx: &Ctx) -> Result<(), Problem> {
    did(ctx)
}

async fn look(ctx: &Ctx) -> Result<(), Problem> {
    did(ctx)
}

async fn three(ctx: &Ctx) -> Result<(), Problem> {
    did(ctx)
}

async fn slow(ctx: &Ctx) -> Result<(), Problem> {
    did(ctx)?;
    std::future::pending().await
}

async fn undo(ctx: &Ctx) -> Result<(), Problem> {
    ctx.info("undone");
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "an action's answer")]
fn did(ctx: &Ctx) -> Result<(), Problem> {
    ctx.info("did it with canary-of-the-engine");
    Ok(())
}

/// One thing that goes wrong.
#[derive(Clone, Copy)]
enum Fault {
    /// The step fails there, always.
    Fails(&'static str, Point),
    /// Its server is away the first `n` times.
    Away(&'static str, u32),
    /// It waits there for ever.
    Waits(&'static str),
}

struct Wrong {
    faults: Vec<Fault>,
    away: std::sync::atomic::AtomicU32,
    waiting: CancellationToken,
}

#[async_trait]
impl Faults for Wrong {
    async fn reach(&self, _kind: &str, step: &str, at: Point) -> Result<(), Problem> {
        for fault in &self.faults {
            match *fault {
                Fault::Fails(which, point) if which == step && point == at => {
                    let what = format!("{step} failed with canary-of-the-engine");
                    return Err(Problem::new(Code::CommandFailed, what, "Mend it."));
                }
                Fault::Away(which, times) if which == step && at == Point::Before => {
                    let before = self.away.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if before < times {
                        return Err(Problem::new(Code::SshUnreachable, "away", "Wait."));
                    }
                }
                Fault::Waits(which) if which == step && at == Point::Before => {
                    self.waiting.cancel();
                    std::future::pending::<()>().await;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn repeats(&self, _kind: &str, _step: &str) -> bool {
        false
    }
}

struct Engine {
    hands: Hands,
    stopping: CancellationToken,
}

impl Engine {
    fn new(pool: PgPool) -> Self {
        let store = Store::new(pool.clone(), Sealer::new(&"k".repeat(32).into(), &[]));
        Self {
            hands: Hands::new(store, Notifications::listen(pool)),
            stopping: CancellationToken::new(),
        }
    }

    async fn enqueue(&self, definition: &Definition) -> OperationId {
        let new = NewOperation {
            organization_id: OrganizationId::DEFAULT,
            kind: definition.kind,
            subject: None,
            server_id: None,
            params: serde_json::json!({}),
            serial_key: Some("the-only-one".to_owned()),
            group_key: None,
            priority: 0,
            steps: definition.step_rows(),
            retry_of: None,
        };
        let mut conn = self.hands.store().connection().await.unwrap();
        operations::enqueue(&mut conn, &new).await.unwrap()
    }

    /// Claims the only operation there is, for a worker of its own.
    async fn claim(&self) -> (WorkerId, Claimed) {
        let worker = WorkerId::new();
        let mut conn = self.hands.store().connection().await.unwrap();
        operations::register_worker(&mut conn, worker, "here", 1)
            .await
            .unwrap();
        let tx = self.hands.store().begin().await.unwrap();
        let kinds = vec!["test".to_owned()];
        let mut claims = operations::claim(tx, worker, &Terms::of(kinds, 9), 9)
            .await
            .unwrap();
        assert_eq!(claims.len(), 1);
        (worker, claims.remove(0))
    }

    /// Takes a worker away, as when its process is killed.
    async fn lose(&self, worker: WorkerId) {
        let mut conn = self.hands.store().connection().await.unwrap();
        operations::unregister_worker(&mut conn, worker).await.unwrap();
        operations::rescue(&mut conn, secs(15)).await.unwrap();
    }

    fn spawn(
        &self,
        definition: &'static Definition,
        claim: Claimed,
        faults: Arc<dyn Faults>,
    ) -> JoinHandle<Result<OperationState, LetGo>> {
        let limits = Limits {
            patience: secs(2),
            undo_patience: secs(2),
        };
        let (hands, stopping) = (self.hands.clone(), self.stopping.clone());
        tokio::spawn(async move {
            let shared = Shared::start(&hands);
            run(hands, &shared, definition, claim, faults, limits, stopping).await
        })
    }

    /// Runs an operation to its end with things going wrong; answers its row, its steps, and what it did in order.
    async fn end(&self, definition: &'static Definition, faults: &[Fault]) -> Ended {
        let id = self.enqueue(definition).await;
        let (_, claim) = self.claim().await;
        let ended = self.spawn(definition, claim, wrong(faults)).await.unwrap();
        let seen = self.seen(id).await;
        assert_eq!(ended, Ok(seen.operation.state));
        seen
    }

    async fn seen(&self, id: OperationId) -> Ended {
        let mut conn = self.hands.store().connection().await.unwrap();
        let events = operations::events_after(&mut conn, id, 0, 1000).await.unwrap();
        for (expected, event) in (1..).zip(&events) {
            assert_eq!(event.seq, expected, "numbered without gaps");
            assert!(!event.line.contains("canary"), "{}", event.line);
        }
        let said = |event: &ocore_domain::operation::Event| {
            let step = event.step.clone()?;
            match event.line.as_str() {
                line if line.starts_with("did it") => Some(step),
                "undone" => Some(format!("-{step}")),
                _ => None,
            }
        };
        Ended {
            operation: operations::get(&mut conn, id).await.unwrap().unwrap(),
            steps: operations::steps_of(&mut conn, id)
                .await
                .unwrap()
                .iter()
                .map(|step| step.state)
                .collect(),
            did: events.iter().filter_map(said).collect::<Vec<_>>().join(" "),
        }
    }
}

struct Ended {
    operation: Operation,
    steps: Vec<StepState>,
    did: String,
}

impl Ended {
    fn error(&self) -> &Problem {
        let error = self.operation.error.as_ref();
        let error = &error.unwrap_or_else(|| panic!("no error: {}", self.did)).0;
        assert!(!error.to_string().contains("canary"), "{error}");
        error
    }
}

fn wrong(faults: &[Fault]) -> Arc<Wrong> {
    Arc::new(Wrong {
        faults: faults.to_vec(),
        away: 0.into(),
        waiting: CancellationToken::new(),
    })
}

#[sqlx::test(migrations = "../store/migrations")]
async fn steps_are_done_in_order(pool: PgPool) {
    let ended = Engine::new(pool).end(&UNDOABLE, &[]).await;
    assert_eq!(ended.operation.state, OperationState::Done);
    assert!(ended.operation.error.is_none());
    assert_eq!(ended.steps, [StepState::Done; 4]);
    assert_eq!(ended.did, "one two look three");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_failure_at_any_step_takes_back_what_was_done_newest_first(pool: PgPool) {
    let engine = Engine::new(pool);
    for (step, point, did) in [
        ("one", Point::Before, "-one"),
        ("one", Point::After, "one -one"),
        ("two", Point::Before, "one -two -one"),
        ("two", Point::After, "one two -two -one"),
        ("look", Point::Before, "one two -two -one"),
        ("three", Point::After, "one two look three -three -two -one"),
    ] {
        let ended = engine.end(&UNDOABLE, &[Fault::Fails(step, point)]).await;
        assert_eq!(ended.operation.state, OperationState::RolledBack, "{step}");
        assert_eq!(ended.did, did, "{step} {point:?}");
        assert!(ended.error().detail.contains(step));
        assert_eq!(ended.error().code, Code::CommandFailed);
    }
}

#[sqlx::test(migrations = "../store/migrations")]
async fn what_cannot_be_taken_back_is_said_and_the_rest_is_taken_back(pool: PgPool) {
    let faults = [
        Fault::Fails("three", Point::Before),
        Fault::Fails("two", Point::Undo),
    ];
    let ended = Engine::new(pool).end(&UNDOABLE, &faults).await;
    assert_eq!(ended.operation.state, OperationState::Failed);
    assert_eq!(ended.did, "one two look -three -one");
    assert_eq!(ended.steps[1], StepState::UndoFailed);
    let said = &ended.error().detail;
    assert!(
        said.contains("three failed") && said.contains("two failed"),
        "{said}"
    );
}

#[sqlx::test(migrations = "../store/migrations")]
async fn past_the_point_of_no_return_nothing_is_taken_back(pool: PgPool) {
    let engine = Engine::new(pool);
    let ended = engine
        .end(&IRREVERSIBLE, &[Fault::Fails("three", Point::Before)])
        .await;
    assert_eq!(ended.operation.state, OperationState::Failed);
    assert_eq!(ended.did, "one two");
    let ended = engine
        .end(&IRREVERSIBLE, &[Fault::Fails("one", Point::After)])
        .await;
    assert_eq!(ended.operation.state, OperationState::RolledBack);
    assert_eq!(ended.did, "one -one");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_step_that_takes_too_long_fails_and_where_nothing_is_undone_nothing_was_rolled_back(pool: PgPool) {
    let ended = Engine::new(pool).end(&NOTHING_TO_UNDO, &[]).await;
    assert_eq!(ended.operation.state, OperationState::Failed);
    assert_eq!(ended.error().code, Code::StepTimeout);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_server_that_is_away_is_waited_for_as_long_as_the_patience_lasts(pool: PgPool) {
    let engine = Engine::new(pool);
    let ended = engine.end(&UNDOABLE, &[Fault::Away("two", 2)]).await;
    assert_eq!(ended.operation.state, OperationState::Done);
    assert_eq!(ended.did, "one two look three");
    let ended = engine.end(&UNDOABLE, &[Fault::Away("two", u32::MAX)]).await;
    assert_eq!(ended.operation.state, OperationState::RolledBack);
    assert_eq!(ended.error().code, Code::SshUnreachable);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_cancelled_operation_drops_what_runs_and_takes_back_the_rest(pool: PgPool) {
    let engine = Engine::new(pool);
    let id = engine.enqueue(&UNDOABLE).await;
    let (_, claim) = engine.claim().await;
    let faults = wrong(&[Fault::Waits("two")]);
    let running = engine.spawn(&UNDOABLE, claim, faults.clone());
    faults.waiting.cancelled().await;
    let operation = engine.seen(id).await.operation;
    crate::cancel(&mut engine.hands.store().connection().await.unwrap(), &operation)
        .await
        .unwrap();
    let ended = timeout(secs(10), running).await.unwrap().unwrap();
    assert_eq!(ended, Ok(OperationState::Cancelled));
    let seen = engine.seen(id).await;
    assert_eq!(seen.did, "one -two -one");
    assert_eq!(seen.error().code, Code::Cancelled);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn another_worker_goes_on_where_a_lost_one_was(pool: PgPool) {
    let engine = Engine::new(pool);
    let id = engine.enqueue(&UNDOABLE).await;
    let (lost, claim) = engine.claim().await;
    let faults = wrong(&[Fault::Waits("two")]);
    let running = engine.spawn(&UNDOABLE, claim.clone(), faults.clone());
    faults.waiting.cancelled().await;
    running.abort();
    engine.lose(lost).await;
    let (_, again) = engine.claim().await;
    assert_eq!((again.id, again.attempt), (id, 2));
    let ended = engine.spawn(&UNDOABLE, again, Arc::new(NoFaults)).await.unwrap();
    assert_eq!(ended, Ok(OperationState::Done));
    assert_eq!(
        engine.seen(id).await.did,
        "one two look three",
        "no step that was done is done again"
    );

    // The lost one was not dead: whatever it writes from now on misses, and it lets go.
    let resurrected = engine.spawn(&UNDOABLE, claim, Arc::new(NoFaults)).await.unwrap();
    assert_eq!(resurrected, Err(LetGo::Fenced));
    let seen = engine.seen(id).await;
    assert_eq!(seen.operation.state, OperationState::Done);
    assert_eq!(seen.steps, [StepState::Done; 4]);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_lost_undo_is_gone_on_with_as_an_undo(pool: PgPool) {
    let engine = Engine::new(pool);
    let id = engine.enqueue(&UNDOABLE).await;
    let (lost, claim) = engine.claim().await;
    // Lost as soon as it has turned round.
    let mut conn = engine.hands.store().connection().await.unwrap();
    let reason = Problem::new(Code::CommandFailed, "three failed", "Mend it.");
    let steps = [
        StepState::Done,
        StepState::Done,
        StepState::Done,
        StepState::Failed,
    ];
    let changes: Vec<_> = (0..)
        .zip(steps)
        .map(|(at, state)| StepChange::of(&claim, at, state))
        .collect();
    operations::record(&mut conn, &changes, &[]).await.unwrap();
    assert!(operations::start_undo(&mut conn, &claim, &reason).await.unwrap());
    drop(conn);
    engine.lose(lost).await;
    let (_, again) = engine.claim().await;
    assert_eq!(again.state, OperationState::Undoing);
    let ended = engine.spawn(&UNDOABLE, again, Arc::new(NoFaults)).await.unwrap();
    assert_eq!(ended, Ok(OperationState::RolledBack));
    let seen = engine.seen(id).await;
    assert_eq!(seen.did, "-three -two -one");
    assert!(seen.error().detail.starts_with("three failed"));
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_process_that_ends_gives_back_what_it_has_not_begun(pool: PgPool) {
    let engine = Engine::new(pool);
    let id = engine.enqueue(&UNDOABLE).await;
    let (_, claim) = engine.claim().await;
    engine.stopping.cancel();
    let ended = engine.spawn(&UNDOABLE, claim, Arc::new(NoFaults)).await.unwrap();
    assert_eq!(ended, Err(LetGo::Released));
    let seen = engine.seen(id).await;
    assert_eq!(seen.operation.state, OperationState::Running);
    assert_eq!(seen.operation.worker_id, None);
    assert_eq!(seen.did, "");
}
