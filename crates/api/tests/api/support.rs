//! A client of the router, and rows to begin with.

use std::time::Duration;

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, Request, StatusCode, header},
};
use chrono::{TimeDelta, Utc};
use http_body_util::BodyExt;
use ocore_api::{Api, Installation, Proxies, Settings, Signup, limits::Quotas};
use ocore_domain::{
    OrganizationId, RoleId, ServerId, UserId, WorkerId,
    access::{Permissions, Scope, SystemRole},
    server::{DockerRoute, Privilege, ServerFacts, ServerStatus},
};
use ocore_notify::Notifier;
use ocore_operations::Hands;
use ocore_store::{
    Sealer, Store,
    api_keys::{self, NewApiKey},
    members,
    notifications::Notifications,
    operations::{self as rows, Claimed},
    roles, servers,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How long a body may take.
const STREAM: Duration = Duration::from_secs(10);

pub(crate) struct Client {
    pub(crate) store: Store,
    /// Ends the streams.
    pub(crate) closing: CancellationToken,
    pub(crate) hands: Hands,
    router: Router,
    token: String,
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{} {}", self.status, self.text))
    }

    /// The answer of a request that went well.
    #[track_caller]
    pub(crate) fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    /// Checks that this is a whole problem with this status and code, and answers it.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(
            self.headers[header::CONTENT_TYPE],
            "application/problem+json",
            "{}",
            self.text
        );
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("https://docs.ocore.sh/problems/{code}"));
        assert_eq!(
            problem["requestId"],
            self.headers["x-request-id"].to_str().unwrap()
        );
        for text in ["title", "detail", "mend"] {
            assert!(!problem[text].as_str().unwrap().is_empty(), "{problem}");
        }
        problem
    }

    /// The revision that it shows.
    #[track_caller]
    pub(crate) fn etag(&self) -> &str {
        self.headers["etag"].to_str().unwrap()
    }

    /// The names of the fields that are wrong.
    #[track_caller]
    pub(crate) fn fields(&self) -> Vec<String> {
        let problem = self.problem(400, "request.invalid");
        let fields = problem["fields"].as_array().unwrap().iter();
        fields
            .map(|field| field["field"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Client {
    pub(crate) async fn new(pool: PgPool) -> Self {
        Self::with(pool, installation()).await
    }

    /// One of a router that checks no permission.
    pub(crate) async fn unguarded(pool: PgPool) -> Self {
        Self::of(pool, installation(), Notifier::default(), Api::unguarded).await
    }

    /// One of an installation of its own kind.
    pub(crate) async fn with(pool: PgPool, installation: Installation) -> Self {
        Self::of(pool, installation, Notifier::default(), |api| api).await
    }

    /// One of an installation that tells people of alerts.
    pub(crate) async fn telling(pool: PgPool, installation: Installation, notifier: Notifier) -> Self {
        Self::of(pool, installation, notifier, |api| api).await
    }

    async fn of(
        pool: PgPool,
        installation: Installation,
        notifier: Notifier,
        change: impl FnOnce(Api) -> Api,
    ) -> Self {
        let store = Store::new(pool.clone(), Sealer::new(&"k".repeat(32).into(), &[]));
        let notifications = Notifications::listen(pool);
        let hands = Hands::new(store.clone(), notifications.clone()).with_notifier(notifier);
        let (_, token) = api_keys::create(
            &mut store.connection().await.unwrap(),
            &NewApiKey::administrator(OrganizationId::DEFAULT, "test"),
        )
        .await
        .unwrap();
        let closing = CancellationToken::new();
        let api = Api::new(
            store.clone(),
            notifications,
            hands.clone(),
            closing.clone(),
            installation,
        );
        Self {
            router: ocore_api::router(change(api)),
            store,
            closing,
            hands,
            token: token.expose_secret().to_owned(),
        }
    }

    /// The same API, asked by somebody else.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self {
            store: self.store.clone(),
            closing: self.closing.clone(),
            hands: self.hands.clone(),
            router: self.router.clone(),
            token: token.to_owned(),
        }
    }

    /// What serves.
    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    /// What a request bears to be let in.
    pub(crate) fn token(&self) -> String {
        format!("Bearer {}", self.token)
    }

    /// The same with a key that permits only this.
    pub(crate) async fn with_key(&self, permissions: &[&str], scope: Scope) -> Self {
        self.keyed(NewApiKey {
            permissions: permissions.iter().map(|word| word.parse().unwrap()).collect(),
            scope,
            is_server_admin: false,
            ..NewApiKey::administrator(OrganizationId::DEFAULT, "limited")
        })
        .await
    }

    /// The same with another key.
    pub(crate) async fn keyed(&self, new: NewApiKey) -> Self {
        let mut conn = self.store.connection().await.unwrap();
        let (_, token) = api_keys::create(&mut conn, &new).await.unwrap();
        Self {
            store: self.store.clone(),
            closing: self.closing.clone(),
            hands: self.hands.clone(),
            router: self.router.clone(),
            token: token.expose_secret().to_owned(),
        }
    }

    /// Somebody with an account.
    pub(crate) async fn person(&self, email: &str) -> UserId {
        let id = UserId::new();
        sqlx::query("insert into users (id, email, name) values ($1, $2, $3)")
            .bind(id.uuid())
            .bind(email)
            .bind(email.split('@').next())
            .execute(self.store.pool())
            .await
            .unwrap();
        id
    }

    /// The same, who is a member of the first organization.
    pub(crate) async fn member(&self, email: &str, role: SystemRole) -> UserId {
        let user = self.person(email).await;
        let role = self.role(role).await;
        let mut conn = self.store.connection().await.unwrap();
        let added = members::add(&mut conn, OrganizationId::DEFAULT, user, role, None).await;
        assert!(added.unwrap());
        user
    }

    /// The id of a system role of the first organization.
    pub(crate) async fn role(&self, role: SystemRole) -> RoleId {
        let mut conn = self.store.connection().await.unwrap();
        let id = roles::system(&mut conn, OrganizationId::DEFAULT, role).await;
        id.unwrap().unwrap()
    }

    /// A role of the first organization's own.
    pub(crate) async fn own_role(&self, name: &str, permissions: &[&str]) -> RoleId {
        let permissions: Permissions = permissions.iter().map(|word| word.parse().unwrap()).collect();
        let mut conn = self.store.connection().await.unwrap();
        let id = roles::insert(&mut conn, OrganizationId::DEFAULT, name, "", &permissions).await;
        id.unwrap()
    }

    /// What was recorded, in order.
    pub(crate) async fn recorded(&self) -> Vec<String> {
        sqlx::query_scalar("select action from audit_log order by seq")
            .fetch_all(self.store.pool())
            .await
            .unwrap()
    }

    /// A change of what was read before.
    pub(crate) async fn put_if(&self, path: &str, if_match: &str, body: Value) -> Reply {
        let request = Request::put(path)
            .header("authorization", self.token())
            .header("content-type", "application/json")
            .header("if-match", if_match)
            .body(Body::from(body.to_string()));
        self.raw(request.unwrap()).await
    }

    /// A request as it is, without a token.
    pub(crate) async fn raw(&self, request: Request<Body>) -> Reply {
        let is_endless = request.uri().path() == "/api/events";
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, mut body) = response.into_parts();
        // A stream need not end; what it says at once is enough here.
        let bytes = if is_endless {
            let first = timeout(STREAM, body.frame()).await.unwrap();
            first.unwrap().unwrap().into_data().unwrap()
        } else {
            match timeout(STREAM, body.collect()).await {
                Ok(body) => body.unwrap().to_bytes(),
                Err(_) => Bytes::new(),
            }
        };
        Reply {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// An answer whose body is read piece by piece.
    pub(crate) async fn stream(&self, path: &str, header: Option<(&str, &str)>) -> Body {
        let mut request = Request::get(path).header("authorization", self.token());
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        response.into_body()
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", self.token());
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.raw(request.body(body).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.send("POST", path, Some(&body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Reply {
        self.send("PUT", path, Some(&body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, None).await
    }

    /// A server that takes instances, with 16 GiB of memory.
    pub(crate) async fn active_server(&self, name: &str) -> ServerId {
        self.active(json!({"name": name, "authMethod": "local"})).await
    }

    /// The same, of a server that is added so.
    pub(crate) async fn active(&self, body: Value) -> ServerId {
        let added = self.post("/api/servers", body).await.ok(202);
        // Its validation ends here, whatever came of it: while it waits, nothing else is done with the server.
        let validation = added["operation"]["id"].as_str().unwrap();
        let path = format!("/api/operations/{validation}/cancel");
        self.post(&path, json!({})).await.ok(202);
        let id: ServerId = serde_json::from_value(added["server"]["id"].clone()).unwrap();
        let mut conn = self.store.connection().await.unwrap();
        servers::set_facts(&mut conn, id, &facts()).await.unwrap();
        servers::set_status(&mut conn, id, ServerStatus::Active, None)
            .await
            .unwrap();
        id
    }
}

/// An installation for tests.
pub(crate) fn installation() -> Installation {
    Installation::new(settings()).unwrap()
}

/// What it is told.
pub(crate) fn settings() -> Settings {
    Settings {
        app_url: "http://localhost:3000".to_owned(),
        jwt_secret: "j".repeat(32).into(),
        access_expiry: TimeDelta::hours(1),
        refresh_expiry: TimeDelta::days(30),
        proxies: Proxies::default(),
        quotas: {
            let plenty = "1000000/1".parse().unwrap();
            Quotas {
                read: plenty,
                change: plenty,
                login: plenty,
            }
        },
        signup: Signup::Open,
        development: true,
    }
}

fn facts() -> ServerFacts {
    ServerFacts {
        os_name: "Debian GNU/Linux".into(),
        os_version: "12".into(),
        kernel: "6.1".into(),
        architecture: "x86_64".into(),
        cpu_cores: 4,
        ram_total_bytes: 16 << 30,
        disk_total_bytes: 100 << 30,
        disk_available_bytes: 50 << 30,
        docker_version: "27.0".into(),
        docker_route: DockerRoute::Socket,
        privilege: Privilege::Root,
        boot_id: "b".into(),
        observed_at: Utc::now(),
    }
}

/// An operation that this test runs itself.
pub(crate) async fn claimed(client: &Client) -> Claimed {
    client
        .post("/api/servers", json!({"name": "one", "authMethod": "local"}))
        .await
        .ok(202);
    let worker = WorkerId::new();
    let mut conn = client.store.connection().await.unwrap();
    rows::register_worker(&mut conn, worker, "test", 1).await.unwrap();
    let tx = client.store.begin().await.unwrap();
    rows::claim(
        tx,
        worker,
        &rows::Terms::of(vec!["server_validate".to_owned()], 1),
        1,
    )
    .await
    .unwrap()
    .pop()
    .unwrap()
}
