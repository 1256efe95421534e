//! Lists in every order that they come in: a page at a time, every row comes once.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use ocore_domain::{
    OrganizationId,
    access::{Permission, Permissions, Resource, Scope},
    instance::Settings,
    sort::{
        ApiKeySort, AuditLogSort, InstanceSort, MemberSort, OperationSort, OrganizationSort, ServerSort,
        Sort, UserSort,
    },
};
use serde_json::Value;
use sqlx::PgPool;

use crate::{callers, support::Client};

/// How many rows there are of everything; more than three pages of two.
const ROWS: i32 = 7;

/// Rows of everything in the first organization. Of each, four have the same times, two have none where there need be none,
/// and names differ in capitals from the order of ids.
async fn furnish(pool: &PgPool) {
    let of = OrganizationId::DEFAULT;
    let settings = Settings::new("odoo:19".to_owned(), 0, 1 << 30);
    let settings = serde_json::to_string(&settings).unwrap();
    let statements = [
        format!(
            "insert into servers (id, organization_id, name, host, port, ssh_user, auth_method, postgres_password_sealed,
                 max_ssh_sessions, status, created_at, last_seen_at)
             select gen_random_uuid(), '{of}', case when n % 2 = 0 then 'S' else 's' end || (n * 3) % 7, 'h', 22, 'root',
                 'local', '', 8, 'active', at, case when n > 2 then at end
             from {{series}}"
        ),
        format!(
            "insert into instances (id, organization_id, server_id, name, slug, odoo_version, odoo_edition,
                 environment_type, status, settings, env_values_sealed, database_password_sealed, master_password_sealed,
                 created_at)
             select gen_random_uuid(), '{of}', (select id from servers order by id limit 1),
                 case when n % 2 = 0 then 'I' else 'i' end || (n * 3) % 7, 'i' || n, '19.0', 'community', 'production',
                 case when n < 5 then 'running' else 'failed' end,
                 '{settings}', '', '', '', at
             from {{series}}"
        ),
        format!(
            "insert into operations (id, organization_id, kind, created_at, state, finished_at)
             select gen_random_uuid(), '{of}', 'noop', at, 'done', at from {{series}}"
        ),
        "insert into users (id, email, name, created_at, last_login_at)
         select gen_random_uuid(), case when n % 2 = 0 then 'U' else 'u' end || (n * 3) % 7 || '@acme.example',
             case when n < 5 then 'Ada' else 'ada ' || n end, at, case when n > 2 then at end
         from {series}"
            .to_owned(),
        format!(
            "insert into members (organization_id, user_id, role_id, joined_at)
             select '{of}', u.id, (select id from roles where organization_id = '{of}' and name = 'Viewer'), u.created_at
             from users u"
        ),
        format!(
            "insert into api_keys (id, organization_id, name, hash, created_at, last_used_at)
             select gen_random_uuid(), '{of}', case when n < 5 then 'Key' else 'key ' || n end, sha256(n::text::bytea), at,
                 case when n > 2 then at end
             from {{series}}"
        ),
        "insert into organizations (id, name, slug, created_at)
         select gen_random_uuid(), case when n < 5 then 'Org' else 'org ' || n end, 'org-' || (n * 3) % 7, at
         from {series}"
            .to_owned(),
        format!(
            "select ocore_audit(of, json_build_object('atMicros', n, 'action', 'test.written', 'userName', 'x',
                 'actorType', 'system'))
             from {{series}}, (values ('{of}'::uuid), (null)) as chains (of)"
        ),
    ];
    let series = format!(
        "(select n, timestamptz '2026-11-01 00:00:00.000001Z' + case when n < 5 then 0 else n end * interval '1 s' as at
          from generate_series(1, {ROWS}) as n) as series"
    );
    for statement in statements {
        let statement = statement.replace("{series}", &series);
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
            .execute(pool)
            .await
            .unwrap();
    }
}

/// All rows of a list in an order, two at a time.
async fn walk(client: &Client, path: &str, sort: &str) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let asked = format!("{path}?limit=2&sort={sort}{cursor}");
        let page = client.get(&asked).await;
        assert_eq!(page.status, 200, "{asked}: {}", page.text);
        let page = page.json();
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= 2 && !data.is_empty(), "{asked}");
        rows.extend(data.iter().cloned());
        assert_eq!(page["hasMore"], page["nextCursor"].is_string());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return rows,
        }
        assert!(rows.len() < 100, "{asked} has no end");
    }
}

