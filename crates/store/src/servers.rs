//! Servers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use ocore_domain::{
    OrganizationId, ServerId,
    placement::Taint,
    server::{AuthMethod, ServerFacts, ServerStatus},
    sort::ServerSort,
};
use secrecy::SecretString;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use crate::{
    After, Page, Place, Result, Sealer, Sorted,
    page::{in_order, moment},
};

/// A server, without its secrets.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Server {
    pub id: ServerId,
    pub organization_id: OrganizationId,
    pub name: String,
    pub description: String,
    pub host: String,
    pub port: i32,
    pub ssh_user: String,
    pub auth_method: AuthMethod,
    pub host_key: Option<String>,
    pub max_ssh_sessions: i32,
    pub docker_socket: String,
    pub status: ServerStatus,
    pub status_message: Option<String>,
    pub facts: Option<Json<ServerFacts>>,
    pub last_boot_at: Option<DateTime<Utc>>,
    pub last_seen_at: Option<DateTime<Utc>>,
    pub country: Option<String>,
    pub region: Option<String>,
    pub labels: Json<BTreeMap<String, String>>,
    pub taints: Json<Vec<Taint>>,
    pub dedicated_to: Option<String>,
    pub separate_production: bool,
    pub cordoned_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// How often people changed it.
    pub revision: i64,
}

/// What opens a server.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// The private key.
    pub private_key: Option<SecretString>,
    /// The passphrase of the key.
    pub passphrase: Option<SecretString>,
    /// The password.
    pub password: Option<SecretString>,
}

/// What a new server's row holds.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct NewServer {
    pub organization_id: OrganizationId,
    pub name: String,
    pub description: String,
    pub host: String,
    pub port: u16,
    pub ssh_user: String,
    pub auth_method: AuthMethod,
    pub credentials: Credentials,
    pub max_ssh_sessions: i32,
    /// The superuser's password of the PostgreSQL that oCore runs there.
    pub postgres_password: SecretString,
}

fn place(organization: OrganizationId, id: ServerId, column: &'static str) -> Place {
    Place {
        organization,
        table: "servers",
        row: id.uuid(),
        column,
    }
}

/// Adds a server that is to be validated. The constraint `servers_name` is violated when the name is taken.
pub async fn insert(conn: &mut PgConnection, sealer: &Sealer, new: &NewServer) -> Result<ServerId> {
    let id = ServerId::new();
    let sealed = SealedCredentials::new(sealer, new.organization_id, id, &new.credentials)?;
    let postgres_password = sealer.seal_text(
        place(new.organization_id, id, "postgres_password"),
        &new.postgres_password,
    )?;
    sqlx::query!(
        "insert into servers (id, organization_id, name, description, host, port, ssh_user, auth_method,
             ssh_private_key_sealed, ssh_key_passphrase_sealed, ssh_password_sealed, postgres_password_sealed,
             max_ssh_sessions, status)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'validating')",
        id as ServerId,
        new.organization_id as OrganizationId,
        new.name,
        new.description,
        new.host,
        i32::from(new.port),
        new.ssh_user,
        new.auth_method as AuthMethod,
        sealed.private_key,
        sealed.passphrase,
        sealed.password,
        postgres_password,
        new.max_ssh_sessions,
    )
    .execute(conn)
    .await?;
    Ok(id)
}

struct SealedCredentials {
    private_key: Option<Vec<u8>>,
    passphrase: Option<Vec<u8>>,
    password: Option<Vec<u8>>,
}

impl SealedCredentials {
    fn new(sealer: &Sealer, organization: OrganizationId, id: ServerId, open: &Credentials) -> Result<Self> {
        let seal = |column, secret: &Option<SecretString>| {
            secret
                .as_ref()
                .map(|s| sealer.seal_text(place(organization, id, column), s))
                .transpose()
        };
        Ok(Self {
            private_key: seal("ssh_private_key", &open.private_key)?,
            passphrase: seal("ssh_key_passphrase", &open.passphrase)?,
            password: seal("ssh_password", &open.password)?,
        })
    }
}

