//! Tests of the routes that are for people: who asks is put into the request, as [`crate::access::identify`] does for who
//! bears a token.

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode},
    middleware,
};
use chrono::TimeDelta;
use http_body_util::BodyExt;
use ocore_domain::{OrganizationId, ServerId, SessionId, UserId, access::SystemRole};
use ocore_operations::Hands;
use ocore_store::{Sealer, Store, members, notifications::Notifications, organizations, roles, sessions};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{
    Api, Installation, Proxies, Settings, Signup,
    access::{Actor, Identified, Membership, Origin, Principal},
    limits::Quotas,
    request,
};

fn settings() -> Settings {
    Settings {
        app_url: "https://ocore.example".to_owned(),
        jwt_secret: "j".repeat(32).into(),
        access_expiry: TimeDelta::hours(1),
        refresh_expiry: TimeDelta::days(30),
        proxies: Proxies::default(),
        quotas: Quotas::default(),
        signup: Signup::Invited,
        development: true,
    }
}

struct World {
    router: Router,
    pool: PgPool,
}

/// Somebody signed in.
#[derive(Clone, Copy)]
struct Person {
    id: UserId,
    session: SessionId,
}

struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Reply {
    #[track_caller]
    fn ok(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    #[track_caller]
    fn problem(self, status: u16, code: &str) -> String {
        assert_eq!(
            (self.status.as_u16(), &self.body["code"]),
            (status, &json!(code)),
            "{}",
            self.body
        );
        self.body["detail"].as_str().unwrap().to_owned()
    }
}

impl World {
    fn new(pool: PgPool) -> Self {
        let store = Store::new(pool.clone(), Sealer::new(&"k".repeat(32).into(), &[]));
        let notifications = Notifications::listen(pool.clone());
        let hands = Hands::new(store.clone(), notifications.clone());
        let api = Api::new(
            store,
            notifications,
            hands,
            CancellationToken::new(),
            Installation::new(settings()).unwrap(),
        );
        let (router, _) = crate::routes().into_router().split_for_parts();
        let router = router.layer(middleware::from_fn(request::answer)).with_state(api);
        Self { router, pool }
    }

    async fn person(&self, email: &str, method: &str) -> Person {
        let person = Person {
            id: UserId::new(),
            session: SessionId::new(),
        };
        sqlx::query("insert into users (id, email, name) values ($1, $2, $2)")
            .bind(person.id.uuid())
            .bind(email)
            .execute(&self.pool)
            .await
            .unwrap();
        sqlx::query("insert into sessions (id, user_id, method, expires_at) values ($1, $2, $3, now() + interval '1 day')")
            .bind(person.session.uuid())
            .bind(person.id.uuid())
            .bind(method)
            .execute(&self.pool)
            .await
            .unwrap();
        person
    }

    /// An organization of this slug, and its owner.
    async fn organization(&self, slug: &str) -> (OrganizationId, Person) {
        let owner = self.person(&format!("owner@{slug}.example"), "password").await;
        let mut conn = self.pool.acquire().await.unwrap();
        let made = organizations::create(&mut conn, slug, None, owner.id)
            .await
            .unwrap();
        (made.id, owner)
    }

    async fn member(&self, organization: OrganizationId, email: &str, role: SystemRole) -> Person {
        let person = self.person(email, "password").await;
        let mut conn = self.pool.acquire().await.unwrap();
        let role = roles::system(&mut conn, organization, role)
            .await
            .unwrap()
            .unwrap();
        assert!(
            members::add(&mut conn, organization, person.id, role, None)
                .await
                .unwrap()
        );
        person
    }

    /// Who a person is now.
    async fn principal(&self, person: Person, slug: Option<&str>) -> Principal {
        let mut conn = self.pool.acquire().await.unwrap();
        let opened = sessions::open(&mut conn, person.session, person.id, slug).await;
        let opened = opened.unwrap().unwrap();
        let is_passkey = opened.method == "passkey";
        Principal {
            is_server_admin: opened.is_server_admin,
            membership: opened.membership.map(|membership| Membership {
                organization: membership.organization,
                slug: membership.slug,
                permissions: membership.permissions,
                is_owner: membership.is_owner,
                scope: membership.scope,
                lacks_passkey: membership.requires_passkey && !is_passkey,
            }),
            actor: Actor::User {
                id: person.id,
                email: opened.email,
                name: opened.name,
                session: person.session,
                method: opened.method,
            },
        }
    }

    async fn sent(&self, by: Option<Principal>, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let mut request = request.body(body).unwrap();
        request.extensions_mut().insert(Identified {
            principal: Ok(by),
            origin: Origin::default(),
        });
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        }
    }

    async fn send(&self, by: Person, method: &str, path: &str, body: Value) -> Reply {
        let principal = self.principal(by, None).await;
        let body = (!body.is_null()).then_some(&body);
        self.sent(Some(principal), method, path, body).await
    }

    async fn post(&self, by: Person, path: &str, body: Value) -> Reply {
        self.send(by, "POST", path, body).await
    }

    async fn role(&self, organization: OrganizationId, role: SystemRole) -> Value {
        let mut conn = self.pool.acquire().await.unwrap();
        json!(
            roles::system(&mut conn, organization, role)
                .await
                .unwrap()
                .unwrap()
        )
    }

    async fn owners(&self, organization: OrganizationId) -> Vec<UserId> {
        let owners: Vec<uuid::Uuid> =
            sqlx::query_scalar("select user_id from members where organization_id = $1 and is_owner")
                .bind(organization.uuid())
                .fetch_all(&self.pool)
                .await
                .unwrap();
        owners.into_iter().map(UserId::from).collect()
    }

    /// The actions in an organization's record, with the names of who acted.
    async fn recorded(&self, organization: OrganizationId) -> Vec<(String, String)> {
        sqlx::query_as(
            "select action, entry ->> 'userName' from audit_log where organization_id = $1 order by seq",
        )
        .bind(organization.uuid())
        .fetch_all(&self.pool)
        .await
        .unwrap()
    }
}

