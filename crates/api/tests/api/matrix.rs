//! Every route × every kind of caller × their own and a foreign organization, made from the router itself: a route that
//! is added is asked here too.

use std::collections::BTreeMap;

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use chrono::TimeDelta;
use ocore_api::{Requirement, Route};
use ocore_domain::{
    InstanceId, OperationId, OrganizationId, ServerId,
    access::{Action, Permission, Permissions, Resource, Scope, SystemRole},
    instance::{Edition, EnvironmentType, Settings},
    server::{AuthMethod, ServerStatus},
};
use ocore_store::{
    Place, Sealer, Store, agents,
    instances::{self, NewInstance, Secrets},
    servers::{self, Credentials, NewServer},
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{callers, support::Client};

/// Stands in everything that is the other organization's.
const CANARY: &str = "foreign-canary";

/// What is one organization's, to be named in paths.
struct Belongings {
    organization: OrganizationId,
    server: ServerId,
    instance: InstanceId,
    operation: OperationId,
    /// By the names of parameters and the beginnings of paths: see [`Belongings::fill`].
    others: BTreeMap<&'static str, String>,
}

impl Belongings {
    /// A server, an instance and an operation, and one of everything else.
    async fn make(pool: &PgPool, organization: OrganizationId, name: &str) -> Self {
        let store = Store::new(pool.clone(), Sealer::new(&"k".repeat(32).into(), &[]));
        let (server, instance) = rows(&store, organization, name).await;
        let operation = OperationId::new();
        for statement in [
            format!(
                "insert into operations (id, organization_id, kind, subject_kind, subject_id, subject_name, server_id,
                     state, finished_at)
                 values ('{operation}', '{organization}', 'instance_start', 'instance', '{instance}', '{name} instance',
                     '{server}', 'failed', now())"
            ),
            format!(
                "insert into operation_events (operation_id, seq, at, level, line)
                 values ('{operation}', 1, now(), 'output', '{name} line')"
            ),
            format!(
                "insert into final_dumps (id, organization_id, instance_id, server_id, database_path, filestore_path,
                     size_bytes, expires_at)
                 values (gen_random_uuid(), '{organization}', '{instance}', '{server}', '{name}', '{name}', 1,
                     now() + interval '1 day')"
            ),
            format!(
                "insert into activity (organization_id, subject_kind, subject_id, kind, message)
                 values ('{organization}', 'server', '{server}', 'server.rebooted', '{name} rebooted')"
            ),
            format!(
                "select ocore_audit('{organization}', json_build_object('atMicros', 0, 'action', 'test.written', 'userName',
                     '{name} person', 'actorType', 'system'))"
            ),
        ] {
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
                .execute(pool)
                .await
                .unwrap();
        }
        let others = others(pool, organization, name).await;
        Self {
            organization,
            server,
            instance,
            operation,
            others,
        }
    }

    /// A route's path with what is this organization's in it.
    fn fill(&self, path: &str) -> String {
        // A person's own things, and what is nobody's yet.
        for (begin, id) in [
            ("/api/auth/oauth/", "none"),
            ("/api/auth/device/", "BBBBBBBB"),
            ("/api/user/connected-accounts/", "none"),
            ("/api/user/", self.others["session"].as_str()),
        ] {
            if path.starts_with(begin) {
                return fill(path, id);
            }
        }
        let id = match path.split('/').nth(2).unwrap_or_default() {
            "servers" => self.server.to_string(),
            "instances" => self.instance.to_string(),
            "operations" => self.operation.to_string(),
            other if path.contains('{') => self.others.get(other).cloned().unwrap_or_else(|| {
                panic!("say in `Belongings::make` what stands in the parameters of {path}")
            }),
            _ => String::new(),
        };
        fill(path, &id)
    }
}

fn fill(path: &str, id: &str) -> String {
    let mut filled = path.replace("{kind}", "instance_start");
    while let (Some(open), Some(close)) = (filled.find('{'), filled.find('}')) {
        filled.replace_range(open..=close, id);
    }
    filled
}

