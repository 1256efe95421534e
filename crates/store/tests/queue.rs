//! The queue's promises: one at a time for each serial key, a strict bound for each group, each operation to one
//! worker, and nothing lost with a worker.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use ocore_domain::{
    OrganizationId, WorkerId,
    operation::{
        OperationState,
        StepState::{Done, Running},
    },
};
use ocore_store::{
    Sealer, Store,
    operations::{self, Claimed, Finish, NewOperation, Scope, StepChange, Terms},
};
use serde_json::json;
use sqlx::PgPool;

const KIND: &str = "test";

fn new(serial: Option<&str>, group: Option<&str>) -> NewOperation {
    NewOperation {
        organization_id: OrganizationId::DEFAULT,
        kind: KIND,
        subject: None,
        server_id: None,
        params: json!({}),
        serial_key: serial.map(str::to_owned),
        group_key: group.map(str::to_owned),
        priority: 0,
        steps: vec![("one", "One")],
        retry_of: None,
    }
}

struct Queue {
    store: Store,
}

impl Queue {
    fn new(pool: PgPool) -> Self {
        let sealer = Sealer::new(&"k".repeat(32).into(), &[]);
        Self {
            store: Store::new(pool, sealer),
        }
    }

    async fn add(&self, new: &[NewOperation]) -> Vec<ocore_domain::OperationId> {
        let mut conn = self.store.connection().await.unwrap();
        operations::enqueue_many(&mut conn, new).await.unwrap()
    }

    async fn worker(&self) -> WorkerId {
        let id = WorkerId::new();
        let mut conn = self.store.connection().await.unwrap();
        operations::register_worker(&mut conn, id, "here", 1)
            .await
            .unwrap();
        id
    }

    async fn claim(&self, worker: WorkerId, room: i64, group_limit: i64) -> Vec<Claimed> {
        let tx = self.store.begin().await.unwrap();
        let terms = Terms::of(vec![KIND.to_owned()], group_limit);
        operations::claim(tx, worker, &terms, room).await.unwrap()
    }

    async fn claim_on(&self, worker: WorkerId, terms: &Terms, room: i64) -> Vec<Claimed> {
        let tx = self.store.begin().await.unwrap();
        operations::claim(tx, worker, terms, room).await.unwrap()
    }

    /// Another organization.
    async fn organization(&self, slug: &str) -> OrganizationId {
        let id = OrganizationId::new();
        sqlx::query("insert into organizations (id, name, slug) values ($1, $2, $2)")
            .bind(id.uuid())
            .bind(slug)
            .execute(self.store.pool())
            .await
            .unwrap();
        id
    }

    /// Whether the claim was still valid.
    async fn finish(&self, claim: &Claimed) -> bool {
        let end = Finish::of(claim, OperationState::Done);
        let mut conn = self.store.connection().await.unwrap();
        operations::finish(&mut conn, &end, None).await.unwrap()
    }
}

fn ids(claims: &[Claimed]) -> Vec<ocore_domain::OperationId> {
    claims.iter().map(|claim| claim.id).collect()
}

#[sqlx::test]
async fn one_at_a_time_for_each_serial_key_in_the_order_of_asking(pool: PgPool) {
    let queue = Queue::new(pool);
    let worker = queue.worker().await;
    let added = queue
        .add(&[
            new(Some("a"), None),
            new(Some("a"), None),
            new(Some("b"), None),
            new(None, None),
        ])
        .await;
    let mut first = queue.claim(worker, 10, 4).await;
    first.sort_by_key(|claim| claim.id.uuid());
    assert_eq!(ids(&first), [added[0], added[2], added[3]]);
    assert!(queue.claim(worker, 10, 4).await.is_empty(), "the key is taken");
    assert!(queue.finish(&first[0]).await);
    assert_eq!(ids(&queue.claim(worker, 10, 4).await), [added[1]]);
}

#[sqlx::test]
async fn what_is_urgent_goes_first_and_what_is_for_later_waits(pool: PgPool) {
    let queue = Queue::new(pool.clone());
    let worker = queue.worker().await;
    let urgent = NewOperation {
        priority: -1,
        ..new(None, None)
    };
    let added = queue.add(&[new(None, None), new(None, None), urgent]).await;
    sqlx::query("update operations set run_at = now() + interval '1 hour' where id = $1")
        .bind(added[0].uuid())
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(ids(&queue.claim(worker, 1, 4).await), [added[2]]);
    assert_eq!(ids(&queue.claim(worker, 1, 4).await), [added[1]]);
    assert!(queue.claim(worker, 1, 4).await.is_empty(), "an hour from now");
}