/// Replaces what opens a server.
pub async fn set_credentials(
    conn: &mut PgConnection,
    sealer: &Sealer,
    server: &Server,
    method: AuthMethod,
    credentials: &Credentials,
) -> Result<()> {
    let sealed = SealedCredentials::new(sealer, server.organization_id, server.id, credentials)?;
    sqlx::query!(
        "update servers set auth_method = $2, ssh_private_key_sealed = $3, ssh_key_passphrase_sealed = $4,
             ssh_password_sealed = $5, updated_at = now() where id = $1",
        server.id as ServerId,
        method as AuthMethod,
        sealed.private_key,
        sealed.passphrase,
        sealed.password,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What opens a server, and the password of its PostgreSQL.
pub async fn secrets(
    conn: &mut PgConnection,
    sealer: &Sealer,
    server: &Server,
) -> Result<(Credentials, SecretString)> {
    let row = sqlx::query!(
        "select ssh_private_key_sealed, ssh_key_passphrase_sealed, ssh_password_sealed, postgres_password_sealed
         from servers where id = $1",
        server.id as ServerId,
    )
    .fetch_one(conn)
    .await?;
    let open = |column, sealed: Option<Vec<u8>>| {
        sealed
            .map(|s| sealer.open_text(place(server.organization_id, server.id, column), &s))
            .transpose()
    };
    let credentials = Credentials {
        private_key: open("ssh_private_key", row.ssh_private_key_sealed)?,
        passphrase: open("ssh_key_passphrase", row.ssh_key_passphrase_sealed)?,
        password: open("ssh_password", row.ssh_password_sealed)?,
    };
    let postgres = sealer.open_text(
        place(server.organization_id, server.id, "postgres_password"),
        &row.postgres_password_sealed,
    )?;
    Ok((credentials, postgres))
}

macro_rules! select {
    ($tail:literal $(+ $more:literal)* $(, $argument:expr)* $(,)?) => {
        select!(after "", $tail $(+ $more)* $(, $argument)*)
    };
    (after $head:literal, $tail:literal $(+ $more:literal)* $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Server,
            $head + r#"select id as "id: _", organization_id as "organization_id: _", name, description, host, port, ssh_user,
                   auth_method as "auth_method: _", host_key, max_ssh_sessions, docker_socket, status as "status: _",
                   status_message, facts as "facts: _", last_boot_at, last_seen_at, country, region, labels as "labels: _",
                   taints as "taints: _", dedicated_to, separate_production, cordoned_at, created_at, updated_at, revision
               from servers "# + $tail $(+ $more)*
            $(, $argument)*
        )
    };
}

/// A server by its id, also a removed one: operations refer to it.
pub async fn get(conn: &mut PgConnection, id: ServerId) -> Result<Option<Server>> {
    Ok(select!("where id = $1", id as ServerId)
        .fetch_optional(conn)
        .await?)
}

/// A server that is not removed, by its id or its name.
pub async fn find(
    conn: &mut PgConnection,
    organization: OrganizationId,
    id_or_name: &str,
) -> Result<Option<Server>> {
    let server = select!(
        "where organization_id = $1 and status <> 'removed' and (id::text = lower($2) or lower(name) = lower($2))
         order by id::text = lower($2) desc limit 1",
        organization as OrganizationId,
        id_or_name,
    )
    .fetch_optional(conn)
    .await?;
    Ok(server)
}

/// Locks a server's row until the transaction ends: capacity and ports are given out one at a time.
pub async fn lock(conn: &mut PgConnection, id: ServerId) -> Result<()> {
    sqlx::query!(
        "select id from servers where id = $1 for no key update",
        id as ServerId
    )
    .fetch_optional(conn)
    .await?;
    Ok(())
}

/// How many servers are in a status.
#[derive(Clone, Copy, Debug)]
pub struct Count {
    /// The status.
    pub status: ServerStatus,
    /// How many are in it.
    pub count: i64,
    /// Of those, that take nothing new.
    pub cordoned: i64,
}

/// How many there are in each status.
pub async fn count(conn: &mut PgConnection, organization: OrganizationId) -> Result<Vec<Count>> {
    let counts = sqlx::query_as!(
        Count,
        r#"select status as "status: _", count(*) as "count!", count(cordoned_at) as "cordoned!" from servers
           where organization_id = $1 and status <> 'removed' group by status order by status"#,
        organization as OrganizationId,
    )
    .fetch_all(conn)
    .await?;
    Ok(counts)
}

/// Servers.
pub async fn list(
    conn: &mut PgConnection,
    organization: OrganizationId,
    search: Option<&str>,
    status: Option<ServerStatus>,
    page: &Sorted<ServerSort>,
) -> Result<Page<Server>> {
    use ServerSort as By;
    let is_plain = search.is_none() && status.is_none();
    let rows = in_order!(
        select, conn, page,
        first if is_plain (organization as OrganizationId) "where organization_id = $2 and status <> 'removed'",
        (organization as OrganizationId, search, status as Option<ServerStatus>),
        "where organization_id = $4 and status <> 'removed'
             and ($5::text is null or strpos(lower(name || ' ' || host), lower($5)) > 0)
             and ($6::text is null or status = $6)",
        by "id" {
            By::Name, By::NameBack => "lower(name)" from "lower($1::text)",
            By::CreatedAt, By::CreatedAtBack => "created_at" from "$1::text::timestamptz",
            By::LastSeenAt, By::LastSeenAtBack => "coalesce(last_seen_at, '-infinity')"
                from "coalesce($1::text::timestamptz, '-infinity')",
        }
    );
    Ok(page.page(rows, |row| After {
        key: match page.sort {
            By::Name | By::NameBack => Some(row.name.clone()),
            By::CreatedAt | By::CreatedAtBack => Some(moment(row.created_at)),
            By::LastSeenAt | By::LastSeenAtBack => row.last_seen_at.map(moment),
        },
        id: row.id.uuid(),
    }))
}

/// Servers of an organization that are not removed, in the order of their ids after one: id and name.
pub async fn names(
    conn: &mut PgConnection,
    organization: OrganizationId,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<(Uuid, String)>> {
    let rows = sqlx::query!(
        "select id, name from servers
         where organization_id = $1 and status <> 'removed' and ($2::uuid is null or id > $2) order by id limit $3",
        organization as OrganizationId,
        after,
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

/// What people say of a server: its name, and what placement goes by.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Description {
    pub name: String,
    pub description: String,
    pub country: Option<String>,
    pub region: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub taints: Vec<Taint>,
    pub dedicated_to: Option<String>,
    pub separate_production: bool,
}

/// Changes what people say of a server. The constraint `servers_name` is violated when the name is taken.
pub async fn describe(conn: &mut PgConnection, id: ServerId, new: &Description) -> Result<()> {
    sqlx::query!(
        "update servers set name = $2, description = $3, country = $4, region = $5, labels = $6, taints = $7,
             dedicated_to = $8, separate_production = $9, updated_at = now(), revision = revision + 1
         where id = $1",
        id as ServerId,
        new.name,
        new.description,
        new.country,
        new.region,
        Json(&new.labels) as Json<&BTreeMap<String, String>>,
        Json(&new.taints) as Json<&Vec<Taint>>,
        new.dedicated_to,
        new.separate_production,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Cordons a server, or lets it take instances again; one that is so already stays as it is.
pub async fn set_cordoned(conn: &mut PgConnection, id: ServerId, cordoned: bool) -> Result<()> {
    sqlx::query!(
        "update servers set cordoned_at = case when $2 then now() end, updated_at = now(), revision = revision + 1
         where id = $1 and (cordoned_at is not null) <> $2",
        id as ServerId,
        cordoned,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Locks several servers' rows, always in the same order, so that two who lock several do not wait for one another.
pub async fn lock_all(conn: &mut PgConnection, ids: &[ServerId]) -> Result<()> {
    let ids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
    sqlx::query!(
        "select id from servers where id = any($1) order by id for no key update",
        &ids
    )
    .fetch_all(conn)
    .await?;
    Ok(())
}

/// Servers of an organization that are not removed, for placement: at most so many, by name.
pub async fn all(conn: &mut PgConnection, organization: OrganizationId, limit: i64) -> Result<Vec<Server>> {
    Ok(select!(
        "where organization_id = $1 and status <> 'removed' order by lower(name) limit $2",
        organization as OrganizationId,
        limit,
    )
    .fetch_all(conn)
    .await?)
}

/// Every server that is meant to be reachable, of all tenants: for the observer. One whose validation failed bears
/// its instances all the same.
pub async fn watched(conn: &mut PgConnection) -> Result<Vec<Server>> {
    Ok(select!(
        "where status in ('active', 'unreachable')
             or (status = 'failed' and exists (select from instances i
                                               where i.server_id = servers.id and i.status <> 'removed'))
         order by id"
    )
    .fetch_all(conn)
    .await?)
}

/// Sets status and message. A removed server stays removed.
pub async fn set_status(
    conn: &mut PgConnection,
    id: ServerId,
    status: ServerStatus,
    message: Option<&str>,
) -> Result<()> {
    sqlx::query!(
        "update servers set status = $2, status_message = $3, updated_at = now() where id = $1 and status <> 'removed'",
        id as ServerId,
        status as ServerStatus,
        message,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Pins the key the server is to show from now on.
pub async fn pin_host_key(conn: &mut PgConnection, id: ServerId, key: Option<&str>) -> Result<()> {
    sqlx::query!(
        "update servers set host_key = $2, updated_at = now() where id = $1",
        id as ServerId,
        key
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes what was seen on a server.
pub async fn set_facts(conn: &mut PgConnection, id: ServerId, facts: &ServerFacts) -> Result<()> {
    sqlx::query!(
        "update servers set facts = $2, last_seen_at = $3, updated_at = now() where id = $1",
        id as ServerId,
        Json(facts) as Json<&ServerFacts>,
        facts.observed_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that a server answered, and that it booted since, if so.
pub async fn seen(
    conn: &mut PgConnection,
    id: ServerId,
    at: DateTime<Utc>,
    facts: Option<&ServerFacts>,
    booted_at: Option<DateTime<Utc>>,
) -> Result<()> {
    sqlx::query!(
        "update servers set last_seen_at = $2, facts = coalesce($3, facts), last_boot_at = coalesce($4, last_boot_at)
         where id = $1",
        id as ServerId,
        at,
        facts.map(Json) as Option<Json<&ServerFacts>>,
        booted_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Rows in `server_id → number` form: how many instances each server bears.
pub async fn instance_counts(conn: &mut PgConnection, servers: &[ServerId]) -> Result<Vec<(ServerId, i64)>> {
    let ids: Vec<_> = servers.iter().map(|s| s.uuid()).collect();
    let rows = sqlx::query!(
        r#"select server_id as "server_id: ServerId", count(*) as "count!" from instances
           where server_id = any($1) and status <> 'removed' group by server_id"#,
        &ids,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| (r.server_id, r.count)).collect())
}
