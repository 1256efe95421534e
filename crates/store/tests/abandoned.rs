//! Whoever asks for a transaction may be gone before it is there: a browser hangs up, a time limit passes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use ocore_domain::OrganizationId;
use ocore_store::{Sealer, Store, tenancy::Tenant};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::task::yield_now;

#[sqlx::test]
async fn a_transaction_that_nobody_waits_for_leaves_nothing_open(pool: PgPool) {
    let options = pool.connect_options().as_ref().clone();
    // One connection, so that whoever comes next takes the one that was left.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await
        .unwrap();
    let store = Store::new(pool, Sealer::new(&"k".repeat(32).into(), &[]));
    let tenant = Tenant::whole(OrganizationId::DEFAULT);
    // At each moment there is: before it is asked for, while the answer is on its way, when it is there.
    for moment in 0..300 {
        abandoned(moment, store.tenant(&tenant)).await;
        nothing_is_open(&store, moment).await;
        abandoned(moment, store.begin()).await;
        nothing_is_open(&store, moment).await;
    }
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