#[sqlx::test]
async fn a_worker_is_given_only_what_it_knows(pool: PgPool) {
    let queue = Queue::new(pool);
    let worker = queue.worker().await;
    let foreign = NewOperation {
        kind: "of_a_later_release",
        ..new(None, None)
    };
    queue.add(&[foreign]).await;
    assert!(queue.claim(worker, 10, 4).await.is_empty());
}

#[sqlx::test]
async fn many_workers_never_hold_more_than_a_group_may_and_no_operation_twice(pool: PgPool) {
    const GROUPS: usize = 3;
    const LIMIT: i64 = 2;
    const OPERATIONS: usize = 60;
    let queue = Queue::new(pool.clone());
    let all: Vec<NewOperation> = (0..OPERATIONS)
        .map(|i| {
            new(
                Some(&format!("instance-{}", i % 20)),
                Some(&format!("server-{}", i % GROUPS)),
            )
        })
        .collect();
    queue.add(&all).await;
    let workers = (0..6).map(|_| {
        let queue = Queue::new(pool.clone());
        tokio::spawn(async move {
            let worker = queue.worker().await;
            let mut done = Vec::new();
            loop {
                let claims = queue.claim(worker, 3, LIMIT).await;
                let open = "select count(*) from operations where finished_at is null";
                let open: i64 = sqlx::query_scalar(open)
                    .fetch_one(queue.store.pool())
                    .await
                    .unwrap();
                if claims.is_empty() && open == 0 {
                    return done;
                }
                // Seen by every claimer while it holds what it claimed.
                let most: Option<i64> = sqlx::query_scalar(
                    "select max(held) from (select count(*) as held from operations
                     where worker_id is not null and finished_at is null group by group_key) as groups",
                )
                .fetch_one(queue.store.pool())
                .await
                .unwrap();
                assert!(most.unwrap_or(0) <= LIMIT, "{most:?} of one group at once");
                for claim in claims {
                    assert_eq!(claim.attempt, 1, "claimed once");
                    assert!(queue.finish(&claim).await);
                    done.push(claim.id);
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
    });
    let mut done = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        done.extend(worker.await.unwrap());
    }
    done.sort_by_key(|id| id.uuid());
    done.dedup();
    assert_eq!(done.len(), OPERATIONS);
    let leases: i64 = sqlx::query_scalar("select count(*) from operation_leases")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(leases, 0);
}

#[sqlx::test]
async fn what_is_given_back_keeps_its_turn(pool: PgPool) {
    let queue = Queue::new(pool);
    let worker = queue.worker().await;
    let added = queue
        .add(&[new(Some("a"), Some("s")), new(Some("a"), Some("s"))])
        .await;
    let claim = queue.claim(worker, 1, 1).await.remove(0);
    let mut conn = queue.store.connection().await.unwrap();
    operations::release(&mut conn, &claim, Duration::ZERO)
        .await
        .unwrap();
    drop(conn);
    let again = queue.claim(worker, 10, 1).await;
    assert_eq!(ids(&again), [added[0]], "not the one behind it");
    assert_eq!(again[0].attempt, 2);
    assert_eq!(again[0].state, OperationState::Running);
    assert!(!queue.finish(&claim).await, "the first claim is over");
    assert!(queue.finish(&again[0]).await);
}

#[sqlx::test]
async fn a_lost_worker_is_found_out_and_cannot_write_any_more(pool: PgPool) {
    let queue = Queue::new(pool.clone());
    let (lost, other) = (queue.worker().await, queue.worker().await);
    queue.add(&[new(Some("a"), None)]).await;
    let old = queue.claim(lost, 1, 1).await.remove(0);
    sqlx::query("update workers set seen_at = now() - interval '1 minute' where id = $1")
        .bind(lost.uuid())
        .execute(&pool)
        .await
        .unwrap();
    let mut conn = queue.store.connection().await.unwrap();
    let freed = operations::rescue(&mut conn, Duration::from_secs(15))
        .await
        .unwrap();
    assert_eq!(freed, [old.id]);
    assert!(
        !operations::heartbeat(&mut conn, lost).await.unwrap(),
        "it learns of it"
    );
    assert!(operations::heartbeat(&mut conn, other).await.unwrap());

    let new = queue.claim(other, 1, 1).await.remove(0);
    for (claim, valid) in [(&old, false), (&new, true)] {
        assert_eq!(
            operations::record(&mut conn, &[StepChange::of(claim, 0, Running)], &[])
                .await
                .unwrap()
                .contains(&claim.name()),
            valid
        );
    }
    // In one statement too, as where both try again once PostgreSQL is back: what the new one may do is not the old one's.
    let together = [&old, &new].map(|claim| StepChange::of(claim, 0, Running));
    assert_eq!(
        operations::record(&mut conn, &together, &[]).await.unwrap(),
        [new.name()]
    );
    let steps = operations::steps_of(&mut conn, new.id).await.unwrap();
    assert_ne!(steps[0].state, Done);
    assert!(!queue.finish(&old).await);
    assert!(queue.finish(&new).await);
    assert!(!queue.finish(&new).await, "once");
}

#[sqlx::test]
async fn a_claim_whose_answer_was_lost_is_freed_by_its_own_worker(pool: PgPool) {
    let queue = Queue::new(pool);
    let worker = queue.worker().await;
    let added = queue.add(&[new(Some("a"), None), new(Some("b"), None)]).await;
    let heard = queue.claim(worker, 1, 1).await;
    // Committed, but nobody was told.
    queue.claim(worker, 1, 1).await;
    let mut tx = queue.store.begin().await.unwrap();
    let kept = heard.iter().map(Claimed::name);
    operations::free_unheard(&mut tx, worker, kept).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(ids(&queue.claim(worker, 10, 1).await), [added[1]]);
    assert!(queue.finish(&heard[0]).await);
}

/// The claim that was heard is forgotten in a crash, and the operation is claimed again, which nobody hears of: that the worker
/// is still at the first claim does not keep the second.
#[sqlx::test]
async fn a_forgotten_claim_does_not_keep_the_one_after_it(pool: PgPool) {
    let queue = Queue::new(pool);
    let worker = queue.worker().await;
    let added = queue.add(&[new(Some("a"), None)]).await;
    let forgotten = queue.claim(worker, 1, 1).await.remove(0);
    sqlx::query("update operations set state = 'queued', attempt = 0, worker_id = null, claim_token = null where id = $1")
        .bind(forgotten.id)
        .execute(queue.store.pool())
        .await
        .unwrap();
    sqlx::query("delete from operation_leases where operation_id = $1")
        .bind(forgotten.id)
        .execute(queue.store.pool())
        .await
        .unwrap();
    assert_eq!(ids(&queue.claim(worker, 10, 1).await), added);
    let mut tx = queue.store.begin().await.unwrap();
    let kept = [forgotten.name()];
    operations::free_unheard(&mut tx, worker, kept).await.unwrap();
    tx.commit().await.unwrap();
    let again = queue.claim(worker, 10, 1).await;
    assert_eq!(ids(&again), added);
    assert!(!queue.finish(&forgotten).await);
    assert!(queue.finish(&again[0]).await);
}

#[sqlx::test]
async fn who_was_given_up_for_lost_claims_nothing(pool: PgPool) {
    let queue = Queue::new(pool);
    queue.add(&[new(None, None)]).await;
    assert!(queue.claim(WorkerId::new(), 10, 1).await.is_empty());
    assert_eq!(queue.claim(queue.worker().await, 10, 1).await.len(), 1);
}

/// How many of these are of an organization.
fn of(claims: &[Claimed], organization: OrganizationId) -> usize {
    claims
        .iter()
        .filter(|claim| claim.organization_id == organization)
        .count()
}

#[sqlx::test]
async fn organizations_take_turns_however_much_one_asks_for(pool: PgPool) {
    let queue = Queue::new(pool);
    let worker = queue.worker().await;
    let (bulk, small) = (
        queue.organization("bulk").await,
        queue.organization("small").await,
    );
    let of_bulk: Vec<NewOperation> = (0..500)
        .map(|i| NewOperation {
            organization_id: bulk,
            ..new(
                Some(&format!("instance-{i}")),
                Some(&format!("server-{}", i % 100)),
            )
        })
        .collect();
    queue.add(&of_bulk).await;
    let mut held = queue.claim(worker, 8, 4).await;
    assert_eq!(held.len(), 8, "who is alone has all the room");
    let one = NewOperation {
        organization_id: small,
        ..new(Some("deploy"), Some("server-x"))
    };
    let asked = queue.add(&[one]).await;
    assert!(queue.finish(&held.remove(0)).await);
    // The first place that is free, though 492 asked before.
    assert_eq!(ids(&queue.claim(worker, 1, 4).await), asked);

    // Several with much each: who has the least at work goes first.
    let many: Vec<NewOperation> = (0..20)
        .map(|i| NewOperation {
            organization_id: small,
            ..new(Some(&format!("other-{i}")), None)
        })
        .collect();
    queue.add(&many).await;
    let next = queue.claim(worker, 6, 4).await;
    assert_eq!((of(&next, small), of(&next, bulk)), (6, 0), "1 and 7 are at work");
    let next = queue.claim(worker, 4, 4).await;
    assert_eq!((of(&next, small), of(&next, bulk)), (2, 2));
}

#[sqlx::test]
async fn an_organization_has_so_much_at_work_and_what_only_waits_does_not_count(pool: PgPool) {
    let queue = Queue::new(pool);
    let worker = queue.worker().await;
    let other = queue.organization("other").await;
    let terms = Terms {
        waiting_kinds: vec!["whole".to_owned()],
        per_organization: Some(2),
        ..Terms::of(vec![KIND.to_owned(), "whole".to_owned()], 9)
    };
    let whole = NewOperation {
        kind: "whole",
        ..new(Some("whole"), None)
    };
    let mut asked = vec![whole];
    asked.extend((0..5).map(|i| new(Some(&format!("own-{i}")), None)));
    asked.push(NewOperation {
        organization_id: other,
        ..new(Some("other"), None)
    });
    queue.add(&asked).await;
    let held = queue.claim_on(worker, &terms, 10).await;
    assert_eq!(of(&held, OrganizationId::DEFAULT), 3, "one of them only waits");
    assert_eq!(of(&held, other), 1);
    assert!(queue.claim_on(worker, &terms, 10).await.is_empty());
    let part = held
        .iter()
        .find(|claim| claim.kind == KIND && claim.organization_id != other);
    assert!(queue.finish(part.unwrap()).await);
    assert_eq!(queue.claim_on(worker, &terms, 10).await.len(), 1);
}

#[sqlx::test]
async fn a_kind_has_its_bound_and_is_in_nobodys_way(pool: PgPool) {
    let queue = Queue::new(pool);
    let worker = queue.worker().await;
    let terms = Terms {
        per_kind: vec![("heavy".to_owned(), 2)],
        ..Terms::of(vec![KIND.to_owned(), "heavy".to_owned()], 9)
    };
    let mut asked: Vec<NewOperation> = (0..300)
        .map(|i| NewOperation {
            kind: "heavy",
            ..new(Some(&format!("heavy-{i}")), None)
        })
        .collect();
    asked.push(new(Some("light"), None));
    queue.add(&asked).await;
    let held = queue.claim_on(worker, &terms, 4).await;
    assert_eq!(held.iter().filter(|claim| claim.kind == "heavy").count(), 2);
    let rest = queue.claim_on(worker, &terms, 4).await;
    let kinds: Vec<&str> = held
        .iter()
        .chain(&rest)
        .map(|claim| claim.kind.as_str())
        .collect();
    assert_eq!(kinds.len(), 3, "{kinds:?}");
    assert!(kinds.contains(&KIND), "behind 298 that may not go");
}

#[sqlx::test]
async fn what_is_paused_waits_and_what_is_at_work_goes_on(pool: PgPool) {
    let queue = Queue::new(pool.clone());
    let worker = queue.worker().await;
    let other = queue.organization("other").await;
    let mut conn = queue.store.connection().await.unwrap();
    let begun = queue.add(&[new(Some("begun"), None)]).await;
    let claim = queue.claim(worker, 1, 9).await.remove(0);
    operations::release(&mut conn, &claim, Duration::ZERO)
        .await
        .unwrap();
    let asked = queue
        .add(&[
            new(Some("own"), None),
            NewOperation {
                organization_id: other,
                ..new(Some("other"), None)
            },
        ])
        .await;
    let pause = |scope: Scope| {
        let store = queue.store.clone();
        async move {
            let mut conn = store.connection().await.unwrap();
            operations::pause(&mut conn, &scope, "a move", Some("ada"))
                .await
                .unwrap()
        }
    };
    assert!(pause(Scope::All).await);
    assert!(!pause(Scope::All).await, "it is already");
    assert_eq!(
        ids(&queue.claim(worker, 9, 9).await),
        begun,
        "it was at work, and goes on"
    );
    let waits = operations::get(&mut conn, asked[0]).await.unwrap().unwrap();
    assert_eq!(
        waits.waiting_for.as_deref(),
        Some("the queue, which is paused: a move")
    );
    let depth = operations::queue_depth(&mut conn).await.unwrap();
    assert_eq!((depth.waiting, depth.paused, depth.running), (2, 2, 1));
    assert!(depth.oldest.is_none(), "nobody waits for a worker");
    assert!(operations::resume(&mut conn, &Scope::All).await.unwrap());
    assert!(!operations::resume(&mut conn, &Scope::All).await.unwrap());

    assert!(pause(Scope::Organization(other)).await);
    assert!(pause(Scope::Kind("else".to_owned())).await);
    assert_eq!(ids(&queue.claim(worker, 9, 9).await), [asked[0]]);
    operations::resume(&mut conn, &Scope::Organization(other))
        .await
        .unwrap();
    assert!(pause(Scope::Kind(KIND.to_owned())).await);
    assert!(queue.claim(worker, 9, 9).await.is_empty());
    operations::resume(&mut conn, &Scope::Kind(KIND.to_owned()))
        .await
        .unwrap();
    assert_eq!(ids(&queue.claim(worker, 9, 9).await), [asked[1]]);
}