/// Walks through a list in each of its orders.
async fn every_order<S: Sort>(client: &Client, path: &str, id: &str, all: &[S]) {
    let key = |row: &Value, name: &str| row[name].as_str().map(str::to_lowercase);
    let ids = |rows: &[Value]| -> Vec<String> { rows.iter().map(|row| row[id].to_string()).collect() };
    let whole = client.get(&format!("{path}?limit=200")).await.ok(200);
    let whole = ids(whole["data"].as_array().unwrap());
    assert!(whole.len() >= ROWS.unsigned_abs() as usize, "{path}");
    let mut usual = false;
    for pair in all.chunks(2) {
        let name = pair[0].word();
        let rows = walk(client, path, name).await;
        let there = ids(&rows);
        let once: BTreeSet<_> = there.iter().collect();
        assert_eq!(
            (once.len(), there.len()),
            (whole.len(), whole.len()),
            "{path} by {name}: every row once"
        );
        for two in rows.windows(2) {
            let (one, other) = (key(&two[0], name), key(&two[1], name));
            assert!(one <= other, "{path} by {name}: {one:?} before {other:?}");
        }
        let mut back = ids(&walk(client, path, pair[1].word()).await);
        usual |= back == whole || there == whole;
        back.reverse();
        assert_eq!(back, there, "{path} by {name}: the same from the other end");
    }
    assert!(usual, "{path}: without `sort` it has one of these orders");

    // A cursor of one order is not one of another, nor is a made-up one.
    let first = client
        .get(&format!("{path}?limit=1&sort={}", all[0]))
        .await
        .ok(200);
    let cursor = first["nextCursor"].as_str().unwrap();
    let other = client
        .get(&format!("{path}?sort={}&cursor={cursor}", all[1]))
        .await;
    assert_eq!(other.fields(), ["cursor"], "{path}");
    assert!(other.text.contains("another order"), "{}", other.text);
    for made_up in ["", "x", "e30", "01a21401-6ed1-77d7-9a32-c9e089c524b6", "17"] {
        let refused = client.get(&format!("{path}?cursor={made_up}")).await;
        assert_eq!(refused.fields(), ["cursor"], "{path} {made_up}");
    }
    let unknown = client.get(&format!("{path}?sort=secret")).await;
    assert_eq!(unknown.fields(), ["sort"], "{path}");
    for sort in all {
        assert!(unknown.text.contains(&format!("`{sort}`")), "{}", unknown.text);
    }
}

#[sqlx::test(migrations = "../store/migrations")]
async fn every_row_comes_once_in_each_order(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    furnish(&pool).await;
    every_order(&client, "/api/servers", "id", ServerSort::ALL).await;
    every_order(&client, "/api/instances", "id", InstanceSort::ALL).await;
    every_order(&client, "/api/operations", "id", OperationSort::ALL).await;
    every_order(&client, "/api/members", "userId", MemberSort::ALL).await;
    every_order(&client, "/api/api-keys", "id", ApiKeySort::ALL).await;
    every_order(&client, "/api/audit-logs", "id", AuditLogSort::ALL).await;
    let members = format!("/api/admin/orgs/{}/members", OrganizationId::DEFAULT);
    every_order(&client, &members, "userId", MemberSort::ALL).await;
    every_order(&client, "/api/admin/users", "id", UserSort::ALL).await;
    every_order(&client, "/api/admin/orgs", "id", OrganizationSort::ALL).await;
    every_order(&client, "/api/admin/api-keys", "id", ApiKeySort::ALL).await;
    every_order(&client, "/api/admin/audit-logs", "id", AuditLogSort::ALL).await;
}

/// An order does not get past a wall: a limited grant walks through its part.
#[sqlx::test(migrations = "../store/migrations")]
async fn a_limited_grant_walks_through_its_part(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    furnish(&pool).await;
    let servers: Vec<ocore_domain::ServerId> = client.get("/api/servers?limit=3").await.ok(200)["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| serde_json::from_value(row["id"].clone()).unwrap())
        .collect();
    let scope = Scope {
        servers: Some(servers.iter().copied().collect()),
        ..Scope::default()
    };
    let permissions: Permissions = [Permission::view(Resource::Servers)].into_iter().collect();
    let key = callers::key(
        &pool,
        OrganizationId::DEFAULT,
        permissions,
        scope,
        TimeDelta::hours(1),
    )
    .await;
    let limited = client.with_token(&key);
    for sort in ServerSort::ALL {
        let rows = walk(&limited, "/api/servers", sort.as_str()).await;
        let seen: BTreeSet<String> = rows.iter().map(|row| row["id"].to_string()).collect();
        assert_eq!((rows.len(), seen.len()), (3, 3), "{sort}");
    }
}
