//! Whoever asks for a transaction may be gone before it is there: a browser hangs up, a time limit passes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use ocore_domain::OrganizationId;
use ocore_store::{Sealer, Store, operations::Claims, tenancy::Tenant};
use sqlx::{Connection, PgPool, postgres::PgPoolOptions};
use tokio::task::yield_now;

#[sqlx::test]
async fn a_transaction_that_nobody_waits_for_leaves_nothing_open(pool: PgPool) {
    let store = store(&pool).await;
    let tenant = Tenant::whole(OrganizationId::DEFAULT);
    // At each moment there is: before it is asked for, while the answer is on its way, when it is there.
    for moment in 0..300 {
        abandoned(moment, store.tenant(&tenant)).await;
        nothing_is_open(&store, moment).await;
        abandoned(moment, store.begin()).await;
        nothing_is_open(&store, moment).await;
    }
}

/// Who begins transactions on a connection of their own: the worker's claims, and what the leader does.
#[sqlx::test]
async fn a_connection_on_which_one_was_begun_is_nobody_elses(pool: PgPool) {
    let store = store(&pool).await;
    for moment in 0..300 {
        let mut claims = Claims::new(store.clone());
        abandoned(moment, async { claims.begin().await.is_ok() }).await;
        drop(claims);
        nothing_is_open(&store, moment).await;
        let begun = async { store.own_connection().await.unwrap().begin().await.is_ok() };
        abandoned(moment, begun).await;
        nothing_is_open(&store, moment).await;
    }
}

/// Of one connection, so that whoever comes next takes the one that was left.
async fn store(pool: &PgPool) -> Store {
    let options = pool.connect_options().as_ref().clone();
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await
        .unwrap();
    Store::new(pool, Sealer::new(&"k".repeat(32).into(), &[]))
}

/// Goes on with a work for so long, and drops it then.
async fn abandoned<T>(moment: u32, work: impl Future<Output = T>) {
    tokio::select! {
        biased;
        () = async { for _ in 0..moment { yield_now().await } } => {}
        _ = work => {}
    }
}

async fn nothing_is_open(store: &Store, moment: u32) {
    let mut conn = store.connection().await.unwrap();
    let role: String = sqlx::query_scalar("select current_user::text")
        .fetch_one(&mut *conn)
        .await
        .unwrap();
    assert_ne!(role, "ocore_tenant", "dropped at {moment}");
    // Only within a transaction can there be one.
    let within = sqlx::raw_sql("savepoint probe").execute(&mut *conn).await;
    assert!(within.is_err(), "dropped at {moment}: a transaction is open");
}
