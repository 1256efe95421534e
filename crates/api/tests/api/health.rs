//! Whether oCore is well.

use sqlx::PgPool;

use crate::support::Client;

#[sqlx::test(migrations = "../store/migrations")]
async fn it_is_ready_until_its_database_is_away(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    assert_eq!(client.get("/health").await.ok(200)["status"], "ok");
    let ready = client.get("/health/ready").await.ok(200);
    assert_eq!(
        (
            &ready["status"],
            &ready["database"],
            &ready["migrations"],
            &ready["queueAgeSeconds"]
        ),
        (&"ready".into(), &"ok".into(), &"ok".into(), &0.into())
    );
    assert_eq!(ready["roles"], serde_json::json!(["api", "worker", "leader"]));
    assert_eq!(
        (&ready["leads"], &ready["queueDepth"], &ready["queuePaused"]),
        (&false.into(), &0.into(), &0.into())
    );
    sqlx::query("update _sqlx_migrations set success = false where version = (select max(version) from _sqlx_migrations)")
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(client.get("/health/ready").await.ok(503)["migrations"], "pending");
    pool.close().await;
    assert_eq!(
        client.get("/health/ready").await.ok(503)["database"],
        "unavailable"
    );
    client.get("/health").await.ok(200);
    let reply = client.get("/api/servers").await;
    reply.problem(503, "store.unavailable");
    assert_eq!(reply.headers["retry-after"], "2");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn the_description_names_every_operation_once(pool: PgPool) {
    let api = Client::new(pool).await.get("/api/openapi.json").await.ok(200);
    let mut names = std::collections::HashSet::new();
    for item in api["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name), "{name} stands twice");
            let content = &operation["responses"]["500"]["content"]["application/problem+json"];
            assert_eq!(
                content["schema"]["$ref"], "#/components/schemas/ProblemDetails",
                "{name}"
            );
        }
    }
    let refs = api.to_string();
    for part in refs.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(
            api["components"]["schemas"].get(name).is_some(),
            "{name} is not described"
        );
    }
}
