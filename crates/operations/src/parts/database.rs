//! An instance's role and database on its server's PostgreSQL.

use chrono::Utc;
use ocore_domain::{Code, Problem};
use ocore_fleet::Engine;
use ocore_odoo::identity;
use ocore_store::instances::{Instance, Secrets};
use secrecy::{ExposeSecret, SecretString};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::{
    agent,
    psql::{self, identifier, literal},
    template::Template,
};
use crate::engine::Ctx;

/// What is known of a database's name on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    /// Begun for this instance and cut off.
    Begun,
    Ready,
    Foreign,
}

/// Makes role and database from the template, with an identity of its own.
pub(crate) async fn create(
    ctx: &Ctx,
    engine: &Engine,
    instance: &Instance,
    secrets: &Secrets,
    template: &Template,
) -> Result<(), Problem> {
    let name = instance.names().database;
    match find(engine, instance, &name).await? {
        Found::Ready => {
            ctx.info(format!("The database {name} is ready already"));
            return Ok(());
        }
        Found::Foreign => return Err(foreign(&name)),
        Found::Begun => psql::drop_database_and_role(engine, &name).await?,
        Found::Nothing => {}
    }
    let from = format!("template {}", identifier(&template.name));
    let role = role_and_database(instance, secrets, &from);
    // Hashing the administrator's password takes as long as copying the template: both at once.
    let (_, own) = tokio::try_join!(
        psql::run(engine, "postgres", &role),
        own(instance, secrets, template)
    )?;
    psql::run(engine, &name, &own).await?;
    finish(engine, instance).await?;
    ctx.info(format!(
        "Created the database {name} from the template {}",
        template.name
    ));
    Ok(())
}

/// The statements that make role and database; the database does not bear its mark yet.
fn role_and_database(instance: &Instance, secrets: &Secrets, from: &str) -> SecretString {
    let (name, mark) = (identifier(&instance.names().database), literal(&mark(instance)));
    // One transaction: a role without its mark would be foreign to the next attempt.
    SecretString::from(format!(
        "begin;
         create role {name} login nosuperuser nocreatedb nocreaterole connection limit 100 password {};
         comment on role {name} is {mark};
         commit;
         create database {name} owner {name} {from};
         revoke all on database {name} from public;",
        literal(secrets.database_password.expose_secret()),
    ))
}

/// Makes the role and an empty database to be filled, in place of what an attempt before left; answers false where a whole
/// one of this instance is there.
pub(crate) async fn create_empty(
    engine: &Engine,
    instance: &Instance,
    secrets: &Secrets,
) -> Result<bool, Problem> {
    let name = instance.names().database;
    match find(engine, instance, &name).await? {
        Found::Ready => return Ok(false),
        Found::Foreign => return Err(foreign(&name)),
        Found::Begun => psql::drop_database_and_role(engine, &name).await?,
        Found::Nothing => {}
    }
    // As templates are made.
    let from = "template template0 encoding 'UTF8' lc_collate 'C'";
    psql::run(engine, "postgres", &role_and_database(instance, secrets, from)).await?;
    Ok(true)
}

/// From now on the database is whole.
pub(crate) async fn finish(engine: &Engine, instance: &Instance) -> Result<(), Problem> {
    let (name, mark) = (identifier(&instance.names().database), literal(&mark(instance)));
    // In one call: each costs a tenth of a second.
    let sql = format!("{}\ncomment on database {name} is {mark};", agent::watching());
    psql::query(engine, &instance.names().database, &sql)
        .await
        .map(drop)
}

/// The size of its database in bytes.
pub(crate) async fn size(engine: &Engine, instance: &Instance) -> Result<u64, Problem> {
    let sql = format!("select pg_database_size({})", literal(&instance.names().database));
    psql::query(engine, "postgres", &sql)
        .await?
        .trim()
        .parse()
        .map_err(Problem::internal)
}

/// Makes the copy this instance's: its role owns everything in it, and its identity and administrator are new.
async fn own(instance: &Instance, secrets: &Secrets, template: &Template) -> Result<SecretString, Problem> {
    let name = identifier(&instance.names().database);
    let secret = SecretString::from(Uuid::new_v4().to_string());
    let forgotten =
        || Problem::internal("the administrator's first password was forgotten before it was set");
    let admin = secrets.admin_password.clone().ok_or_else(forgotten)?;
    // Some hundred milliseconds of pure computing.
    let hash = spawn_blocking(move || identity::hash_password(&admin, rand::random())).await;
    let identity = identity::statements(
        Uuid::new_v4(),
        &secret,
        Utc::now(),
        &hash.map_err(Problem::internal)?,
        &format!("http://127.0.0.1:{}", instance.http().unwrap_or(8069)),
    );
    Ok(SecretString::from(format!(
        "reassign owned by {} to {name};\n{}",
        identifier(&template.name),
        identity.expose_secret(),
    )))
}

/// Takes database and role away; what bears their name and is not this instance's stays.
pub(crate) async fn remove(engine: &Engine, instance: &Instance) -> Result<(), Problem> {
    let name = instance.names().database;
    match find(engine, instance, &name).await? {
        Found::Nothing | Found::Foreign => Ok(()),
        Found::Begun | Found::Ready => psql::drop_database_and_role(engine, &name).await,
    }
}

/// Whether there is a whole database of this instance.
pub(crate) async fn is_ready(engine: &Engine, instance: &Instance) -> Result<bool, Problem> {
    Ok(find(engine, instance, &instance.names().database).await? == Found::Ready)
}

async fn find(engine: &Engine, instance: &Instance, name: &str) -> Result<Found, Problem> {
    let (name, mark) = (literal(name), literal(&mark(instance)));
    let sql = format!(
        "select case
             when not exists (select 1 from pg_roles where rolname = {name})
                 then case when exists (select 1 from pg_database where datname = {name}) then 'foreign' else 'nothing' end
             when (select shobj_description(oid, 'pg_authid') from pg_roles where rolname = {name})
                 is distinct from {mark} then 'foreign'
             when (select shobj_description(oid, 'pg_database') from pg_database where datname = {name}) = {mark}
                 then 'ready'
             else 'begun' end"
    );
    Ok(match psql::query(engine, "postgres", &sql).await?.as_str() {
        "nothing" => Found::Nothing,
        "begun" => Found::Begun,
        "ready" => Found::Ready,
        _ => Found::Foreign,
    })
}

/// The comment that says whose role and database they are.
fn mark(instance: &Instance) -> String {
    format!("sh.ocore.instance={}", instance.id)
}

fn foreign(name: &str) -> Problem {
    Problem::new(
        Code::ForeignResource,
        format!("The server's PostgreSQL has a role or database `{name}` that is not this instance's"),
        "Choose another slug, or rename or remove that one by hand if nobody needs it.",
    )
}