async fn rows(store: &Store, organization_id: OrganizationId, name: &str) -> (ServerId, InstanceId) {
    let mut conn = store.connection().await.unwrap();
    let server = NewServer {
        organization_id,
        name: format!("{name} server"),
        description: String::new(),
        host: "192.0.2.1".to_owned(),
        port: 22,
        ssh_user: "root".to_owned(),
        auth_method: AuthMethod::Password,
        credentials: Credentials {
            password: Some(format!("{name} password").into()),
            ..Credentials::default()
        },
        max_ssh_sessions: 8,
        postgres_password: "p".to_owned().into(),
    };
    let server = servers::insert(&mut conn, store.sealer(), &server).await.unwrap();
    servers::set_status(&mut conn, server, ServerStatus::Active, None)
        .await
        .unwrap();
    let instance = NewInstance {
        organization_id,
        server_id: server,
        name: format!("{name} instance"),
        slug: name.parse().unwrap(),
        odoo_version: "19.0".to_owned(),
        odoo_edition: Edition::Community,
        environment_type: EnvironmentType::Production,
        settings: Settings::new("odoo:19".to_owned(), 0, 1 << 30),
        secrets: Secrets {
            environment: [("NAME".to_owned(), format!("{name} value").into())].into(),
            database_password: "p".to_owned().into(),
            master_password: "p".to_owned().into(),
            admin_password: None,
        },
        placement_group: None,
        anti_affinity: false,
        disk_bytes: 1 << 30,
    };
    let instance = instances::insert(&mut conn, store.sealer(), &instance)
        .await
        .unwrap();
    (server, instance)
}

/// A member, a role, an invitation, a link and a key, by the paths that name them.
async fn others(pool: &PgPool, organization: OrganizationId, name: &str) -> BTreeMap<&'static str, String> {
    let permissions = [Permission::view(Resource::Servers)].into_iter().collect();
    callers::role(pool, organization, &format!("{name} role"), &permissions).await;
    let (user, _) = callers::person(pool, name).await;
    callers::join(
        pool,
        user,
        organization,
        &format!("{name} role"),
        &Scope::default(),
    )
    .await;
    let key = callers::key(
        pool,
        organization,
        permissions,
        Scope::default(),
        TimeDelta::hours(1),
    )
    .await;
    drop(key);
    sqlx::query(
        "insert into invitations (id, organization_id, email, role_id, hash, expires_at)
         select gen_random_uuid(), $1, $2 || '@example.com', id, sha256($2::bytea), now() + interval '1 day'
         from roles where organization_id = $1 and name = 'Viewer'",
    )
    .bind(organization.uuid())
    .bind(name)
    .execute(pool)
    .await
    .unwrap();
    let sealer = Sealer::new(&"k".repeat(32).into(), &[]);
    let link = uuid::Uuid::now_v7();
    let place = Place {
        organization,
        table: "invite_links",
        row: link,
        column: "code",
    };
    let code = sealer.seal(place, name.as_bytes()).unwrap();
    sqlx::query(
        "insert into invite_links (id, organization_id, role_id, hash, code_sealed, max_uses)
         select $3, $1, id, sha256($2::bytea), $4, 0 from roles where organization_id = $1 and name = 'Viewer'",
    )
    .bind(organization.uuid())
    .bind(name)
    .bind(link)
    .bind(code)
    .execute(pool)
    .await
    .unwrap();
    let session = callers::session(pool, user).await;
    let alerts = alerts(pool, organization, name, user.uuid()).await;
    let mut others = BTreeMap::from([
        // The same id for the rule and the alert, a channel and a delivery.
        ("monitoring", alerts.to_string()),
        ("notification-channels", alerts.to_string()),
        ("notification-deliveries", alerts.to_string()),
        ("notifications", alerts.to_string()),
        ("members", user.to_string()),
        ("session", session.to_string()),
        // Nobody here administers the installation: whatever it names, they are refused.
        ("admin", organization.to_string()),
    ]);
    for (path, table) in [
        ("roles", "roles"),
        ("invitations", "invitations"),
        ("invite-links", "invite_links"),
        ("api-keys", "api_keys"),
    ] {
        let id: uuid::Uuid = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "select id from {table} where organization_id = '{organization}' order by created_at desc limit 1"
        )))
        .fetch_one(pool)
        .await
        .unwrap();
        others.insert(path, id.to_string());
    }
    others
}

