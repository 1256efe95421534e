//! Instances.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use ocore_domain::{
    InstanceId, OrganizationId, Problem, ServerId, Slug,
    instance::{Edition, EnvironmentType, Health, InstanceStatus, Names, Settings, Transition},
    sort::InstanceSort,
};
use secrecy::{ExposeSecret, SecretString};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use crate::{
    After, Error, Page, Place, Result, Sealer, Sorted,
    page::{in_order, moment},
};

/// An instance, without its secrets.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Instance {
    pub id: InstanceId,
    pub organization_id: OrganizationId,
    pub server_id: ServerId,
    pub server_name: String,
    pub name: String,
    pub slug: Slug,
    pub odoo_version: String,
    pub odoo_edition: Edition,
    pub environment_type: EnvironmentType,
    pub status: InstanceStatus,
    pub status_message: Option<String>,
    pub settings: Json<Settings>,
    pub env_names: Vec<String>,
    pub http_port: Option<i32>,
    pub longpolling_port: Option<i32>,
    pub health: Health,
    pub health_detail: Option<String>,
    pub container_state: Option<String>,
    pub http_ok: Option<bool>,
    pub database_ok: Option<bool>,
    pub restart_count: i64,
    pub observed_at: Option<DateTime<Utc>>,
    pub last_seen_at: Option<DateTime<Utc>>,
    pub last_restart_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// How often people changed it.
    pub revision: i64,
    pub placement_group: Option<String>,
    pub anti_affinity: bool,
    pub disk_bytes: i64,
    /// Where it is moving to, until the move has ended well or was taken back wholly.
    pub move_target_id: Option<ServerId>,
    /// Where its old copy lies that is still to be removed.
    pub move_source_id: Option<ServerId>,
    /// Whether its server is the machine that oCore runs on.
    pub is_local: bool,
}

impl Instance {
    /// The names of its parts on the server.
    pub fn names(&self) -> Names {
        Names::new(&self.slug)
    }

    /// The HTTP port on the server's loopback, once reserved.
    pub fn http(&self) -> Option<u16> {
        self.http_port.and_then(|p| u16::try_from(p).ok())
    }

    /// The websocket port on the server's loopback, once reserved.
    pub fn longpolling(&self) -> Option<u16> {
        self.longpolling_port.and_then(|p| u16::try_from(p).ok())
    }
}

/// Values of environment variables by name.
pub type Environment = BTreeMap<String, SecretString>;

/// What of an instance is secret.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// Values of environment variables.
    pub environment: Environment,
    /// The password of its database role.
    pub database_password: SecretString,
    /// Odoo's `admin_passwd`.
    pub master_password: SecretString,
    /// The first password of its administrator; forgotten once it is set.
    pub admin_password: Option<SecretString>,
}

/// What a new instance's row holds.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct NewInstance {
    pub organization_id: OrganizationId,
    pub server_id: ServerId,
    pub name: String,
    pub slug: Slug,
    pub odoo_version: String,
    pub odoo_edition: Edition,
    pub environment_type: EnvironmentType,
    pub settings: Settings,
    pub secrets: Secrets,
    pub placement_group: Option<String>,
    pub anti_affinity: bool,
    pub disk_bytes: u64,
}

fn place(organization: OrganizationId, id: InstanceId, column: &'static str) -> Place {
    Place {
        organization,
        table: "instances",
        row: id.uuid(),
        column,
    }
}

fn seal_environment(
    sealer: &Sealer,
    organization: OrganizationId,
    id: InstanceId,
    environment: &Environment,
) -> Result<(Vec<String>, Vec<u8>)> {
    let open: BTreeMap<&str, &str> = environment
        .iter()
        .map(|(k, v)| (k.as_str(), v.expose_secret()))
        .collect();
    let json = serde_json::to_vec(&open).map_err(|error| Error::Row(error.to_string()))?;
    Ok((
        environment.keys().cloned().collect(),
        sealer.seal(place(organization, id, "env_values"), &json)?,
    ))
}

