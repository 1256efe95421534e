//! Activity is deleted after a while.

use chrono::{TimeDelta, Utc};
use ocore_domain::OrganizationId;
use ocore_store::activity;
use sqlx::PgPool;
use uuid::Uuid;

#[sqlx::test]
async fn what_was_long_ago_is_deleted_and_no_more(pool: PgPool) {
    // More than one statement looks at, and one that is as old but came in late.
    sqlx::query(
        "insert into activity (organization_id, at, subject_kind, subject_id, kind, message)
         select $1, now() - make_interval(days => days), 'server', $2, 'server.rebooted', days::text
         from (select 400 - n / 1000 as days from generate_series(1, 25000) as n
               union all select * from (values (10), (370), (1)) as late (days)) as activity",
    )
    .bind(OrganizationId::DEFAULT.uuid())
    .bind(Uuid::now_v7())
    .execute(&pool)
    .await
    .unwrap();
    let mut conn = pool.acquire().await.unwrap();
    let before = Utc::now() - TimeDelta::days(365);
    assert_eq!(activity::prune(&mut conn, before).await.unwrap(), 25_001);
    let left: Vec<String> = sqlx::query_scalar("select message from activity order by id")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(left, ["10", "1"]);
    assert_eq!(activity::prune(&mut conn, before).await.unwrap(), 0);
}
