//! Two versions on one schema, and what a restore needs of it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use ocore_store::{
    Sealer, migrate,
    restored::{self, EMPTY_OUT},
    schema, sealed,
    snapshot::{self, Snapshot},
};
use sqlx::PgPool;

/// What a version after this one did: a migration that this one does not know.
async fn later(pool: &PgPool, version: i64, contract_since: Option<&str>) {
    sqlx::query(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values ($1, 'later', true, '', 0)",
    )
    .bind(version)
    .execute(pool)
    .await
    .unwrap();
    sqlx::query("insert into schema_changes values ($1, 'later', $2, '99.0.0')")
        .bind(version)
        .bind(contract_since)
        .execute(pool)
        .await
        .unwrap();
}

#[sqlx::test(migrations = false)]
async fn a_newer_schema_is_borne_when_it_only_added(pool: PgPool) {
    migrate(&pool).await.unwrap();
    let described: i64 = sqlx::query_scalar("select count(*) from schema_changes")
        .fetch_one(&pool)
        .await
        .unwrap();
    let applied: i64 = sqlx::query_scalar("select count(*) from _sqlx_migrations")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(described, applied);

    later(&pool, 29_990_101_000_000, None).await;
    sqlx::raw_sql("alter table servers add column of_later text; create table of_later (id int)")
        .execute(&pool)
        .await
        .unwrap();
    // It starts, and what it asks of a table that has grown is answered.
    migrate(&pool).await.unwrap();
    later(&pool, 29_990_101_000_001, Some(env!("CARGO_PKG_VERSION"))).await;
    migrate(&pool).await.unwrap();
    let state = schema::state(&mut pool.acquire().await.unwrap()).await.unwrap();
    assert_eq!(
        (state.version, state.ahead.len(), state.pending.len()),
        (Some(29_990_101_000_001), 2, 0)
    );

    later(&pool, 29_990_101_000_002, Some("99.0.0")).await;
    let refused = migrate(&pool).await.unwrap_err().to_string();
    assert!(
        refused.contains("29990101000002") && refused.contains("took away"),
        "{refused}"
    );
    // One that says nothing of itself is not believed.
    sqlx::query("delete from schema_changes where version >= 29990101000002")
        .execute(&pool)
        .await
        .unwrap();
    let refused = migrate(&pool).await.unwrap_err().to_string();
    assert!(refused.contains("knows nothing"), "{refused}");
}

#[sqlx::test(migrations = false)]
async fn every_sealed_column_is_known_and_everything_can_be_taken_out(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    assert!(restored::is_empty(&mut conn).await.unwrap());
    migrate(&pool).await.unwrap();
    assert!(!restored::is_empty(&mut conn).await.unwrap());
    let sealer = Sealer::new(&"k".repeat(32).into(), &[]);
    let checked = sealed::check(&mut conn, &sealer).await.unwrap();
    assert_eq!(
        (checked.opened, checked.closed, checked.unknown),
        (0, 0, Vec::new())
    );
    // One that this version does not know is told of.
    sqlx::raw_sql("alter table leases add column new_sealed bytea")
        .execute(&mut *conn)
        .await
        .unwrap();
    assert_eq!(
        sealed::check(&mut conn, &sealer).await.unwrap().unknown,
        ["leases.new_sealed"]
    );

    sqlx::raw_sql("create type mood as enum ('good'); create view v as select 1; create sequence s")
        .execute(&mut *conn)
        .await
        .unwrap();
    sqlx::raw_sql(EMPTY_OUT).execute(&mut *conn).await.unwrap();
    assert!(restored::is_empty(&mut conn).await.unwrap());
    drop(conn);
    // What extensions brought is there still.
    migrate(&pool).await.unwrap();
}

#[sqlx::test]
async fn a_snapshot_counts_one_moment_and_keeps_its_tables(pool: PgPool) {
    let sealer = Sealer::new(&"k".repeat(32).into(), &[]);
    let store = ocore_store::Store::new(pool.clone(), sealer);
    let mut snapshot = Snapshot::take(&store).await.unwrap();
    sqlx::query("insert into leases values ('x', gen_random_uuid(), now())")
        .execute(&pool)
        .await
        .unwrap();
    let counts = snapshot.counts(true).await.unwrap();
    assert_eq!((counts["leases"], counts["organizations"]), (0, 1));
    let without = snapshot.counts(false).await.unwrap();
    assert!(counts.contains_key("process_samples") && !without.contains_key("process_samples"));
    assert!(
        without.keys().all(|name| !name.starts_with("server_rollups")),
        "{without:?}"
    );
    // Whoever drops a partition waits, and may give up.
    let mut other = pool.acquire().await.unwrap();
    let dropped = sqlx::raw_sql("set lock_timeout = '100ms'; drop table leases")
        .execute(&mut *other)
        .await;
    assert!(dropped.is_err());
    let server = snapshot::server(snapshot.connection()).await.unwrap();
    assert!(
        server.major() >= 15 && server.roles.contains(&"ocore_tenant".to_owned()),
        "{server:?}"
    );
}
