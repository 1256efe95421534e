//! API keys.

use chrono::{Duration, Utc};
use ocore_domain::OrganizationId;
use ocore_store::api_keys::{self, NewApiKey};
use sqlx::PgPool;

fn administrator() -> NewApiKey {
    NewApiKey::administrator(OrganizationId::DEFAULT, "administrator")
}

#[sqlx::test]
async fn of_processes_that_start_together_one_makes_the_first_key(pool: PgPool) {
    let starts = (0..8).map(|_| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let mut tx = pool.begin().await.unwrap();
            let made = api_keys::create_first(&mut tx, &administrator()).await;
            tx.commit().await.unwrap();
            made.unwrap()
        })
    });
    let mut made = Vec::new();
    for start in starts.collect::<Vec<_>>() {
        made.extend(start.await.unwrap());
    }
    assert_eq!(made.len(), 1);
    let opened = api_keys::open(&mut pool.acquire().await.unwrap(), &made[0])
        .await
        .unwrap();
    assert_eq!(opened.unwrap().name, "administrator");
}

#[sqlx::test]
async fn a_key_that_is_over_opens_nothing(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let over = NewApiKey {
        expires_at: Some(Utc::now() - Duration::seconds(1)),
        ..administrator()
    };
    let (_, expired) = api_keys::create(&mut conn, &over).await.unwrap();
    assert!(api_keys::open(&mut conn, &expired).await.unwrap().is_none());
    let (id, key) = api_keys::create(&mut conn, &administrator()).await.unwrap();
    assert!(api_keys::open(&mut conn, &key).await.unwrap().is_some());
    sqlx::query("update api_keys set revoked_at = now() where id = $1")
        .bind(id.uuid())
        .execute(&mut *conn)
        .await
        .unwrap();
    assert!(api_keys::open(&mut conn, &key).await.unwrap().is_none());
}