#[sqlx::test(migrations = "../store/migrations")]
async fn somebody_makes_organizations_and_lists_them(pool: PgPool) {
    let world = World::new(pool);
    let anna = world.person("anna@acme.example", "password").await;
    // Who is in none makes one.
    world
        .send(anna, "GET", "/api/org", Value::Null)
        .await
        .problem(403, "auth.forbidden");
    let path = "/api/user/orgs";
    let made = world.post(anna, path, json!({"name": "Acme & Sons"})).await;
    assert_eq!(made.headers["etag"], "\"1\"");
    let made = made.ok(201);
    assert_eq!(made["slug"], "acme-sons");
    let second = world.post(anna, path, json!({"name": "Acme Sons"})).await.ok(201);
    assert_eq!(second["slug"], "acme-sons-2");
    let named = json!({"name": "Third", "slug": "acme-sons"});
    world.post(anna, path, named).await.problem(409, "name.taken");
    for (body, field) in [
        (json!({"name": "A"}), "name"),
        (json!({"name": "Acme", "slug": "www"}), "slug"),
        (json!({"name": "Acme", "slug": "ab"}), "slug"),
    ] {
        let refused = world.post(anna, path, body).await;
        assert_eq!(refused.body["fields"][0]["field"], field);
        refused.problem(400, "request.invalid");
    }
    let first = world
        .send(anna, "GET", "/api/user/orgs?limit=1", Value::Null)
        .await
        .ok(200);
    let cursor = first["nextCursor"].as_str().unwrap();
    assert_eq!(
        (
            &first["data"][0]["slug"],
            &first["data"][0]["role"],
            &first["data"][0]["isOwner"]
        ),
        (&json!("acme-sons"), &json!("Owner"), &json!(true))
    );
    let rest = format!("/api/user/orgs?limit=1&cursor={cursor}");
    let rest = world.send(anna, "GET", &rest, Value::Null).await.ok(200);
    assert_eq!(rest["data"][0]["slug"], "acme-sons-2");
    assert_eq!(rest["hasMore"], false);
    // It stands in the record of the new organization.
    let id: OrganizationId = serde_json::from_value(made["id"].clone()).unwrap();
    assert_eq!(
        world.recorded(id).await,
        [("org.created".to_owned(), "anna@acme.example".to_owned())]
    );
}

