//! Template databases: Odoo is initialised once for each image and module set on a server, and copied from then on.

use std::time::Duration;

use ocore_domain::{Code, Problem, instance::Settings};
use ocore_fleet::{ContainerSpec, Engine, Mount, UploadFile};
use ocore_odoo::{
    Version, command,
    conf::{self, Conf},
};
use ocore_store::{instances::Instance, leases, servers::Server};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use tokio::time::sleep;

use super::{
    NETWORK, postgres,
    psql::{self, identifier, literal},
    server_labels,
};
use crate::engine::Ctx;

/// The modules every new database has.
const MODULES: &[&str] = &["base"];
/// How long the initialisation may take.
const INITIALISE: Duration = Duration::from_secs(840);

/// A prepared database and a volume of the same name.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) name: String,
}

/// The template for an instance's image; made from the image's identity, so that another build has another template.
pub(crate) async fn template(engine: &Engine, instance: &Instance) -> Result<Template, Problem> {
    let version: Version = instance.odoo_version.parse().map_err(Problem::internal)?;
    let image = engine.image_id(&instance.settings.image).await?;
    Ok(Template {
        name: ocore_odoo::template::name(version, &image, MODULES),
    })
}

/// Makes the template where it is not there yet. Of two creations that need the same one, the second waits.
pub(crate) async fn prepare(ctx: &Ctx, engine: &Engine, instance: &Instance) -> Result<(), Problem> {
    let template = template(engine, instance).await?;
    let mut told = false;
    while !is_ready(engine, &template.name).await? {
        if take_turn(ctx, instance, &template).await? {
            // It may have become ready between the question and the turn.
            if !is_ready(engine, &template.name).await? {
                make(ctx, engine, instance, &template).await?;
            }
            return give_turn(ctx, instance, &template).await;
        }
        if !told {
            ctx.info("Another creation prepares the same template; waiting for it");
            told = true;
        }
        sleep(Duration::from_secs(1)).await;
    }
    ctx.info(format!("The template {} is ready", template.name));
    Ok(())
}

/// The turn belongs to the operation, not to the process: whoever takes the operation over has it still.
async fn take_turn(ctx: &Ctx, instance: &Instance, template: &Template) -> Result<bool, Problem> {
    let mut conn = ctx.store().connection().await?;
    let length = INITIALISE + Duration::from_secs(60);
    Ok(leases::take(
        &mut conn,
        &turn(instance, template),
        ctx.operation().uuid(),
        length,
    )
    .await?)
}

async fn give_turn(ctx: &Ctx, instance: &Instance, template: &Template) -> Result<(), Problem> {
    let mut conn = ctx.store().connection().await?;
    Ok(leases::release(&mut conn, &turn(instance, template), ctx.operation().uuid()).await?)
}

fn turn(instance: &Instance, template: &Template) -> String {
    format!("template:{}:{}", instance.server_id, template.name)
}

async fn make(ctx: &Ctx, engine: &Engine, instance: &Instance, template: &Template) -> Result<(), Problem> {
    ctx.info(format!(
        "Initialising the template {}; this is done once for each image",
        template.name
    ));
    clear(engine, instance, template).await?;
    let password = SecretString::from(random_password());
    ctx.keep(&password);
    let (role, owner) = (
        identifier(&template.name),
        literal(&format!("sh.ocore.server={}", instance.server_id)),
    );
    let create = format!(
        "create role {role} login nosuperuser nocreatedb nocreaterole password {};
         comment on role {role} is {owner};
         create database {role} owner {role} template template0 encoding 'UTF8' lc_collate 'C';",
        literal(password.expose_secret())
    );
    psql::run(engine, "postgres", &create.into()).await?;
    // Odoo searches with these; only a superuser may make some of them.
    psql::query(
        engine,
        &template.name,
        "create extension if not exists pg_trgm; create extension if not exists unaccent;",
    )
    .await?;
    engine
        .ensure_volume(&template.name, &server_labels(instance.server_id))
        .await?;
    initialise(ctx, engine, instance, template, &password).await?;
    // The database goes to the superuser, so that handing over the role's objects in a copy leaves this one alone.
    // One transaction: a template that is not marked as ready is dropped, and one marked as a template cannot be.
    let seal = format!(
        "begin;
         alter role {role} nologin password null;
         alter database {role} owner to postgres;
         alter database {role} with is_template true allow_connections false;
         comment on database {role} is {};
         commit;",
        literal("sh.ocore.template=ready")
    );
    psql::query(engine, "postgres", &seal).await?;
    Ok(())
}

