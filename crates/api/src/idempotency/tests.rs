//! Requests that are sent twice, on a real database.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use axum::{Router, extract::DefaultBodyLimit, middleware, routing::post};
use http_body_util::BodyExt;
use ocore_store::Sealer;
use serde_json::Value;
use sqlx::PgPool;
use tokio::sync::{Notify, Semaphore};
use tower::ServiceExt;

use super::*;

/// What the handlers of these tests do.
#[derive(Clone)]
struct Works {
    /// How often a handler ran.
    runs: Arc<AtomicU32>,
    /// A handler has begun.
    begun: Arc<Notify>,
    /// Lets one handler of `/slow` end.
    go: Arc<Semaphore>,
}

struct Bench {
    router: Router,
    works: Works,
    store: Store,
    pool: PgPool,
}

impl Bench {
    fn new(pool: PgPool) -> Self {
        let store = Store::new(pool.clone(), Sealer::new(&"k".repeat(32).into(), &[]));
        let works = Works {
            runs: Arc::default(),
            begun: Arc::default(),
            go: Arc::new(Semaphore::new(0)),
        };
        let router = Router::new()
            .route("/slow", post(slow))
            .route("/broken", post(broken))
            .route("/panic", post(panic))
            .route("/refused", post(refused))
            .with_state(works.clone())
            .route_layer(middleware::from_fn_with_state(store.clone(), once))
            .layer(DefaultBodyLimit::max(1000))
            .layer(middleware::from_fn(crate::request::answer));
        Self {
            router,
            works,
            store,
            pool,
        }
    }

    fn runs(&self) -> u32 {
        self.works.runs.load(Ordering::SeqCst)
    }

    async fn send(&self, principal: Option<&str>, path: &str, key: &str, body: &str) -> Reply {
        let mut request = Request::post(path)
            .header("idempotency-key", key)
            .body(Body::from(body.to_owned()))
            .unwrap();
        if let Some(principal) = principal {
            request.extensions_mut().insert(Principal(principal.to_owned()));
        }
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text,
        }
    }

    /// One by ann that may go on at once.
    async fn ann(&self, path: &str, key: &str, body: &str) -> Reply {
        self.works.go.add_permits(1);
        self.send(Some("ann"), path, key, body).await
    }

    async fn count(&self) -> i64 {
        sqlx::query_scalar("select count(*) from idempotency_keys")
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    async fn sql(&self, statement: &'static str) {
        sqlx::query(statement).execute(&self.pool).await.unwrap();
    }
}