/// A rule, an alert, a channel, a delivery and something told to a person, all with the same id.
async fn alerts(pool: &PgPool, organization: OrganizationId, name: &str, user: uuid::Uuid) -> uuid::Uuid {
    let id = uuid::Uuid::now_v7();
    let (organization, notice) = (
        organization.uuid(),
        json!({
            "kind": "test", "eventId": null, "rule": name, "metric": "test", "severity": "info", "subjectKind": "server",
            "subjectId": id, "subjectName": name, "message": format!("{name} message"), "value": null, "threshold": null,
            "culprits": [], "openedAt": "2026-01-01T00:00:00Z", "resolvedAt": null,
        }),
    );
    for statement in [
        format!(
            "insert into alert_rules (id, organization_id, name, metric, subject_kind, operator, threshold,
                 clear_threshold, minutes, severity, server_ids)
             select '{id}', '{organization}', '{name} rule', 'cpuUsagePercent', 'server', 'gt', 90, 80, 5, 'warning',
                 array_agg(id) from servers where organization_id = '{organization}' and name = '{name} server'"
        ),
        format!(
            "insert into alert_events (id, organization_id, rule_id, rule_name, metric, severity, subject_kind,
                 subject_id, subject_name, server_id, opened_at, message)
             select '{id}', '{organization}', '{id}', '{name} rule', 'cpuUsagePercent', 'warning', 'server', id, name, id,
                 now(), '{name} message' from servers where organization_id = '{organization}' and name = '{name} server'"
        ),
        format!(
            "insert into notification_channels (id, organization_id, name, kind, config)
             values ('{id}', '{organization}', '{name} channel', 'email', '{{\"to\": [\"{name}@example.com\"]}}')"
        ),
        format!(
            "insert into notification_deliveries (id, organization_id, channel_id, event_id, kind, target, payload, state)
             values ('{id}', '{organization}', '{id}', '{id}', 'test', '{name}@example.com', '{notice}', 'failed')"
        ),
        format!(
            "insert into user_notifications (id, user_id, organization_id, category, severity, title, body)
             values ('{id}', '{user}', '{organization}', 'alerts', 'info', '{name} title', '{name} body')"
        ),
    ] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(pool).await.unwrap();
    }
    id
}

/// Lists in which a limited grant sees nothing of its part: numbers, and what is the whole organization's.
const WITHOUT_A_PART: &[&str] = &[
    "/api/checklist",
    "/api/counts/instances",
    "/api/counts/servers",
    "/api/monitoring/alerts/count",
    "/api/notification-channels",
    "/api/notification-deliveries",
];

/// A body with which a call on something foreign would come as far as to look for it.
fn body(route: &Route) -> Option<Value> {
    match (route.method, route.path.as_str()) {
        ("POST", path) if path.ends_with("/control") => Some(json!({"action": "stop"})),
        ("PUT", "/api/members/{userId}/role") => Some(json!({"roleId": ocore_domain::RoleId::new()})),
        ("POST", path)
            if ["/cancel", "/retry", "/cordon", "/uncordon", "/drain"]
                .iter()
                .any(|end| path.ends_with(end)) =>
        {
            None
        }
        ("PUT" | "PATCH" | "POST", _) => Some(json!({})),
        _ => None,
    }
}

/// Somebody who calls.
struct Caller {
    name: String,
    token: Option<String>,
    /// The header `X-Org-Slug`.
    slug: Option<&'static str>,
    /// What they have in the organization; none: their credentials are good for nothing.
    has: Option<Has>,
}

#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent property")]
struct Has {
    permissions: Permissions,
    is_owner: bool,
    is_person: bool,
    is_server_admin: bool,
    is_member: bool,
    is_limited: bool,
    is_agent: bool,
}

impl Has {
    fn role(permissions: Permissions) -> Self {
        Self {
            permissions,
            is_owner: false,
            is_person: true,
            is_server_admin: false,
            is_member: true,
            is_limited: false,
            is_agent: false,
        }
    }

    /// The agent of a server: no person, and no member of anything.
    fn agent() -> Self {
        Self {
            is_person: false,
            is_member: false,
            is_agent: true,
            ..Self::role(Permissions::default())
        }
    }

    fn key(permissions: Permissions) -> Self {
        Self {
            is_person: false,
            ..Self::role(permissions)
        }
    }

