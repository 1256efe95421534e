//! Row-level security, the second wall between organizations: it stands where it has to, and holds alone.

use ocore_domain::{OrganizationId, access::Scope};
use ocore_store::{Sealer, Store, tenancy::Tenant};
use sqlx::{Executor, PgPool, Row};

/// What belongs to no organization. Requests may not touch it, with what stands beside it as the exception.
const OUTSIDE: &[&str] = &[
    "_sqlx_migrations",
    "availability_clock",
    "connected_accounts",
    "control_plane",
    "control_plane_backups",
    "device_logins",
    "idempotency_keys",
    "installation_keys",
    "instance_rollups_60",
    "instance_rollups_600",
    "instance_rollups_7200",
    "leases",
    "login_attempts",
    "metric_late",
    "metric_resolutions",
    "notification_preferences",
    "one_time_tokens",
    "passkeys",
    "port_reservations",
    "process_samples",
    "push_subscriptions",
    "recovery_codes",
    "refresh_tokens",
    "schema_changes",
    "server_rollups_60",
    "server_rollups_600",
    "server_rollups_7200",
    "sessions",
    "user_notifications",
    "workers",
];

/// A table is either behind the wall, with a policy for requests, or closed to them.
#[sqlx::test(migrations = "../store/migrations")]
async fn no_table_stands_outside_the_wall(pool: PgPool) {
    let tables = sqlx::query(
        "select c.relname, c.relrowsecurity,
             exists (select from pg_policy p where p.polrelid = c.oid) as has_policy,
             (select has_table_privilege('ocore_tenant', c.oid, 'select, insert, update, delete, truncate')
                  or has_any_column_privilege('ocore_tenant', c.oid, 'select, insert, update')) as is_open
         from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert!(tables.len() > 20);
    for table in tables {
        let name: String = table.get("relname");
        let (secured, policy, open): (bool, bool, bool) = (
            table.get("relrowsecurity"),
            table.get("has_policy"),
            table.get("is_open"),
        );
        if OUTSIDE.contains(&name.as_str()) {
            assert!(
                !open,
                "`{name}` belongs to no organization and is open to requests"
            );
        } else {
            assert!(
                secured && policy && open,
                "`{name}` has no row-level security: add a policy and grants for ocore_tenant in a migration, or name \
                 it here as belonging to no organization"
            );
        }
    }
    let role = sqlx::query(
        "select rolsuper, rolbypassrls, rolcanlogin, rolcreaterole, rolcreatedb from pg_roles where rolname = 'ocore_tenant'",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    for column in 0..5 {
        assert!(!role.get::<bool, _>(column), "ocore_tenant may too much");
    }
}

#[sqlx::test(migrations = "../store/migrations")]
async fn what_opens_a_server_is_not_read_by_requests(pool: PgPool) {
    let store = Store::new(pool, Sealer::new(&"k".repeat(32).into(), &[]));
    for secret in [
        "select ssh_private_key_sealed from servers",
        "select ssh_password_sealed from servers",
        "select * from servers",
        "select database_password_sealed from instances",
        "select admin_password_sealed from instances",
        "select hash from users",
        "select password_hash from users",
        "select totp_secret_sealed from users",
        "select secret_sealed from notification_channels",
        "select * from push_subscriptions",
        "select private_sealed from installation_keys",
        "select * from sessions",
        "select * from refresh_tokens",
        "insert into audit_log (seq, previous, hash, entry) values (1, '', '', '{}')",
        "update audit_log set entry = '{}'",
        "delete from audit_log",
        "truncate audit_log",
        "select ocore_audit_prune(null, now())",
    ] {
        let mut tx = store
            .tenant(&Tenant::whole(OrganizationId::DEFAULT))
            .await
            .unwrap();
        let refused = tx.execute(secret).await.err();
        assert!(refused.is_some(), "{secret}");
    }
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_transaction_that_names_no_organization_sees_nothing(pool: PgPool) {
    let mut tx = pool.begin().await.unwrap();
    tx.execute("set local role ocore_tenant").await.unwrap();
    for table in [
        "organizations",
        "roles",
        "servers",
        "instances",
        "users",
        "audit_log",
    ] {
        let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select count(*) from {table}")))
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        assert_eq!(count, 0, "{table}");
    }
}

/// The role and the organization end with the transaction: the next one on the same connection begins with neither.
#[sqlx::test(migrations = "../store/migrations")]
async fn nothing_of_it_outlives_the_transaction(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let pool_of_one = sqlx::postgres::PgPoolOptions::new()
        .max_connections(1)
        .connect_with((*pool.connect_options()).clone())
        .await
        .unwrap();
    let store = Store::new(pool_of_one.clone(), Sealer::new(&"k".repeat(32).into(), &[]));
    let limited = Tenant {
        organization: OrganizationId::DEFAULT,
        scope: Scope {
            servers: Some([].into()),
            ..Scope::default()
        },
    };
    let tx = store.tenant(&limited).await.unwrap();
    tx.commit().await.unwrap();
    let after: (String, Option<String>, Option<String>) = sqlx::query_as(
        "select current_user::text, nullif(current_setting('ocore.organization', true), ''),
             nullif(current_setting('ocore.servers', true), '')",
    )
    .fetch_one(&pool_of_one)
    .await
    .unwrap();
    let me: String = sqlx::query_scalar("select current_user::text")
        .fetch_one(&mut *conn)
        .await
        .unwrap();
    assert_eq!(after, (me, None, None));
}