/// Adds an instance that is being created. The constraints `instances_slug` and `instances_name` are violated when
/// a name is taken.
pub async fn insert(conn: &mut PgConnection, sealer: &Sealer, new: &NewInstance) -> Result<InstanceId> {
    let id = InstanceId::new();
    let seal =
        |column, secret: &SecretString| sealer.seal_text(place(new.organization_id, id, column), secret);
    let (env_names, env_values) =
        seal_environment(sealer, new.organization_id, id, &new.secrets.environment)?;
    let admin_password = new
        .secrets
        .admin_password
        .as_ref()
        .map(|p| seal("admin_password", p))
        .transpose()?;
    sqlx::query!(
        "insert into instances (id, organization_id, server_id, name, slug, odoo_version, odoo_edition,
             environment_type, status, settings, env_names, env_values_sealed, database_password_sealed,
             master_password_sealed, admin_password_sealed, placement_group, anti_affinity, disk_bytes)
         values ($1, $2, $3, $4, $5, $6, $7, $8, 'creating', $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        id as InstanceId,
        new.organization_id as OrganizationId,
        new.server_id as ServerId,
        new.name,
        &new.slug as &Slug,
        new.odoo_version,
        new.odoo_edition as Edition,
        new.environment_type as EnvironmentType,
        Json(&new.settings) as Json<&Settings>,
        &env_names,
        env_values,
        seal("database_password", &new.secrets.database_password)?,
        seal("master_password", &new.secrets.master_password)?,
        admin_password,
        new.placement_group,
        new.anti_affinity,
        i64::try_from(new.disk_bytes).unwrap_or(i64::MAX),
    )
    .execute(conn)
    .await?;
    Ok(id)
}

/// What of an instance is secret.
pub async fn secrets(conn: &mut PgConnection, sealer: &Sealer, instance: &Instance) -> Result<Secrets> {
    let row = sqlx::query!(
        "select env_values_sealed, database_password_sealed, master_password_sealed, admin_password_sealed
         from instances where id = $1",
        instance.id as InstanceId,
    )
    .fetch_one(conn)
    .await?;
    let at = |column| place(instance.organization_id, instance.id, column);
    Ok(Secrets {
        environment: open_values(sealer, instance, &row.env_values_sealed)?,
        database_password: sealer.open_text(at("database_password"), &row.database_password_sealed)?,
        master_password: sealer.open_text(at("master_password"), &row.master_password_sealed)?,
        admin_password: row
            .admin_password_sealed
            .map(|sealed| sealer.open_text(at("admin_password"), &sealed))
            .transpose()?,
    })
}

/// The environment variables of an instance, and nothing else that is secret.
pub async fn environment(
    conn: &mut PgConnection,
    sealer: &Sealer,
    instance: &Instance,
) -> Result<Environment> {
    let sealed = sqlx::query_scalar!(
        "select env_values_sealed from instances where id = $1",
        instance.id as InstanceId
    )
    .fetch_one(conn)
    .await?;
    open_values(sealer, instance, &sealed)
}