#[derive(Debug)]
struct Reply {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Reply {
    fn is_replayed(&self) -> bool {
        self.headers.contains_key("idempotent-replayed")
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

async fn slow(State(works): State<Works>, body: String) -> Response {
    let run = works.runs.fetch_add(1, Ordering::SeqCst) + 1;
    works.begun.notify_one();
    works.go.acquire().await.unwrap().forget();
    let headers = [
        (header::LOCATION, "/made/1"),
        (header::CONTENT_TYPE, "application/json"),
        (header::SET_COOKIE, "not=kept"),
    ];
    let text = format!(r#"{{"run": {run}, "said": "{body}", "adminPassword": "canary"}}"#);
    (StatusCode::ACCEPTED, headers, text).into_response()
}

async fn broken(State(works): State<Works>) -> Failure {
    works.runs.fetch_add(1, Ordering::SeqCst);
    Problem::internal("it is broken").into()
}

async fn panic(State(works): State<Works>) -> &'static str {
    works.runs.fetch_add(1, Ordering::SeqCst);
    assert!(works.go.is_closed(), "a panic on purpose");
    ""
}

async fn refused(State(works): State<Works>) -> Failure {
    works.runs.fetch_add(1, Ordering::SeqCst);
    Failure::field("name", "is wrong")
}

#[sqlx::test(migrations = "../store/migrations")]
async fn of_two_at_once_one_runs_and_a_repeat_gets_its_answer(pool: PgPool) {
    let bench = Bench::new(pool);
    let first = bench.send(Some("ann"), "/slow", "k", "x");
    let second = async {
        bench.works.begun.notified().await;
        let second = bench.send(Some("ann"), "/slow", "k", "x").await;
        bench.works.go.add_permits(1);
        second
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!((first.status, second.status), (202, 409), "{second:?}");
    assert_eq!(second.json()["code"], "request.idempotency_in_progress");
    assert_eq!(second.headers["retry-after"], "1");
    assert!(!first.is_replayed());

    let third = bench.ann("/slow", "k", "x").await;
    assert_eq!((third.status, &third.text), (202, &first.text));
    assert_eq!(third.headers["idempotent-replayed"], "true");
    assert_eq!(third.headers["location"], "/made/1");
    assert_eq!(third.headers["content-type"], "application/json");
    assert!(!third.headers.contains_key("set-cookie"));
    assert_ne!(third.headers["x-request-id"], first.headers["x-request-id"]);
    assert_eq!(bench.runs(), 1);
}

/// Not ordered by anything in the test: the database decides.
#[sqlx::test(migrations = "../store/migrations")]
async fn of_many_at_once_one_runs(pool: PgPool) {
    let bench = Bench::new(pool);
    bench.works.go.add_permits(16);
    let sent = (0..16).map(|_| bench.send(Some("ann"), "/slow", "k", "x"));
    let replies = futures::future::join_all(sent).await;
    assert_eq!(bench.runs(), 1);
    assert!(
        replies.iter().all(|reply| [202, 409].contains(&reply.status)),
        "{replies:?}"
    );
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_key_is_for_one_request_of_one_principal(pool: PgPool) {
    let bench = Bench::new(pool);
    bench.ann("/slow", "k", "x").await;
    for (path, body) in [("/slow", "y"), ("/refused", "x"), ("/slow?a=b", "x")] {
        let reply = bench.ann(path, "k", body).await;
        assert_eq!(reply.status, 422, "{path} {reply:?}");
        assert_eq!(reply.json()["code"], "request.idempotency_mismatch");
    }
    assert_eq!(bench.runs(), 1);
    let bob = bench.send(Some("bob"), "/slow", "k", "y").await;
    assert_eq!((bob.status, bob.is_replayed()), (202, false));
    // Who is not known has no keys.
    for _ in 0..2 {
        bench.works.go.add_permits(1);
        assert!(!bench.send(None, "/slow", "k", "x").await.is_replayed());
    }
    assert_eq!(bench.runs(), 4);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn keys_are_checked(pool: PgPool) {
    let bench = Bench::new(pool);
    let (long, fits) = ("x".repeat(256), "x".repeat(255));
    for bad in ["", "a\tb", "ä", &long] {
        let reply = bench.ann("/slow", bad, "x").await;
        assert_eq!(reply.status, 400, "{bad}");
        assert_eq!(reply.json()["fields"][0]["field"], "Idempotency-Key");
    }
    assert_eq!(bench.runs(), 0);
    for good in ["a b", "\"8e03978e\"", &fits] {
        assert_eq!(bench.ann("/slow", good, "x").await.status, 202, "{good}");
    }
    assert_eq!(bench.ann("/slow", "long", &"x".repeat(1001)).await.status, 413);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn what_failed_may_be_tried_again(pool: PgPool) {
    let bench = Bench::new(pool);
    for path in ["/broken", "/panic"] {
        for _ in 0..2 {
            let reply = bench.ann(path, "k", "x").await;
            assert_eq!((reply.status, reply.is_replayed()), (500, false), "{path}");
        }
    }
    assert_eq!((bench.runs(), bench.count().await), (4, 0));
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_refusal_is_kept_and_written_anew(pool: PgPool) {
    let bench = Bench::new(pool);
    let (first, second) = (
        bench.ann("/refused", "k", "x").await,
        bench.ann("/refused", "k", "x").await,
    );
    assert_eq!((first.status, second.status, bench.runs()), (400, 400, 1));
    assert!(second.is_replayed());
    assert_eq!(second.headers["content-type"], "application/problem+json");
    let (first, second) = (first.json(), second.json());
    assert_eq!(second["fields"], first["fields"]);
    assert_eq!(second["code"], "request.invalid");
    assert_ne!(second["requestId"], first["requestId"]);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn who_hung_up_finds_the_answer_later(pool: PgPool) {
    let bench = Bench::new(pool);
    tokio::select! {
        _ = bench.send(Some("ann"), "/slow", "k", "x") => panic!("nobody let it end"),
        () = bench.works.begun.notified() => {}
    }
    bench.works.go.add_permits(1);
    let mut reply = bench.send(Some("ann"), "/slow", "k", "x").await;
    while reply.status == 409 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        reply = bench.send(Some("ann"), "/slow", "k", "x").await;
    }
    assert_eq!((reply.status, reply.is_replayed(), bench.runs()), (202, true, 1));
}

#[sqlx::test(migrations = "../store/migrations")]
async fn what_is_kept_is_sealed_for_its_row(pool: PgPool) {
    let bench = Bench::new(pool);
    bench.ann("/slow", "a", "x").await;
    bench.ann("/slow", "b", "x").await;
    let row: String = sqlx::query_scalar(
        "select string_agg(k::text || encode(answer_sealed, 'escape'), ' ') from idempotency_keys k",
    )
    .fetch_one(&bench.pool)
    .await
    .unwrap();
    assert!(!row.contains("canary"), "{row}");
    bench
        .sql("update idempotency_keys set answer_sealed = (select answer_sealed from idempotency_keys where key = 'a')")
        .await;
    assert_eq!(bench.ann("/slow", "a", "x").await.status, 202);
    let moved = bench.ann("/slow", "b", "x").await;
    assert_eq!(
        (moved.status, &moved.json()["code"]),
        (500, &"secret.unreadable".into())
    );
}

#[sqlx::test(migrations = "../store/migrations")]
async fn what_a_lost_process_began_is_taken_over(pool: PgPool) {
    let bench = Bench::new(pool);
    let named = rows::Request {
        principal: "ann".into(),
        organization: Some(OrganizationId::DEFAULT),
        key: "k".into(),
        method: "POST".into(),
        path: "/slow".into(),
        fingerprint: Sha256::digest("x").to_vec(),
    };
    let mut conn = bench.store.connection().await.unwrap();
    let sealer = bench.store.sealer();
    let Begun::Run(lost) = rows::begin(&mut conn, sealer, &named).await.unwrap() else {
        panic!("the key is new");
    };
    bench
        .sql("update idempotency_keys set seen_at = now() - interval '50 seconds'")
        .await;
    assert!(matches!(
        rows::begin(&mut conn, sealer, &named).await.unwrap(),
        Begun::Running
    ));
    bench
        .sql("update idempotency_keys set seen_at = now() - interval '61 seconds'")
        .await;
    let other = rows::Request {
        fingerprint: Sha256::digest("y").to_vec(),
        ..named.clone()
    };
    assert!(matches!(
        rows::begin(&mut conn, sealer, &other).await.unwrap(),
        Begun::Mismatch
    ));
    // A sign of life from it, and it is not lost.
    rows::touch(&mut conn, lost).await.unwrap();
    assert!(matches!(
        rows::begin(&mut conn, sealer, &named).await.unwrap(),
        Begun::Running
    ));
    bench
        .sql("update idempotency_keys set seen_at = now() - interval '61 seconds'")
        .await;
    let Begun::Run(next) = rows::begin(&mut conn, sealer, &named).await.unwrap() else {
        panic!("nobody works on it");
    };
    let answer = |text: &str| rows::Answer {
        status: 202,
        headers: BTreeMap::new(),
        body: text.as_bytes().to_vec().into(),
    };
    // The lost one comes back: it changes nothing any more.
    assert!(
        !rows::answer(&mut conn, sealer, &named, lost, &answer("lost"))
            .await
            .unwrap()
    );
    rows::forget(&mut conn, lost).await.unwrap();
    assert!(
        rows::answer(&mut conn, sealer, &named, next, &answer("next"))
            .await
            .unwrap()
    );
    let Begun::Answered(kept) = rows::begin(&mut conn, sealer, &named).await.unwrap() else {
        panic!("it was answered");
    };
    assert_eq!((kept.status, kept.body.expose_secret()), (202, &b"next"[..]));
}

#[sqlx::test(migrations = "../store/migrations")]
async fn after_a_day_a_key_is_forgotten(pool: PgPool) {
    let bench = Bench::new(pool);
    bench.ann("/slow", "old", "x").await;
    bench.ann("/slow", "new", "x").await;
    bench
        .sql("update idempotency_keys set created_at = now() - interval '25 hours' where key = 'old'")
        .await;
    // Also before it is deleted it does not count.
    let reply = bench.ann("/slow", "old", "another").await;
    assert_eq!((reply.status, reply.is_replayed(), bench.runs()), (202, false, 3));
    bench
        .sql("update idempotency_keys set created_at = now() - interval '25 hours' where key = 'old'")
        .await;
    let mut conn = bench.store.connection().await.unwrap();
    assert_eq!(rows::prune(&mut conn).await.unwrap(), 1);
    assert_eq!(rows::prune(&mut conn).await.unwrap(), 0);
    assert_eq!(bench.count().await, 1);
}
