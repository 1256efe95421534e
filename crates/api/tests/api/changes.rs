//! What changes, as a stream: to everybody whom it concerns, to nobody else, and for as long as they may know.

use std::time::Duration;

use axum::{
    body::{Body, BodyDataStream},
    http::Request,
};
use chrono::{TimeDelta, Utc};
use futures::StreamExt;
use ocore_domain::{
    OrganizationId, SessionId, Topic, UserId,
    access::{Permissions, Scope},
    operation::{Event, Level, OperationState},
};
use ocore_store::{
    changes,
    operations::{self as rows, Finish},
};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::time::{Instant, timeout, timeout_at};
use tower::ServiceExt;
use uuid::Uuid;

use crate::{
    callers,
    support::{Client, claimed},
};

/// In how long two people see the same.
const SOON: Duration = Duration::from_secs(2);
/// Longer than it would take to be told what is told.
const QUIET: Duration = Duration::from_millis(1200);

/// A page that is open.
struct Page {
    stream: BodyDataStream,
    text: String,
}

impl Page {
    /// Opens one; what is done from here on is heard.
    async fn open(client: &Client, token: &str) -> Self {
        let request = Request::get("/api/events").header("authorization", format!("Bearer {token}"));
        let response = client
            .router()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut page = Self {
            stream: response.into_body().into_data_stream(),
            text: String::new(),
        };
        let (event, data) = page.next(SOON).await.unwrap();
        assert_eq!(event, "hello");
        assert!(!data["version"].as_str().unwrap().is_empty());
        page
    }

    /// The next event; none when the stream ends.
    async fn next(&mut self, within: Duration) -> Option<(String, Value)> {
        timeout(within, async {
            loop {
                if let Some(end) = self.text.find("\n\n") {
                    let block: String = self.text.drain(..end + 2).collect();
                    let field = |name: &str| {
                        let line = block.lines().find_map(|line| line.strip_prefix(name));
                        line.map(str::to_owned)
                    };
                    let event = field("event: ").map(|event| (event, field("data: ").unwrap()));
                    if let Some((event, data)) = event {
                        return Some((event, serde_json::from_str(&data).unwrap()));
                    }
                } else {
                    let chunk = self.stream.next().await?;
                    self.text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
                }
            }
        })
        .await
        .unwrap()
    }

    /// What is told until all of these were.
    async fn hears(&mut self, wanted: &[&str]) -> Vec<String> {
        let until = Instant::now() + SOON;
        let mut heard: Vec<String> = Vec::new();
        while !wanted.iter().all(|topic| heard.iter().any(|one| one == topic)) {
            let left = until.saturating_duration_since(Instant::now());
            heard.extend(self.topics(left).await);
        }
        heard
    }

    async fn topics(&mut self, within: Duration) -> Vec<String> {
        let (event, data) = self.next(within).await.unwrap();
        assert_eq!(event, "changed");
        let topics = data["topics"].as_array().unwrap();
        assert!(!topics.is_empty());
        topics
            .iter()
            .map(|topic| topic.as_str().unwrap().to_owned())
            .collect()
    }

    /// Says that nothing is told for a while.
    async fn hears_nothing(&mut self) {
        let heard = timeout(QUIET, self.stream.next()).await;
        assert!(heard.is_err() && self.text.is_empty(), "{heard:?} {}", self.text);
    }

    /// Says that the stream ends.
    async fn ends(&mut self) {
        let until = Instant::now() + SOON;
        while timeout_at(until, self.stream.next()).await.unwrap().is_some() {}
    }
}

/// An API that hears already: what happened before it listened is nothing that a test waits for.
async fn listening(pool: &PgPool) -> Client {
    let client = Client::new(pool.clone()).await;
    let (_, token) = callers::member(pool, OrganizationId::DEFAULT, "Viewer", &Scope::default()).await;
    let mut page = Page::open(&client, &token).await;
    // Its own connection may be later than the page: tell until it hears.
    for _ in 0..50 {
        let told = [(OrganizationId::DEFAULT.uuid(), Topic::RecoveryDrills.into())];
        changes::tell(&mut client.store.connection().await.unwrap(), &told)
            .await
            .unwrap();
        if let Ok(Some(_)) = timeout(Duration::from_millis(100), page.stream.next()).await {
            return client;
        }
    }
    panic!("it does not listen");
}

