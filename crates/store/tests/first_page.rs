//! The first page of a list that is not filtered: it is asked for most, and has queries of its own.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use ocore_domain::{
    OrganizationId,
    instance::{InstanceStatus, Settings},
    sort::InstanceSort,
};
use ocore_store::{
    Page, Sealer, Sorted, Store,
    instances::{self, Filter, Instance},
    tenancy::Tenant,
};
use sqlx::{PgConnection, PgPool};

const OURS: OrganizationId = OrganizationId::DEFAULT;

/// A server, and so many instances on it.
async fn filled(pool: PgPool, count: i32) -> Store {
    sqlx::query(
        "with server as (
             insert into servers (id, organization_id, name, host, port, ssh_user, auth_method,
                 postgres_password_sealed, max_ssh_sessions, status)
             values (gen_random_uuid(), $1, 'one', '192.0.2.1', 22, 'root', 'local', '', 8, 'active') returning id
         )
         insert into instances (id, organization_id, server_id, name, slug, odoo_version, odoo_edition,
             environment_type, status, settings, env_values_sealed, database_password_sealed, master_password_sealed)
         select gen_random_uuid(), $1, server.id, 'Instance ' || n, 'instance-' || n, '19.0', 'community', 'production',
             case when n % 3 = 0 then 'stopped' else 'running' end, $2, '', '', ''
         from server, generate_series(1, $3) n",
    )
    .bind(OURS.uuid())
    .bind(serde_json::to_value(Settings::new("odoo:19".to_owned(), 2, 1 << 30)).unwrap())
    .bind(count)
    .execute(&pool)
    .await
    .unwrap();
    sqlx::query("analyze").execute(&pool).await.unwrap();
    Store::new(pool, Sealer::new(&"k".repeat(32).into(), &[]))
}

async fn list(conn: &mut PgConnection, filter: &Filter, page: &Sorted<InstanceSort>) -> Page<Instance> {
    instances::list(conn, OURS, filter, page).await.unwrap()
}

/// Row-level security makes planning take several times as long as reading.
#[sqlx::test]
async fn is_planned_once(pool: PgPool) {
    let store = filled(pool, 2000).await;
    let mut tx = store.tenant(&Tenant::whole(OURS)).await.unwrap();
    for limit in [50, 50, 50, 50, 50, 20, 50, 200] {
        let page = list(&mut tx, &Filter::default(), &Sorted::first(limit)).await;
        assert_eq!(page.data.len(), usize::try_from(limit).unwrap());
    }
    let (kept, anew): (i64, i64) = sqlx::query_as(
        "select generic_plans, custom_plans from pg_prepared_statements where statement like 'select * from (select i.id%'",
    )
    .fetch_one(&mut *tx)
    .await
    .unwrap();
    // PostgreSQL tries five before it compares.
    assert_eq!((kept, anew), (3, 5));
}

/// Whether its query is the one of its own or that of the pages after it, and in whichever order.
#[sqlx::test]
async fn agrees_with_the_others(pool: PgPool) {
    let store = filled(pool, 30).await;
    let mut tx = store.tenant(&Tenant::whole(OURS)).await.unwrap();
    let plain = Filter::default();
    let everything = Filter {
        search: Some("instance".to_owned()),
        ..Filter::default()
    };
    for sort in [
        InstanceSort::Name,
        InstanceSort::NameBack,
        InstanceSort::CreatedAt,
        InstanceSort::CreatedAtBack,
        InstanceSort::Status,
        InstanceSort::StatusBack,
    ] {
        let ids = |page: &Page<Instance>| page.data.iter().map(|one| one.id).collect::<Vec<_>>();
        let whole = Sorted {
            limit: 200,
            sort,
            after: None,
        };
        let all = list(&mut tx, &everything, &whole).await;
        assert_eq!((all.data.len(), all.has_more), (30, false));
        assert!(all.data.iter().all(|one| one.is_local));
        let few = Sorted { limit: 12, ..whole };
        let first = list(&mut tx, &plain, &few).await;
        assert!(first.has_more);
        let cursor = first.next_cursor.clone().unwrap();
        let next = Sorted {
            limit: 200,
            sort,
            after: Some(Sorted::<InstanceSort>::read_cursor(&cursor, sort).unwrap()),
        };
        let rest = list(&mut tx, &plain, &next).await;
        assert_eq!([ids(&first), ids(&rest)].concat(), ids(&all), "by {sort}");
    }
    let stopped = Filter {
        status: Some(InstanceStatus::Stopped),
        ..Filter::default()
    };
    let stopped = list(&mut tx, &stopped, &Sorted::first(50)).await;
    assert_eq!(stopped.data.len(), 10);
}