async fn initialise(
    ctx: &Ctx,
    engine: &Engine,
    instance: &Instance,
    template: &Template,
    password: &SecretString,
) -> Result<(), Problem> {
    let version: Version = instance.odoo_version.parse().map_err(Problem::internal)?;
    let settings = Settings {
        workers: 0,
        max_cron_threads: 0,
        ..instance.settings.0.clone()
    };
    let conf = conf::render(&Conf {
        database: &template.name,
        database_host: postgres::CONTAINER,
        database_port: postgres::PORT,
        database_user: &template.name,
        database_password: password,
        master_password: &SecretString::from(random_password()),
        settings: &settings,
        version,
        proxy_mode: false,
        addons_path: &[],
    });
    let spec = ContainerSpec {
        name: builder_name(template),
        image: settings.image.clone(),
        command: command::initialise(version, &template.name, MODULES),
        labels: server_labels(instance.server_id),
        network: Some(NETWORK.to_owned()),
        volumes: vec![Mount {
            volume: template.name.clone(),
            target: command::DATA_DIR.to_owned(),
            read_only: false,
        }],
        files: vec![conf_file(&conf)],
        init: true,
        ..ContainerSpec::default()
    };
    let finished = engine.run_to_end(&spec, INITIALISE, Some(ctx.sink())).await?;
    if finished.status == 0 {
        return Ok(());
    }
    let text = format!("{}\n{}", finished.stdout, finished.stderr);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines[lines.len().saturating_sub(15)..].join("\n");
    Err(Problem::new(
        Code::OdooFailedToStart,
        format!(
            "Odoo could not initialise a database with the image {} (exit status {}):\n{last}",
            settings.image, finished.status
        ),
        "Check that the image is an Odoo of the version chosen, then retry.",
    ))
}

/// Takes away what this operation left half made, but never a template that is ready.
pub(crate) async fn abandon(ctx: &Ctx, engine: &Engine, instance: &Instance) -> Result<(), Problem> {
    if !engine.image_present(&instance.settings.image).await? {
        return Ok(());
    }
    let template = template(engine, instance).await?;
    // Only what this operation was making is in its power.
    if !take_turn(ctx, instance, &template).await? {
        return Ok(());
    }
    if !is_ready(engine, &template.name).await? {
        clear(engine, instance, &template).await?;
    }
    give_turn(ctx, instance, &template).await
}

async fn clear(engine: &Engine, instance: &Instance, template: &Template) -> Result<(), Problem> {
    let labels = server_labels(instance.server_id);
    engine.remove_container(&builder_name(template), &labels).await?;
    psql::drop_database_and_role(engine, &template.name).await?;
    engine.remove_volume(&template.name, &labels).await
}

async fn is_ready(engine: &Engine, name: &str) -> Result<bool, Problem> {
    let sql = format!(
        "select coalesce(shobj_description(oid, 'pg_database'), '') from pg_database where datname = {}",
        literal(name)
    );
    Ok(psql::query(engine, "postgres", &sql).await? == "sh.ocore.template=ready")
}

/// Whoever has the turn may remove it, whichever operation made it.
fn builder_name(template: &Template) -> String {
    format!("ocore-builder.{}", template.name)
}

/// The configuration, where Odoo's image looks for it. Only the container's own processes can read it there.
pub(crate) fn conf_file(conf: &SecretString) -> UploadFile {
    UploadFile {
        path: command::CONF_PATH.to_owned(),
        content: SecretSlice::from(conf.expose_secret().as_bytes().to_vec()),
        mode: 0o444,
    }
}

fn random_password() -> String {
    let bytes: [u8; 24] = rand::random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Takes the volumes of a server's templates away, and what was left using one; their databases go with its PostgreSQL.
pub(crate) async fn remove_all(engine: &Engine, server: &Server) -> Result<(), Problem> {
    let labels = server_labels(server.id);
    for builder in engine.containers(&labels).await? {
        engine.remove_container(&builder.name, &labels).await?;
    }
    for volume in engine.volumes(&labels).await? {
        engine.remove_volume(&volume, &labels).await?;
    }
    Ok(())
}
