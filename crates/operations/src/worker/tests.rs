//! A worker by itself: what it cannot end, it gives back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ocore_domain::{OrganizationId, Problem, operation::OperationState};
use ocore_store::{
    Sealer, Store,
    notifications::Notifications,
    operations::{self, NewOperation},
};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{Bounds, Config, Worker};
use crate::{
    Hands,
    engine::{Ctx, Definition, Limits, Settle, secs, step},
    faults::NoFaults,
};

static UNSOUND: Definition = Definition {
    kind: "unsound",
    steps: &[step!(fall, "Fall", secs(30))],
    settle: Settle::Nothing,
    secrets: None,
};

const DEFINITIONS: &[&Definition] = &[&UNSOUND];

static FALLS: Notify = Notify::const_new();
static FELL: AtomicBool = AtomicBool::new(false);

/// Panics when it is told to, and the next time does not.
async fn fall(ctx: &Ctx) -> Result<(), Problem> {
    ctx.info("at the edge");
    if !FELL.load(Ordering::Relaxed) {
        FALLS.notified().await;
        FELL.store(true, Ordering::Relaxed);
        panic!("a step that is not sound");
    }
    Ok(())
}

#[sqlx::test(migrations = "../store/migrations")]
async fn what_panics_is_given_back_even_if_no_connection_can_be_had_then(
    pool: PgPoolOptions,
    database: PgConnectOptions,
) {
    let pool = pool
        .max_connections(6)
        .acquire_timeout(Duration::from_millis(300))
        .connect_with(database)
        .await
        .unwrap();
    let store = Store::new(pool.clone(), Sealer::new(&"k".repeat(32).into(), &[]));
    let hands = Hands::new(store.clone(), Notifications::listen(pool.clone()));
    let config = Config {
        definitions: DEFINITIONS,
        concurrency: 2,
        bounds: Bounds {
            per_server: 2,
            per_organization: None,
            per_kind: Vec::new(),
        },
        faults: Arc::new(NoFaults),
        limits: Limits::default(),
    };
    let stopping = CancellationToken::new();
    let worker = Worker::start(hands, config, stopping.clone()).await.unwrap();
    let new = NewOperation {
        organization_id: OrganizationId::DEFAULT,
        kind: UNSOUND.kind,
        subject: None,
        server_id: None,
        params: serde_json::json!({}),
        serial_key: None,
        group_key: None,
        priority: 0,
        steps: UNSOUND.step_rows(),
        retry_of: None,
    };
    let id = operations::enqueue(&mut store.connection().await.unwrap(), &new)
        .await
        .unwrap();
    let seen = async || {
        let operation = operations::get(&mut store.connection().await.unwrap(), id).await;
        operation.unwrap().unwrap()
    };
    timeout(secs(20), async {
        while seen().await.started_at.is_none() {
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .unwrap();

    // All that are there are taken, and those that come back.
    let mut taken = Vec::new();
    let until = Instant::now() + secs(2);
    while Instant::now() < until {
        taken.extend(pool.try_acquire());
        sleep(Duration::from_millis(5)).await;
    }
    FALLS.notify_one();
    sleep(secs(2)).await;
    assert!(FELL.load(Ordering::Relaxed), "it fell meanwhile");
    drop(taken);

    // It is tried again five seconds after it was given back.
    timeout(secs(20), async {
        while seen().await.state != OperationState::Done {
            sleep(Duration::from_millis(100)).await;
        }
    })
    .await
    .unwrap();
    stopping.cancel();
    worker.stopped().await;
}