    fn meets(&self, requirement: Requirement) -> bool {
        match requirement {
            Requirement::Anyone => true,
            Requirement::SignedIn => self.is_person,
            Requirement::Member => self.is_member,
            Requirement::Permission(wanted) => {
                let holds = if self.is_limited {
                    self.permissions.in_part().allow(wanted)
                } else {
                    self.permissions.allow(wanted)
                };
                self.is_member && holds
            }
            Requirement::Owner => self.is_member && self.is_owner,
            Requirement::ServerAdmin => self.is_server_admin,
            Requirement::Agent => self.is_agent,
        }
    }
}

/// Everybody there can be, of the organization `mine`.
async fn callers(pool: &PgPool, mine: OrganizationId, own: &Belongings) -> Vec<Caller> {
    let mut callers = Vec::new();
    let mut add = |name: &str, token: Option<String>, has: Option<Has>| {
        callers.push(Caller {
            name: name.to_owned(),
            token,
            slug: None,
            has,
        });
    };
    add("nobody", None, None);
    add("a forged token", Some("x.y.z".to_owned()), None);
    add("an unknown key", Some(format!("ocore_{}", "0".repeat(64))), None);
    for &role in SystemRole::ALL {
        let (_, token) = callers::member(pool, mine, role.as_str(), &Scope::default()).await;
        let has = Has {
            is_owner: role == SystemRole::Owner,
            ..Has::role(role.permissions())
        };
        add(role.as_str(), Some(token), Some(has));
    }
    callers::role(pool, mine, "Nothing", &Permissions::default()).await;
    let (_, token) = callers::member(pool, mine, "Nothing", &Scope::default()).await;
    add(
        "a role without permissions",
        Some(token),
        Some(Has::role(Permissions::default())),
    );
    for resource in Resource::ALL {
        let only: Permissions = [Permission::manage(*resource)].into_iter().collect();
        let token = callers::key(pool, mine, only.clone(), Scope::default(), TimeDelta::hours(1)).await;
        add(&format!("a key to {resource}"), Some(token), Some(Has::key(only)));
    }
    let limited = Scope {
        instances: Some([own.instance].into()),
        ..Scope::default()
    };
    let token = callers::key(
        pool,
        mine,
        Permissions::all(),
        limited.clone(),
        TimeDelta::hours(1),
    )
    .await;
    let has = Has {
        is_limited: true,
        ..Has::key(Permissions::all())
    };
    add("a limited key", Some(token), Some(has));
    let (_, token) = callers::member(pool, mine, "Admin", &limited).await;
    let has = Has {
        is_limited: true,
        ..Has::role(Permissions::all())
    };
    add("a limited administrator", Some(token), Some(has));
    let token = callers::key(
        pool,
        mine,
        Permissions::all(),
        Scope::default(),
        TimeDelta::seconds(-1),
    )
    .await;
    add("an expired key", Some(token), None);
    let (user, _) = callers::person(pool, "late").await;
    callers::join(pool, user, mine, "Admin", &Scope::default()).await;
    let session = callers::session(pool, user).await;
    let token = callers::access_token(user, session, TimeDelta::seconds(-5));
    add("an expired access token", Some(token), None);
    let session = callers::session(pool, user).await;
    sqlx::query("update sessions set revoked_at = now() where id = $1")
        .bind(session.uuid())
        .execute(pool)
        .await
        .unwrap();
    let token = callers::access_token(user, session, TimeDelta::hours(1));
    add("a revoked session", Some(token), None);
    let (_, token) = callers::person(pool, "stranger").await;
    let has = Has {
        is_member: false,
        ..Has::role(Permissions::default())
    };
    add("a person in no organization", Some(token), Some(has));
    let mut conn = pool.acquire().await.unwrap();
    let token = agents::enroll(&mut conn, mine, own.server).await.unwrap();
    add(
        "the agent of a server",
        Some(token.expose_secret().to_owned()),
        Some(Has::agent()),
    );
    let unknown = format!("{}{}", agents::TOKEN, "0".repeat(64));
    add("an unknown agent", Some(unknown), None);
    callers
}

/// Sends a request and reads its answer, but for streams, which have no end.
async fn ask(client: &Client, caller: &Caller, route: &Route, path: &str) -> (StatusCode, String) {
    let mut request = Request::builder().method(route.method).uri(path);
    if let Some(token) = &caller.token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if let Some(slug) = caller.slug {
        request = request.header("x-org-slug", slug);
    }
    let body = body(route);
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    let reply = client.raw(request.body(body).unwrap()).await;
    (reply.status, reply.text)
}

