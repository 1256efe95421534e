//! The role that requests run as, where oCore's own role is no superuser: as on a managed PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use ocore_store::{Sealer, Store, migrate, tenancy::Tenant};
use sqlx::{AssertSqlSafe, Connection, PgPool, postgres::PgPoolOptions};

/// A database and a role that owns it and may do nothing else; answers a pool of theirs.
async fn owned(pool: &PgPool, name: &str) -> PgPool {
    for statement in [
        format!("create role {name} login password 'p' nosuperuser nocreaterole"),
        format!("create database {name} owner {name}"),
    ] {
        sqlx::query(AssertSqlSafe(statement)).execute(pool).await.unwrap();
    }
    let of_database = (*pool.connect_options()).clone().database(name);
    let mut conn = sqlx::PgConnection::connect_with(&of_database).await.unwrap();
    sqlx::raw_sql(r#"create extension if not exists "uuid-ossp""#)
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
    PgPoolOptions::new()
        .max_connections(2)
        .connect_with(of_database.username(name).password("p"))
        .await
        .unwrap()
}

async fn drop_all(pool: &PgPool, theirs: PgPool, name: &str) {
    theirs.close().await;
    for statement in [
        format!("drop database {name} with (force)"),
        format!("drop role {name}"),
    ] {
        sqlx::query(AssertSqlSafe(statement)).execute(pool).await.unwrap();
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn who_may_not_take_the_role_is_told_what_to_run(pool: PgPool) {
    let name = "ocore_test_without_role";
    let theirs = owned(&pool, name).await;
    let refused = migrate(&theirs).await.unwrap_err().to_string();
    assert!(
        refused.contains(&format!(r#"GRANT ocore_tenant TO "{name}""#)),
        "{refused}"
    );
    drop_all(&pool, theirs, name).await;
}

#[sqlx::test(migrations = "./migrations")]
async fn no_superuser_is_needed(pool: PgPool) {
    let name = "ocore_test_plain_owner";
    let theirs = owned(&pool, name).await;
    sqlx::query(AssertSqlSafe(format!("grant ocore_tenant to {name}")))
        .execute(&pool)
        .await
        .unwrap();
    migrate(&theirs).await.unwrap();
    let store = Store::new(theirs.clone(), Sealer::new(&"k".repeat(32).into(), &[]));
    let mut tx = store
        .tenant(&Tenant::whole(ocore_domain::OrganizationId::DEFAULT))
        .await
        .unwrap();
    let roles: i64 = sqlx::query_scalar("select count(*) from roles")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(roles, 4);
    tx.commit().await.unwrap();
    drop_all(&pool, theirs, name).await;
}
