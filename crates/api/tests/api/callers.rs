//! People and keys of every kind, made straight in the database.

use chrono::{TimeDelta, Utc};
use ocore_domain::{
    OrganizationId, RoleId, SessionId, UserId,
    access::{Permissions, Scope},
};
use ocore_identity::access_token::Signer;
use ocore_store::api_keys::{self, NewApiKey};
use secrecy::ExposeSecret;
use sqlx::{PgPool, types::Json};

/// Makes an organization with the roles every organization has.
pub(crate) async fn organization(pool: &PgPool, name: &str, slug: &str) -> OrganizationId {
    let id = OrganizationId::new();
    sqlx::query("insert into organizations (id, name, slug) values ($1, $2, $3)")
        .bind(id.uuid())
        .bind(name)
        .bind(slug)
        .execute(pool)
        .await
        .unwrap();
    sqlx::query(
        "insert into roles (id, organization_id, name, description, is_system, is_owner, permissions)
         select gen_random_uuid(), $1, name, description, true, is_owner, permissions from roles
         where organization_id = $2 and is_system",
    )
    .bind(id.uuid())
    .bind(OrganizationId::DEFAULT.uuid())
    .execute(pool)
    .await
    .unwrap();
    id
}

/// A role with just these permissions.
pub(crate) async fn role(pool: &PgPool, of: OrganizationId, name: &str, permissions: &Permissions) {
    sqlx::query("insert into roles (id, organization_id, name, permissions) values ($1, $2, $3, $4)")
        .bind(RoleId::new().uuid())
        .bind(of.uuid())
        .bind(name)
        .bind(permissions.to_words())
        .execute(pool)
        .await
        .unwrap();
}

/// A person with a role, signed in; answers their access token.
pub(crate) async fn member(pool: &PgPool, of: OrganizationId, role: &str, scope: &Scope) -> (UserId, String) {
    let (user, token) = person(pool, &format!("{role}-{}", of.uuid().simple())).await;
    join(pool, user, of, role, scope).await;
    (user, token)
}

/// Gives a person a role in an organization.
pub(crate) async fn join(pool: &PgPool, user: UserId, of: OrganizationId, role: &str, scope: &Scope) {
    sqlx::query(
        "insert into members (organization_id, user_id, role_id, scope)
         select $1, $2, id, $4 from roles where organization_id = $1 and name = $3",
    )
    .bind(of.uuid())
    .bind(user.uuid())
    .bind(role)
    .bind((!scope.is_whole()).then_some(Json(scope)))
    .execute(pool)
    .await
    .unwrap();
}

/// A person in no organization, signed in.
pub(crate) async fn person(pool: &PgPool, name: &str) -> (UserId, String) {
    let id = UserId::new();
    sqlx::query("insert into users (id, email, name, email_verified_at) values ($1, $2, $3, now())")
        .bind(id.uuid())
        .bind(format!("{name}-{}@example.com", id.uuid().simple()))
        .bind(name)
        .execute(pool)
        .await
        .unwrap();
    let session = session(pool, id).await;
    (id, access_token(id, session, TimeDelta::hours(1)))
}

/// A session of a person's.
pub(crate) async fn session(pool: &PgPool, user: UserId) -> SessionId {
    let id = SessionId::new();
    sqlx::query(
        "insert into sessions (id, user_id, method, expires_at) values ($1, $2, 'password', now() + interval '1 day')",
    )
    .bind(id.uuid())
    .bind(user.uuid())
    .execute(pool)
    .await
    .unwrap();
    id
}

/// An access token as a login would give it.
pub(crate) fn access_token(user: UserId, session: SessionId, good_for: TimeDelta) -> String {
    let signer = Signer::new(&"j".repeat(32).into()).unwrap();
    let token = signer.sign(user.uuid(), session.uuid(), good_for).unwrap();
    token.expose_secret().to_owned()
}

/// A key with these permissions.
pub(crate) async fn key(
    pool: &PgPool,
    of: OrganizationId,
    permissions: Permissions,
    scope: Scope,
    good_for: TimeDelta,
) -> String {
    let new = NewApiKey {
        permissions,
        scope,
        is_server_admin: false,
        expires_at: Some(Utc::now() + good_for),
        ..NewApiKey::administrator(of, "a key")
    };
    let (_, key) = api_keys::create(&mut pool.acquire().await.unwrap(), &new)
        .await
        .unwrap();
    key.expose_secret().to_owned()
}