/// What of one's own must not be called here: it would take away what the next call needs.
fn spoils(route: &Route) -> bool {
    ["/logout", "/leave", "/user/sessions"]
        .iter()
        .any(|end| route.path.contains(end))
}

struct World {
    own: Belongings,
    foreign: Belongings,
    callers: Vec<Caller>,
}

async fn world(pool: &PgPool) -> World {
    let mine = callers::organization(pool, "Mine", "mine").await;
    let theirs = callers::organization(pool, CANARY, CANARY).await;
    let own = Belongings::make(pool, mine, "own").await;
    let foreign = Belongings::make(pool, theirs, CANARY).await;
    callers::member(pool, theirs, "Owner", &Scope::default()).await;
    let callers = callers(pool, mine, &own).await;
    World {
        own,
        foreign,
        callers,
    }
}

/// Everything of an organization, as one text.
async fn everything(pool: &PgPool, organization: OrganizationId) -> String {
    let mut all = String::new();
    for table in [
        "organizations",
        "servers",
        "instances",
        "operations",
        "final_dumps",
        "activity",
        "members",
        "roles",
        "api_keys",
        "alert_rules",
        "alert_events",
        "notification_channels",
        "notification_deliveries",
        "user_notifications",
    ] {
        let column = if table == "organizations" {
            "id"
        } else {
            "organization_id"
        };
        let rows: Option<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "select string_agg(t::text, ';' order by t::text) from {table} t where {column} = '{organization}'"
        )))
        .fetch_one(pool)
        .await
        .unwrap();
        all += &rows.unwrap_or_default();
    }
    all
}

#[sqlx::test(migrations = "../store/migrations")]
async fn everybody_may_do_what_they_may_and_nothing_else(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    let World {
        own,
        foreign,
        callers,
    } = world(&pool).await;
    let before = everything(&pool, foreign.organization).await;
    let mut asked = 0;
    for route in ocore_api::table() {
        for caller in &callers {
            let meets = caller.has.as_ref().map(|has| has.meets(route.requirement));
            let where_ = |path: &str| format!("{} {path} by {}", route.method, caller.name);
            if !spoils(&route) {
                let path = own.fill(&route.path);
                let (status, text) = ask(&client, caller, &route, &path).await;
                let at = where_(&path);
                assert!(
                    !status.is_server_error() || status == 502,
                    "{at}: {status} {text}"
                );
                assert!(!text.contains(CANARY), "{at} shows what is foreign: {text}");
                match (route.requirement, meets) {
                    (Requirement::Anyone, _) => assert_ne!(status, 403, "{at}: {text}"),
                    (_, None) => assert_eq!(status, 401, "{at}: {text}"),
                    (_, Some(false)) => assert_eq!(status, 403, "{at}: {text}"),
                    (_, Some(true)) => {
                        assert_ne!(status, 401, "{at}: {text}");
                        // Beyond the route's own, some calls take more: to manage what an operation works on, and
                        // to have what one gives. The owner has it all.
                        let more = route.method != "GET" && !has_everything(caller);
                        assert!(status != 403 || more || is_limited(caller), "{at}: {text}");
                    }
                }
                asked += 1;
            }
            if route.path.contains('{') && route.requirement != Requirement::Anyone {
                let path = foreign.fill(&route.path);
                let (status, text) = ask(&client, caller, &route, &path).await;
                let at = where_(&path);
                assert!(
                    !text.contains(CANARY) || text.contains("request.invalid"),
                    "{at}: {text}"
                );
                match meets {
                    None => assert_eq!(status, 401, "{at}: {text}"),
                    Some(false) => assert_eq!(status, 403, "{at}: {text}"),
                    // A code of a device that is not there may have been there.
                    Some(true) if route.path.starts_with("/api/auth/device/") => {
                        assert!([400, 403, 429].contains(&status.as_u16()), "{at}: {text}");
                    }
                    Some(true) => assert_eq!(status, 404, "{at}: {text}"),
                }
                asked += 1;
            }
        }
    }
    assert!(asked > 700, "{asked}");
    assert_eq!(before, everything(&pool, foreign.organization).await);
}