/// Replaces what can be changed while an instance lives.
pub async fn set_configuration(
    conn: &mut PgConnection,
    id: InstanceId,
    settings: &Settings,
    env_names: &[String],
    env_values_sealed: &[u8],
) -> Result<()> {
    sqlx::query!(
        "update instances set settings = $2, env_names = $3, env_values_sealed = $4, updated_at = now(),
             revision = revision + 1
         where id = $1",
        id as InstanceId,
        Json(settings) as Json<&Settings>,
        env_names,
        env_values_sealed,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Seals an environment for an operation's parameters, so that it can be kept with them.
pub fn seal_values(sealer: &Sealer, instance: &Instance, environment: &Environment) -> Result<Vec<u8>> {
    Ok(seal_environment(sealer, instance.organization_id, instance.id, environment)?.1)
}

/// Opens what [`seal_values`] sealed.
pub fn open_values(sealer: &Sealer, instance: &Instance, sealed: &[u8]) -> Result<Environment> {
    let values = sealer.open(place(instance.organization_id, instance.id, "env_values"), sealed)?;
    serde_json::from_slice(values.expose_secret())
        .map_err(|_| Problem::internal("sealed environment values are not JSON").into())
}

macro_rules! select {
    ($tail:literal $(+ $more:literal)* $(, $argument:expr)* $(,)?) => {
        select!(after "", $tail $(+ $more)* $(, $argument)*)
    };
    (after $head:literal, $tail:literal $(+ $more:literal)* $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Instance,
            $head + r#"select i.id as "id: _", i.organization_id as "organization_id: _", i.server_id as "server_id: _",
                   s.name as server_name, i.name, i.slug as "slug: _", i.odoo_version,
                   i.odoo_edition as "odoo_edition: _", i.environment_type as "environment_type: _",
                   i.status as "status: _", i.status_message, i.settings as "settings: _", i.env_names, i.http_port,
                   i.longpolling_port, i.health as "health: _", i.health_detail, i.container_state, i.http_ok,
                   i.database_ok, i.restart_count, i.observed_at, i.last_seen_at, i.last_restart_at, i.created_at,
                   i.updated_at, i.revision, i.placement_group, i.anti_affinity, i.disk_bytes,
                   i.move_target_id as "move_target_id: _", i.move_source_id as "move_source_id: _",
                   s.auth_method = 'local' as "is_local!"
               from instances i join servers s on s.id = i.server_id "# + $tail $(+ $more)*
            $(, $argument)*
        )
    };
}

/// An instance by its id, also a removed one: operations refer to it.
pub async fn get(conn: &mut PgConnection, id: InstanceId) -> Result<Option<Instance>> {
    Ok(select!("where i.id = $1", id as InstanceId)
        .fetch_optional(conn)
        .await?)
}

/// An instance that is not removed, by its id or its slug.
pub async fn find(
    conn: &mut PgConnection,
    organization: OrganizationId,
    id_or_slug: &str,
) -> Result<Option<Instance>> {
    let instance = select!(
        "where i.organization_id = $1 and i.status <> 'removed'
             and (i.id::text = lower($2) or i.slug = $2 or lower(i.name) = lower($2))
         order by i.id::text = lower($2) desc, i.slug = $2 desc limit 1",
        organization as OrganizationId,
        id_or_slug,
    )
    .fetch_optional(conn)
    .await?;
    Ok(instance)
}

/// Which instances are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// A part of name or slug.
    pub search: Option<String>,
    /// On this server.
    pub server: Option<ServerId>,
    /// In this status.
    pub status: Option<InstanceStatus>,
}

/// Instances.
pub async fn list(
    conn: &mut PgConnection,
    organization: OrganizationId,
    filter: &Filter,
    page: &Sorted<InstanceSort>,
) -> Result<Page<Instance>> {
    use InstanceSort as By;
    let is_plain = filter.search.is_none() && filter.server.is_none() && filter.status.is_none();
    let rows = in_order!(
        select, conn, page,
        first if is_plain (organization as OrganizationId) "where i.organization_id = $2 and i.status <> 'removed'",
        (
            organization as OrganizationId,
            filter.search,
            filter.server as Option<ServerId>,
            filter.status as Option<InstanceStatus>,
        ),
        "where i.organization_id = $4 and i.status <> 'removed'
             and ($5::text is null or strpos(lower(i.name || ' ' || i.slug), lower($5)) > 0)
             and ($6::uuid is null or i.server_id = $6)
             and ($7::text is null or i.status = $7)",
        by "i.id" {
            By::Name, By::NameBack => "lower(i.name)" from "lower($1::text)",
            By::CreatedAt, By::CreatedAtBack => "i.created_at" from "$1::text::timestamptz",
            By::Status, By::StatusBack => "i.status" from "$1::text",
        }
    );
    Ok(page.page(rows, |row| After {
        key: match page.sort {
            By::Name | By::NameBack => Some(row.name.clone()),
            By::CreatedAt | By::CreatedAtBack => Some(moment(row.created_at)),
            By::Status | By::StatusBack => Some(row.status.to_string()),
        },
        id: row.id.uuid(),
    }))
}

/// How many instances are in a status and of a health.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Count {
    pub status: InstanceStatus,
    pub health: Health,
    pub count: i64,
}

/// How many there are in each status and of each health.
pub async fn count(conn: &mut PgConnection, organization: OrganizationId) -> Result<Vec<Count>> {
    let counts = sqlx::query_as!(
        Count,
        r#"select status as "status: _", health as "health: _", count(*) as "count!" from instances
           where organization_id = $1 and status <> 'removed' group by status, health"#,
        organization as OrganizationId,
    )
    .fetch_all(conn)
    .await?;
    Ok(counts)
}