#[sqlx::test(migrations = "../store/migrations")]
async fn an_organization_is_handed_over(pool: PgPool) {
    let world = World::new(pool);
    let (id, owner) = world.organization("acme").await;
    let admin = world.member(id, "admin@acme.example", SystemRole::Admin).await;
    let path = "/api/org/transfer";
    let to = |person: Person| json!({"userId": person.id});
    world
        .post(admin, path, to(admin))
        .await
        .problem(403, "auth.forbidden");
    world
        .post(owner, path, to(owner))
        .await
        .problem(409, "state.conflict");
    let stranger = world.person("stranger@other.example", "password").await;
    world
        .post(owner, path, to(stranger))
        .await
        .problem(400, "request.invalid");
    let two = world.post(owner, path, to(admin)).await.ok(200);
    let role = |n: usize| {
        (
            two["data"][n]["userId"].clone(),
            two["data"][n]["role"]["name"].clone(),
        )
    };
    assert_eq!(role(0), (json!(admin.id), json!("Owner")));
    assert_eq!(role(1), (json!(owner.id), json!("Admin")));
    world
        .post(owner, path, to(owner))
        .await
        .problem(403, "auth.forbidden");
    assert_eq!(world.owners(id).await, [admin.id]);
    assert_eq!(world.recorded(id).await.last().unwrap().0, "org.transferred");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn of_two_transfers_at_once_one_is_made(pool: PgPool) {
    let world = World::new(pool);
    let (id, owner) = world.organization("acme").await;
    let one = world.member(id, "one@acme.example", SystemRole::Viewer).await;
    let two = world.member(id, "two@acme.example", SystemRole::Viewer).await;
    // Both were let in while the owner still was.
    let by = world.principal(owner, None).await;
    let transfer = |to: Person| {
        let (world, by) = (&world, by.clone());
        async move {
            let body = json!({"userId": to.id});
            world
                .sent(Some(by), "POST", "/api/org/transfer", Some(&body))
                .await
        }
    };
    let replies = futures::join!(transfer(one), transfer(two));
    let mut statuses = [replies.0.status.as_u16(), replies.1.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403]);
    let owners = world.owners(id).await;
    assert!(owners == [one.id] || owners == [two.id]);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn members_leave_and_the_owner_does_not(pool: PgPool) {
    let world = World::new(pool);
    let (id, owner) = world.organization("acme").await;
    let viewer = world.member(id, "viewer@acme.example", SystemRole::Viewer).await;
    let leave = "/api/members/leave";
    world
        .post(owner, leave, Value::Null)
        .await
        .problem(409, "state.conflict");
    assert_eq!(world.post(viewer, leave, Value::Null).await.status, 204);
    world
        .post(viewer, leave, Value::Null)
        .await
        .problem(403, "auth.forbidden");
    assert_eq!(
        world.recorded(id).await,
        [("member.left".to_owned(), "viewer@acme.example".to_owned())]
    );
    // Nobody removes themselves by the other way.
    let admin = world.member(id, "admin@acme.example", SystemRole::Admin).await;
    let path = format!("/api/members/{}", admin.id);
    world
        .send(admin, "DELETE", &path, Value::Null)
        .await
        .problem(409, "state.conflict");
    assert_eq!(world.send(owner, "DELETE", &path, Value::Null).await.status, 204);
    world
        .send(admin, "GET", "/api/org", Value::Null)
        .await
        .problem(403, "auth.forbidden");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn only_an_empty_organization_is_deleted_and_only_by_its_owner(pool: PgPool) {
    let world = World::new(pool.clone());
    let (id, owner) = world.organization("acme").await;
    let admin = world.member(id, "admin@acme.example", SystemRole::Admin).await;
    let delete = async |by: Person, query: &str| {
        world
            .send(by, "DELETE", &format!("/api/org{query}"), Value::Null)
            .await
    };
    delete(admin, "?confirm=acme")
        .await
        .problem(403, "auth.forbidden");
    for unconfirmed in ["", "?confirm=", "?confirm=other"] {
        let reply = delete(owner, unconfirmed).await;
        reply.problem(400, "request.confirmation_missing");
    }
    let server = ServerId::new();
    sqlx::query(
        "insert into servers (id, organization_id, name, host, port, ssh_user, auth_method, postgres_password_sealed,
             max_ssh_sessions, status)
         values ($1, $2, 'one', 'h', 22, 'root', 'local', '', 8, 'active')",
    )
    .bind(server.uuid())
    .bind(id.uuid())
    .execute(&pool)
    .await
    .unwrap();
    let detail = delete(owner, "?confirm=acme")
        .await
        .problem(409, "resource.in_use");
    assert!(detail.contains("1 server and 0 instances"), "{detail}");
    sqlx::query("update servers set status = 'removed'")
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(delete(owner, "?confirm=acme").await.status, 204);
    assert!(world.owners(id).await.is_empty());
    for by in [owner, admin] {
        let mine = world.send(by, "GET", "/api/user/orgs", Value::Null).await.ok(200);
        assert_eq!(mine["data"], json!([]));
    }
    assert_eq!(world.recorded(id).await.last().unwrap().0, "org.deleted");
    let again = world.post(admin, "/api/user/orgs", json!({"name": "Acme"})).await;
    assert_eq!(again.ok(201)["slug"], "acme");
    // What the installation began with stays.
    let first = world
        .member(OrganizationId::DEFAULT, "first@acme.example", SystemRole::Owner)
        .await;
    delete(first, "?confirm=default")
        .await
        .problem(409, "state.conflict");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn an_organization_with_all_it_has_is_deleted_by_an_operation(pool: PgPool) {
    let world = World::new(pool.clone());
    let (id, owner) = world.organization("acme").await;
    let admin = world.member(id, "admin@acme.example", SystemRole::Admin).await;
    let send = async |by: Person, method: &str, path: &str| world.send(by, method, path, Value::Null).await;
    let path = "/api/org?confirm=acme&cascade=true";
    send(admin, "DELETE", path).await.problem(403, "auth.forbidden");
    send(owner, "DELETE", "/api/org?cascade=true")
        .await
        .problem(400, "request.confirmation_missing");
    let alone = send(owner, "DELETE", "/api/org?confirm=acme&keepDump=false").await;
    alone.problem(400, "request.invalid");
    let begun = send(owner, "DELETE", path).await.ok(202);
    let operation = begun["operation"]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        (
            &begun["operation"]["kind"],
            &begun["operation"]["subjectKind"],
            &begun["organization"]["deletionOperationId"]
        ),
        (
            &json!("organization_delete"),
            &json!("organization"),
            &json!(operation)
        )
    );
    let titles: Vec<_> = begun["operation"]["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        titles,
        [
            "end_operations",
            "delete_instances",
            "remove_servers",
            "delete_organization"
        ]
    );
    // Whoever may look at operations may follow it; only the owner stops it.
    let shown = format!("/api/operations/{operation}");
    send(admin, "GET", &shown).await.ok(200);
    let cancel = format!("{shown}/cancel");
    world
        .post(admin, &cancel, json!({}))
        .await
        .problem(403, "auth.forbidden");
    // It is not begun twice, and nothing new is made meanwhile.
    let twice = send(owner, "DELETE", path).await;
    assert_eq!(twice.body["operationId"], operation.as_str());
    twice.problem(409, "operation.in_progress");
    let developer = world.role(id, SystemRole::Developer).await;
    for (path, body) in [
        ("/api/servers", json!({"name": "late", "authMethod": "local"})),
        (
            "/api/roles",
            json!({"name": "Late", "permissionIds": ["view:servers"]}),
        ),
        (
            "/api/api-keys",
            json!({"name": "late", "permissions": ["view:servers"]}),
        ),
        (
            "/api/members/invite",
            json!({"email": "late@acme.example", "roleId": developer}),
        ),
        ("/api/invite-links", json!({"roleId": developer})),
    ] {
        let refused = world.post(owner, path, body).await;
        let detail = refused.problem(409, "operation.in_progress");
        assert!(detail.contains("is being deleted"), "{path}: {detail}");
    }
    world.post(owner, &cancel, json!({})).await.ok(202);
    let organization = send(owner, "GET", "/api/org").await.ok(200);
    assert_eq!(organization["deletionOperationId"], Value::Null);
    // Begun again as what it was.
    let again = world
        .post(owner, &format!("{shown}/retry"), json!({}))
        .await
        .ok(202);
    assert_eq!(again["retryOf"], operation.as_str());
    let organization = send(owner, "GET", "/api/org").await.ok(200);
    assert_eq!(organization["deletionOperationId"], again["id"]);
    let actions: Vec<String> = world.recorded(id).await.into_iter().map(|it| it.0).collect();
    assert_eq!(
        actions,
        [
            "org.deletion_requested",
            "operation.cancelled",
            "operation.retried"
        ]
    );
    // At the end it is recorded as done by who asked for it.
    let record: Value = sqlx::query_scalar("select params -> 'record' from operations where id = $1::uuid")
        .bind(uuid::Uuid::parse_str(&operation).unwrap())
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(
        (&record["action"], &record["userId"], &record["resourceId"]),
        (&json!("org.deleted"), &json!(owner.id), &json!(id))
    );
    let first = world
        .member(OrganizationId::DEFAULT, "first@acme.example", SystemRole::Owner)
        .await;
    send(first, "DELETE", "/api/org?confirm=default&cascade=true")
        .await
        .problem(409, "state.conflict");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn who_is_invited_comes_in(pool: PgPool) {
    let world = World::new(pool);
    let (id, owner) = world.organization("acme").await;
    let developer = world.role(id, SystemRole::Developer).await;
    let body =
        json!({"email": "anna@acme.example", "roleId": developer, "scope": {"environments": ["staging"]}});
    let sent = world.post(owner, "/api/members/invite", body).await.ok(201);
    assert_eq!(
        sent["invitedBy"],
        json!({"id": owner.id, "name": "owner@acme.example"})
    );
    let token = sent["link"]
        .as_str()
        .unwrap()
        .strip_prefix("https://ocore.example/invitations/")
        .unwrap();
    let lookup = format!("/api/invitations/lookup?token={token}");
    let shown = world.sent(None, "GET", &lookup, None).await.ok(200);
    assert_eq!(
        (&shown["organization"]["name"], &shown["inviter"]),
        (&json!("acme"), &json!("owner@acme.example"))
    );
    let accept = "/api/invitations/accept";
    let body = json!({"token": token});
    let bert = world.person("bert@acme.example", "password").await;
    world
        .post(bert, accept, body.clone())
        .await
        .problem(403, "auth.forbidden");
    let anna = world.person("Anna@acme.example", "password").await;
    let accepted = world.post(anna, accept, body.clone()).await.ok(200);
    assert_eq!(accepted["organization"]["slug"], "acme");
    world
        .post(anna, accept, body)
        .await
        .problem(400, "auth.invalid_link");
    world
        .sent(None, "GET", &lookup, None)
        .await
        .problem(400, "auth.invalid_link");
    // She is in, with the limits, and so with nothing of the whole.
    let membership = world.principal(anna, None).await.membership.unwrap();
    assert!(!membership.is_owner && !membership.scope.is_whole());
    world
        .send(anna, "GET", "/api/members", Value::Null)
        .await
        .problem(403, "auth.forbidden");
    world
        .send(anna, "GET", "/api/instances", Value::Null)
        .await
        .ok(200);
    assert_eq!(
        world.recorded(id).await,
        [
            ("member.invited".to_owned(), "owner@acme.example".to_owned()),
            ("member.joined".to_owned(), "Anna@acme.example".to_owned())
        ]
    );
}

#[sqlx::test(migrations = "../store/migrations")]
async fn who_has_the_link_joins(pool: PgPool) {
    let world = World::new(pool.clone());
    let (id, owner) = world.organization("acme").await;
    let viewer = world.role(id, SystemRole::Viewer).await;
    let body = json!({"roleId": viewer, "maxUses": 1});
    let link = world.post(owner, "/api/invite-links", body).await.ok(201);
    let join = "/api/invite-links/join";
    let body = json!({"code": link["code"]});
    // Who is in already uses nothing up.
    world
        .post(owner, join, body.clone())
        .await
        .problem(409, "state.conflict");
    let wrong = world.post(owner, join, json!({"code": "wrong"})).await;
    wrong.problem(400, "auth.invalid_link");
    let anna = world.person("anna@acme.example", "password").await;
    let joined = world.post(anna, join, body.clone()).await.ok(200);
    assert_eq!(joined["organization"]["id"], json!(id));
    let bert = world.person("bert@acme.example", "password").await;
    world
        .post(bert, join, body)
        .await
        .problem(400, "auth.invalid_link");
    for spoil in ["revoked_at = now()", "expires_at = now()"] {
        let link = world
            .post(owner, "/api/invite-links", json!({"roleId": viewer}))
            .await
            .ok(201);
        let spoiled = format!("update invite_links set {spoil} where use_count = 0");
        sqlx::query(sqlx::AssertSqlSafe(spoiled))
            .execute(&pool)
            .await
            .unwrap();
        let late = world.post(bert, join, json!({"code": link["code"]})).await;
        late.problem(400, "auth.invalid_link");
    }
    assert_eq!(world.recorded(id).await[1].0, "member.joined");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn nobody_raises_themselves(pool: PgPool) {
    let world = World::new(pool);
    let (id, owner) = world.organization("acme").await;
    let clerk = world.member(id, "clerk@acme.example", SystemRole::Viewer).await;
    let body =
        json!({"name": "Clerk", "permissionIds": ["manage:roles", "manage:members", "manage:api_keys"]});
    let role = world.post(owner, "/api/roles", body).await.ok(201);
    let own = format!("/api/members/{}/role", clerk.id);
    let body = json!({"roleId": role["id"]});
    world.send(owner, "PUT", &own, body).await.ok(200);

    let own_role = format!("/api/roles/{}", role["id"].as_str().unwrap());
    let raise = json!({"permissionIds": ["manage:roles", "manage:members", "manage:servers"]});
    let raised = world.send(clerk, "PUT", &own_role, raise).await;
    raised.problem(403, "auth.forbidden");
    for stronger in [SystemRole::Admin, SystemRole::Owner, SystemRole::Viewer] {
        let body = json!({"roleId": world.role(id, stronger).await});
        let raised = world.send(clerk, "PUT", &own, body).await;
        raised.problem(403, "auth.forbidden");
    }
    let key = json!({"name": "key", "permissions": ["manage:servers"]});
    world
        .post(clerk, "/api/api-keys", key)
        .await
        .problem(403, "auth.forbidden");
    let key = json!({"name": "key", "permissions": ["manage:members"]});
    let key = world.post(clerk, "/api/api-keys", key).await.ok(201);
    assert_eq!(key["createdBy"]["id"], json!(clerk.id));
    // To make less of what one has is nobody's harm.
    let lower = json!({"permissionIds": ["manage:members"]});
    world.send(clerk, "PUT", &own_role, lower).await.ok(200);
    world
        .send(clerk, "GET", "/api/roles", Value::Null)
        .await
        .problem(403, "auth.forbidden");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn nobody_shuts_themselves_out(pool: PgPool) {
    let world = World::new(pool);
    let (id, owner) = world.organization("acme").await;
    let path = "/api/org/settings";
    let require = json!({"requirePasskey": true});
    world
        .send(owner, "PUT", path, require.clone())
        .await
        .problem(403, "auth.passkey_required");
    let keyed = world.person("keyed@acme.example", "passkey").await;
    let mut conn = world.pool.acquire().await.unwrap();
    let admin = roles::system(&mut conn, id, SystemRole::Admin)
        .await
        .unwrap()
        .unwrap();
    members::add(&mut conn, id, keyed.id, admin, None).await.unwrap();
    world.send(keyed, "PUT", path, require).await.ok(200);
    world
        .send(owner, "GET", path, Value::Null)
        .await
        .problem(403, "auth.passkey_required");
    world
        .send(owner, "GET", "/api/user/orgs", Value::Null)
        .await
        .ok(200);
}