fn has_everything(caller: &Caller) -> bool {
    caller
        .has
        .as_ref()
        .is_some_and(|has| has.permissions == Permissions::all())
}

fn is_limited(caller: &Caller) -> bool {
    caller.has.as_ref().is_some_and(|has| has.is_limited)
}

/// With the first wall taken away, the second one holds alone.
#[sqlx::test(migrations = "../store/migrations")]
async fn without_the_permission_check_nobody_sees_foreign_rows(pool: PgPool) {
    let client = Client::unguarded(pool.clone()).await;
    let World { foreign, callers, .. } = world(&pool).await;
    let before = everything(&pool, foreign.organization).await;
    let (mut asked, mut let_in) = (0, 0);
    for route in ocore_api::table() {
        // What belongs to no organization has no second wall.
        if matches!(
            route.requirement,
            Requirement::Anyone | Requirement::SignedIn | Requirement::ServerAdmin | Requirement::Agent
        ) {
            continue;
        }
        for caller in callers.iter().filter(|caller| caller.has.is_some()) {
            let path = foreign.fill(&route.path);
            let (status, text) = ask(&client, caller, &route, &path).await;
            let at = format!("{} {path} by {}", route.method, caller.name);
            assert!(!text.contains(CANARY), "{at}: {text}");
            if route.path.contains('{') {
                assert!(!status.is_success(), "{at}: {status} {text}");
            }
            asked += 1;
            let_in += u32::from(status.is_success());
        }
    }
    // The check is off indeed: even who has no permission is let in to the lists.
    assert!(asked > 300 && let_in > 60, "{asked} {let_in}");
    assert_eq!(before, everything(&pool, foreign.organization).await);
}

/// A limited grant sees its part of every list, and nothing beside it.
#[sqlx::test(migrations = "../store/migrations")]
async fn a_limited_grant_sees_its_part(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    let mine = callers::organization(&pool, "Mine", "mine").await;
    let part = Belongings::make(&pool, mine, "part").await;
    let rest = Belongings::make(&pool, mine, "beside").await;
    let scopes = [
        json!({"servers": [part.server]}),
        json!({"instances": [part.instance]}),
        json!({"servers": [part.server], "environments": ["production"]}),
    ];
    for scope in scopes {
        let scope: Scope = serde_json::from_value(scope).unwrap();
        let token = callers::key(
            &pool,
            mine,
            Permissions::all(),
            scope.clone(),
            TimeDelta::hours(1),
        )
        .await;
        let caller = Caller {
            name: "a limited key".to_owned(),
            token: Some(token),
            slug: None,
            has: None,
        };
        for route in ocore_api::table() {
            let is_list = route.method == "GET" && !route.path.contains('{');
            let in_part = route
                .permission()
                .is_some_and(|p| p.action == Action::View && !p.resource.is_of_the_whole());
            if !is_list || !in_part {
                continue;
            }
            let (status, text) = ask(&client, &caller, &route, &route.path).await;
            assert_eq!(status, 200, "{} {text}", route.path);
            assert!(!text.contains("beside"), "{scope:?} {}: {text}", route.path);
            if route.path.starts_with("/api/counts/") {
                let counted: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(counted["total"], 1, "{scope:?} {}: {text}", route.path);
            }
            if WITHOUT_A_PART.contains(&route.path.as_str()) {
                continue;
            }
            assert!(text.contains("part"), "{scope:?} {}: {text}", route.path);
        }
        for path in [
            format!("/api/servers/{}", rest.server),
            format!("/api/instances/{}", rest.instance),
            format!("/api/operations/{}", rest.operation),
        ] {
            let route = Route {
                method: "GET",
                path: path.clone(),
                requirement: Requirement::Member,
            };
            let (status, text) = ask(&client, &caller, &route, &path).await;
            assert_eq!(status, 404, "{path}: {text}");
        }
    }
    // An environment that nothing here is for.
    let scope = serde_json::from_value(json!({"environments": ["staging"]})).unwrap();
    let token = callers::key(&pool, mine, Permissions::all(), scope, TimeDelta::hours(1)).await;
    let reply = client
        .raw(
            Request::get("/api/instances")
                .header("authorization", format!("Bearer {token}"))
                .body(Body::empty())
                .unwrap(),
        )
        .await;
    assert_eq!(reply.ok(200)["data"], json!([]));
}
