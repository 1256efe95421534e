//! Tokens.

use ocore_domain::OrganizationId;
use ocore_store::tokens;
use sqlx::PgPool;

#[sqlx::test]
async fn of_processes_that_start_together_one_makes_the_first_token(pool: PgPool) {
    let starts = (0..8).map(|_| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let mut tx = pool.begin().await.unwrap();
            let made = tokens::create_first(&mut tx, OrganizationId::DEFAULT, "administrator").await;
            tx.commit().await.unwrap();
            made.unwrap()
        })
    });
    let mut made = Vec::new();
    for start in starts.collect::<Vec<_>>() {
        made.extend(start.await.unwrap());
    }
    assert_eq!(made.len(), 1);
    let bearer = tokens::find(&mut pool.acquire().await.unwrap(), &made[0])
        .await
        .unwrap();
    assert_eq!(bearer.unwrap().name, "administrator");
}
