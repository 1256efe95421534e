//! Operations are deleted a while after their end, and no other ones.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use chrono::{DateTime, TimeDelta, Utc};
use ocore_domain::OrganizationId;
use ocore_store::operations;
use sqlx::PgPool;
use uuid::Uuid;

/// An operation that was made so many days ago, and has ended so many days ago.
async fn operation(pool: &PgPool, made: i64, ended: Option<i64>, retry_of: Option<Uuid>) -> Uuid {
    let ago = |days: i64| Utc::now() - TimeDelta::days(days);
    let made: DateTime<Utc> = ago(made);
    let random: [u8; 10] = Uuid::new_v4().as_bytes()[..10].try_into().unwrap();
    let millis = u64::try_from(made.timestamp_millis()).unwrap();
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
    sqlx::query(
        "insert into operations (id, organization_id, kind, state, created_at, finished_at, retry_of)
         values ($1, $2, 'noop', $3, $4, $5, $6)",
    )
    .bind(id)
    .bind(OrganizationId::DEFAULT.uuid())
    .bind(if ended.is_some() { "failed" } else { "queued" })
    .bind(made)
    .bind(ended.map(ago))
    .bind(retry_of)
    .execute(pool)
    .await
    .unwrap();
    for insert in [
        "insert into operation_steps (operation_id, position, name, title) values ($1, 0, 'one', 'One')",
        "insert into operation_events (operation_id, seq, at, level, line) values ($1, 1, now(), 'info', 'a line')",
    ] {
        sqlx::query(insert).bind(id).execute(pool).await.unwrap();
    }
    id
}

async fn left(pool: &PgPool) -> Vec<Uuid> {
    sqlx::query_scalar("select id from operations order by id")
        .fetch_all(pool)
        .await
        .unwrap()
}

#[sqlx::test]
async fn what_ended_long_ago_goes_with_all_that_is_its_own(pool: PgPool) {
    let open = operation(&pool, 400, None, None).await;
    let ended_lately = operation(&pool, 380, Some(10), None).await;
    let retried = operation(&pool, 379, Some(378), None).await;
    let retry = operation(&pool, 20, Some(20), Some(retried)).await;
    // Both go: what retries it is old enough too, and more than one statement takes.
    let old = operation(&pool, 390, Some(390), None).await;
    operation(&pool, 370, Some(370), Some(old)).await;
    for _ in 0..1100 {
        operation(&pool, 369, Some(369), None).await;
    }
    let mut conn = pool.acquire().await.unwrap();
    let before = Utc::now() - TimeDelta::days(365);
    assert_eq!(operations::prune(&mut conn, before).await.unwrap(), 1102);
    assert_eq!(left(&pool).await, [open, ended_lately, retried, retry]);
    for table in ["operation_steps", "operation_events"] {
        let count = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
        let rows: i64 = sqlx::query_scalar(count).fetch_one(&pool).await.unwrap();
        assert_eq!(rows, 4, "{table}");
    }
    assert_eq!(operations::prune(&mut conn, before).await.unwrap(), 0);
}