/// The instances that have parts on a server: for the observer and for removing the server.
pub async fn on_server(conn: &mut PgConnection, server: ServerId) -> Result<Vec<Instance>> {
    let rows = select!(
        "where i.server_id = $1 and i.status <> 'removed' order by i.id",
        server as ServerId
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

/// Instances of an organization that are not gone, in the order of their ids after one: id and name.
pub async fn names(
    conn: &mut PgConnection,
    organization: OrganizationId,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<(Uuid, String)>> {
    let rows = sqlx::query!(
        "select id, name from instances
         where organization_id = $1 and status <> 'removed' and ($2::uuid is null or id > $2) order by id limit $3",
        organization as OrganizationId,
        after,
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

/// The instances that hold a place on a server: those on it, those that are moving there, and those whose old copy is
/// still to be removed there.
pub async fn holding(conn: &mut PgConnection, server: ServerId) -> Result<Vec<Instance>> {
    let rows = select!(
        "where $1 in (i.server_id, i.move_target_id, i.move_source_id) and i.status <> 'removed' order by i.id",
        server as ServerId
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

/// Notes where an instance is moving to, or that it is not.
pub async fn set_move_target(
    conn: &mut PgConnection,
    id: InstanceId,
    target: Option<ServerId>,
) -> Result<()> {
    sqlx::query!(
        "update instances set move_target_id = $2, updated_at = now() where id = $1",
        id as InstanceId,
        target as Option<ServerId>,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The switch of a move, in one statement: the instance is on the server that it was moving to, with the ports reserved
/// there, and what is left on the one before is to be removed. False when it is not moving there.
pub async fn switch(conn: &mut PgConnection, id: InstanceId, target: ServerId) -> Result<bool> {
    let done = sqlx::query!(
        "update instances i set move_source_id = i.server_id, server_id = $2, move_target_id = null, updated_at = now(),
             http_port = (select port from port_reservations p
                          where p.server_id = $2 and p.instance_id = $1 and p.purpose = 'http'),
             longpolling_port = (select port from port_reservations p
                          where p.server_id = $2 and p.instance_id = $1 and p.purpose = 'longpolling')
         where i.id = $1 and i.move_target_id = $2 and i.server_id <> $2",
        id as InstanceId,
        target as ServerId,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Nothing is left of an instance on the server where it was before.
pub async fn forget_move_source(conn: &mut PgConnection, id: InstanceId) -> Result<()> {
    sqlx::query!(
        "update instances set move_source_id = null, updated_at = now() where id = $1",
        id as InstanceId
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The memory in bytes that is promised to the instances of a server, without one of them.
pub async fn promised_memory(
    conn: &mut PgConnection,
    server: ServerId,
    without: Option<InstanceId>,
) -> Result<u64> {
    // Also those that a limited grant does not show.
    let bytes = sqlx::query_scalar!(
        r#"select ocore_promised_memory($1, $2) as "sum!""#,
        server as ServerId,
        without as Option<InstanceId>,
    )
    .fetch_one(conn)
    .await?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}

/// Moves an instance along its life, or says why it cannot be. The row stays locked until the transaction ends.
pub async fn transition(
    conn: &mut PgConnection,
    id: InstanceId,
    transition: Transition,
    message: Option<&str>,
) -> Result<InstanceStatus> {
    let from = sqlx::query_scalar!(
        r#"select status as "status: InstanceStatus" from instances where id = $1 for update"#,
        id as InstanceId
    )
    .fetch_one(&mut *conn)
    .await?;
    let to = from.after(transition)?;
    sqlx::query!(
        "update instances set status = $2, status_message = $3, updated_at = now(),
             last_restart_at = case when $2 in ('running') and $4 in ('restarting', 'starting', 'updating') then now()
                                    else last_restart_at end
         where id = $1",
        id as InstanceId,
        to as InstanceStatus,
        message,
        from.as_str(),
    )
    .execute(conn)
    .await?;
    Ok(to)
}

/// Whether there ever was an instance of this id.
pub async fn is_known(conn: &mut PgConnection, id: InstanceId) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"select exists (select from instances where id = $1) as "is_known!""#,
        id as InstanceId
    )
    .fetch_one(conn)
    .await?)
}

/// Notes the ports an instance was given, or that it has none.
pub async fn set_ports(conn: &mut PgConnection, id: InstanceId, ports: Option<(u16, u16)>) -> Result<()> {
    sqlx::query!(
        "update instances set http_port = $2, longpolling_port = $3, updated_at = now() where id = $1",
        id as InstanceId,
        ports.map(|p| i32::from(p.0)),
        ports.map(|p| i32::from(p.1)),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Locks an instance's row until the transaction ends: people change it one after another. Lock its server's before.
pub async fn lock(conn: &mut PgConnection, id: InstanceId) -> Result<()> {
    sqlx::query!(
        "select id from instances where id = $1 for no key update",
        id as InstanceId
    )
    .fetch_optional(conn)
    .await?;
    Ok(())
}

/// Gives an instance another name. The constraint `instances_name` is violated when it is taken.
pub async fn rename(conn: &mut PgConnection, id: InstanceId, name: &str) -> Result<()> {
    sqlx::query!(
        "update instances set name = $2, updated_at = now(), revision = revision + 1 where id = $1",
        id as InstanceId,
        name
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets the first administrator's password: it is set, and Odoo's own from now on.
pub async fn forget_admin_password(conn: &mut PgConnection, id: InstanceId) -> Result<()> {
    sqlx::query!(
        "update instances set admin_password_sealed = null where id = $1",
        id as InstanceId
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What a look at an instance showed.
#[derive(Clone, Debug)]
pub struct Observation {
    /// Which one.
    pub instance: InstanceId,
    /// Whether it serves.
    pub health: Health,
    /// Why not, in words.
    pub detail: Option<String>,
    /// The container's state as Docker names it; none: there is no container.
    pub container_state: Option<String>,
    /// Whether `/web/health` answered; none: not asked.
    pub http_ok: Option<bool>,
    /// Whether its own database answered; none: not asked.
    pub database_ok: Option<bool>,
    /// How often Docker restarted the container.
    pub restart_count: i64,
    /// When it was looked at.
    pub at: DateTime<Utc>,
}

/// Notes what was seen of many instances in one statement. An older observation does not replace a newer one.
pub async fn observe(conn: &mut PgConnection, seen: &[Observation]) -> Result<()> {
    let ids: Vec<_> = seen.iter().map(|o| o.instance.uuid()).collect();
    let health: Vec<_> = seen.iter().map(|o| o.health.as_str().to_owned()).collect();
    let detail: Vec<_> = seen.iter().map(|o| o.detail.clone()).collect();
    let state: Vec<_> = seen.iter().map(|o| o.container_state.clone()).collect();
    let http: Vec<_> = seen.iter().map(|o| o.http_ok).collect();
    let database: Vec<_> = seen.iter().map(|o| o.database_ok).collect();
    let restarts: Vec<_> = seen.iter().map(|o| o.restart_count).collect();
    let at: Vec<_> = seen.iter().map(|o| o.at).collect();
    sqlx::query!(
        "update instances i set health = o.health, health_detail = o.detail, container_state = o.state,
             http_ok = o.http, database_ok = o.database, restart_count = o.restarts, observed_at = o.at,
             last_seen_at = case when o.health = 'healthy' then o.at else i.last_seen_at end
         from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bool[], $6::bool[], $7::bigint[],
                     $8::timestamptz[]) as o (id, health, detail, state, http, database, restarts, at)
         where i.id = o.id and i.status <> 'removed' and (i.observed_at is null or i.observed_at <= o.at)",
        &ids,
        &health,
        &detail as &[Option<String>],
        &state as &[Option<String>],
        &http as &[Option<bool>],
        &database as &[Option<bool>],
        &restarts,
        &at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What instances are for.
pub async fn environments(
    conn: &mut PgConnection,
    ids: &[uuid::Uuid],
) -> Result<Vec<(uuid::Uuid, EnvironmentType)>> {
    let rows = sqlx::query!(
        r#"select id, environment_type as "environment: EnvironmentType" from instances where id = any($1)"#,
        ids
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.environment)).collect())
}