async fn member(pool: &PgPool, name: &str) -> (UserId, SessionId, String) {
    let (user, _) = callers::person(pool, name).await;
    callers::join(pool, user, OrganizationId::DEFAULT, "Admin", &Scope::default()).await;
    let session = callers::session(pool, user).await;
    (
        user,
        session,
        callers::access_token(user, session, TimeDelta::hours(1)),
    )
}

#[sqlx::test(migrations = "../store/migrations")]
async fn what_one_changes_another_is_told_and_strangers_are_not(pool: PgPool) {
    let client = listening(&pool).await;
    let theirs = callers::organization(&pool, "Theirs", "theirs").await;
    let (_, stranger) = callers::member(&pool, theirs, "Owner", &Scope::default()).await;
    let (_, _, ada) = member(&pool, "ada").await;
    let (bob, _, bobs) = member(&pool, "bob").await;
    let mut strange = Page::open(&client, &stranger).await;
    let mut page = Page::open(&client, &bobs).await;
    client
        .with_token(&ada)
        .post("/api/servers", json!({"name": "one", "authMethod": "local"}))
        .await
        .ok(202);
    let heard = page.hears(&["servers", "operations", "audit_logs"]).await;
    assert!(!heard.iter().any(|topic| topic == "account"), "{heard:?}");
    client
        .with_token(&ada)
        .post(
            "/api/roles",
            json!({"name": "Readers", "permissionIds": ["view:servers"]}),
        )
        .await
        .ok(201);
    page.hears(&["roles"]).await;
    // What is somebody's own is told to nobody else.
    let mut adas = Page::open(&client, &ada).await;
    let told = [(bob.uuid(), Topic::Notifications.into())];
    changes::tell(&mut client.store.connection().await.unwrap(), &told)
        .await
        .unwrap();
    page.hears(&["notifications"]).await;
    adas.hears_nothing().await;
    strange.hears_nothing().await;
}

#[sqlx::test(migrations = "../store/migrations")]
async fn what_an_operation_does_is_told_and_what_it_says_is_not(pool: PgPool) {
    let client = listening(&pool).await;
    let claim = claimed(&client).await;
    let (_, _, token) = member(&pool, "ada").await;
    let mut page = Page::open(&client, &token).await;
    let line = Event {
        seq: 1,
        at: Utc::now(),
        level: Level::Info,
        step: None,
        line: "a line".to_owned(),
    };
    let mut conn = client.store.connection().await.unwrap();
    assert!(rows::append_events(&mut conn, &claim, &[line]).await.unwrap());
    page.hears_nothing().await;
    let end = Finish::of(&claim, OperationState::Done);
    assert!(rows::finish(&mut conn, &end, None).await.unwrap());
    let heard = page.hears(&["operations", "servers"]).await;
    assert!(!heard.iter().any(|topic| topic == "instances"), "{heard:?}");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn what_happens_by_itself_is_told(pool: PgPool) {
    let client = listening(&pool).await;
    let (user, _, token) = member(&pool, "ada").await;
    let mut page = Page::open(&client, &token).await;
    let organization = OrganizationId::DEFAULT;
    let mut conn = client.store.connection().await.unwrap();
    let subject = ("instance", Uuid::now_v7());
    ocore_store::activity::record(
        &mut conn,
        organization,
        subject,
        "instance.unhealthy",
        "It is not",
    )
    .await
    .unwrap();
    page.hears(&["activity", "instances", "servers"]).await;
    let told = ocore_store::people_told::NewNotification {
        user,
        organization,
        severity: ocore_domain::alerts::Severity::Info,
        title: "Something".to_owned(),
        body: String::new(),
        url: None,
    };
    ocore_store::people_told::notify(&mut conn, &[told])
        .await
        .unwrap();
    page.hears(&["notifications"]).await;
}

#[sqlx::test(migrations = "../store/migrations")]
async fn many_changes_are_told_in_few_events(pool: PgPool) {
    let client = listening(&pool).await;
    let (_, _, token) = member(&pool, "ada").await;
    let mut page = Page::open(&client, &token).await;
    let organization = OrganizationId::DEFAULT.uuid();
    let mut conn = client.store.connection().await.unwrap();
    let begun = Instant::now();
    for round in 0..2000 {
        let topic = Topic::ALL[round % Topic::ALL.len()];
        changes::tell(&mut conn, &[(organization, topic.into())])
            .await
            .unwrap();
    }
    let all: Vec<&str> = Topic::ALL.iter().map(|topic| topic.as_str()).collect();
    page.hears(&all).await;
    let mut events = 1;
    while let Ok(told) = timeout(QUIET, page.stream.next()).await {
        assert!(told.is_some());
        events += 1;
    }
    // Nobody read until here: one waited, one was in the channel, and the rest is one.
    let most = 4 + begun.elapsed().as_millis() / 250;
    assert!(events <= most, "{events} events, {most} at most");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn who_may_not_know_any_longer_is_told_no_more(pool: PgPool) {
    let client = listening(&pool).await;
    let (_, _, ada) = member(&pool, "ada").await;
    let (_, session, other) = member(&pool, "eve").await;
    let mut page = Page::open(&client, &other).await;
    // By themselves, from another page.
    client
        .with_token(&other)
        .post("/api/auth/logout", json!({}))
        .await;
    page.ends().await;
    let revoked: bool = sqlx::query_scalar("select revoked_at is not null from sessions where id = $1")
        .bind(session.uuid())
        .fetch_one(&pool)
        .await
        .unwrap();
    assert!(revoked);
    // By being put out.
    let (bob, _, bobs) = member(&pool, "bob").await;
    let mut page = Page::open(&client, &bobs).await;
    let mut adas = Page::open(&client, &ada).await;
    let removed = client
        .with_token(&ada)
        .delete(&format!("/api/members/{bob}"))
        .await;
    assert!(removed.status.is_success(), "{}", removed.text);
    page.ends().await;
    adas.hears(&["members"]).await;
    // A key that is revoked.
    let key = callers::key(
        &pool,
        OrganizationId::DEFAULT,
        Permissions::all(),
        Scope::default(),
        TimeDelta::hours(1),
    )
    .await;
    let mut page = Page::open(&client, &key).await;
    let id: Uuid = sqlx::query_scalar("select id from api_keys order by created_at desc limit 1")
        .fetch_one(&pool)
        .await
        .unwrap();
    let revoked = client
        .with_token(&ada)
        .delete(&format!("/api/api-keys/{id}"))
        .await;
    assert!(revoked.status.is_success(), "{}", revoked.text);
    page.ends().await;
}

/// Nothing is told when a session is ended past the API: then it is found out.
#[sqlx::test(migrations = "../store/migrations")]
async fn an_end_that_nobody_tells_is_found_out(pool: PgPool) {
    let client = listening(&pool).await;
    let (_, session, token) = member(&pool, "ada").await;
    let mut page = Page::open(&client, &token).await;
    sqlx::query("update sessions set revoked_at = now() where id = $1")
        .bind(session.uuid())
        .execute(&pool)
        .await
        .unwrap();
    let ended = timeout(Duration::from_secs(35), async {
        while page.stream.next().await.is_some() {}
    });
    ended.await.unwrap();
}

#[sqlx::test(migrations = "../store/migrations")]
async fn after_a_gap_everything_may_have_changed(pool: PgPool) {
    let client = listening(&pool).await;
    let (_, _, token) = member(&pool, "ada").await;
    let mut page = Page::open(&client, &token).await;
    let ended: i64 = sqlx::query_scalar(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity
         where datname = current_database() and query ilike 'listen%'",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(ended, 1);
    let all: Vec<&str> = Topic::ALL.iter().map(|topic| topic.as_str()).collect();
    page.hears(&all).await;
}

#[sqlx::test(migrations = "../store/migrations")]
async fn it_ends_when_the_process_is_to_end(pool: PgPool) {
    let client = listening(&pool).await;
    let (_, _, token) = member(&pool, "ada").await;
    let mut page = Page::open(&client, &token).await;
    client.closing.cancel();
    page.ends().await;
}
