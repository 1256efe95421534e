//! Final dumps: a deleted instance's database and filestore, kept for a while in a volume of the server.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use ocore_domain::{Code, Problem};
use ocore_fleet::{ContainerSpec, Engine, Exec, Mount};
use ocore_odoo::command::DATA_DIR;
use ocore_store::{
    dumps::{self, FinalDump},
    instances::Instance,
};
use uuid::Uuid;

use super::{
    database, instance_labels,
    postgres::{CONTAINER, DUMPS, DUMPS_VOLUME},
};
use crate::engine::Ctx;

/// How long a final dump is kept.
const KEPT: TimeDelta = TimeDelta::days(7);
const LIMIT: Duration = Duration::from_secs(3600);

/// Dumps database and filestore, and notes where they lie. An instance without a whole database has nothing to keep.
pub(crate) async fn make(ctx: &Ctx, engine: &Engine, instance: &Instance) -> Result<(), Problem> {
    if !database::is_ready(engine, instance).await? {
        ctx.info("There is no whole database to keep");
        return Ok(());
    }
    let names = instance.names();
    let (dump, archive) = paths(instance);
    // Written beside and renamed: a dump that was cut off is not taken for a whole one.
    let save = format!(
        "set -e; umask 077; pg_dump -U postgres --format=custom --file={dump}.part {}; mv {dump}.part {dump}; wc -c < {dump}",
        names.database
    );
    let size = in_postgres(engine, &save, LIMIT).await?;
    let pack = format!(
        "set -e; umask 077; cd {DATA_DIR}; mkdir -p filestore/{db}; tar -czf {archive}.part -C filestore {db}; \
         mv {archive}.part {archive}; wc -c < {archive}",
        db = names.database
    );
    let mount = |volume: &str, target: &str| Mount {
        volume: volume.to_owned(),
        target: target.to_owned(),
        read_only: false,
    };
    let packer = ContainerSpec {
        name: names.packer.clone(),
        image: instance.settings.image.clone(),
        entrypoint: Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), pack]),
        user: Some("0".to_owned()),
        labels: instance_labels(instance),
        volumes: vec![mount(&names.volume, DATA_DIR), mount(DUMPS_VOLUME, DUMPS)],
        ..ContainerSpec::default()
    };
    let packed = engine
        .run_to_end(&packer, LIMIT, None)
        .await?
        .success("Packing the filestore")?;
    let bytes = |text: &str| text.trim().parse::<i64>().unwrap_or(0);
    let now = Utc::now();
    let note = FinalDump {
        id: Uuid::now_v7(),
        organization_id: instance.organization_id,
        instance_id: instance.id,
        instance_name: instance.name.clone(),
        server_id: instance.server_id,
        database_path: dump,
        filestore_path: archive,
        size_bytes: bytes(&size) + bytes(&packed),
        created_at: now,
        expires_at: now + KEPT,
    };
    dumps::upsert(&mut *ctx.store().connection().await?, &note).await?;
    ctx.info(format!(
        "Kept a final dump of {} bytes until {}",
        note.size_bytes,
        note.expires_at.date_naive()
    ));
    Ok(())
}

/// Takes the dump of a deletion back that does not happen. Where the database is gone, an earlier deletion took it, and
/// its dump is all that is left: that stays.
pub(crate) async fn discard(ctx: &Ctx, engine: &Engine, instance: &Instance) -> Result<(), Problem> {
    engine
        .remove_container(&instance.names().packer, &instance_labels(instance))
        .await?;
    if !database::is_ready(engine, instance).await? {
        return Ok(());
    }
    let (dump, archive) = paths(instance);
    delete(engine, &dump, &archive).await?;
    Ok(dumps::forget(&mut *ctx.store().connection().await?, instance.id).await?)
}

/// Deletes the files of a dump; that they are gone already is fine.
pub(crate) async fn delete(engine: &Engine, dump: &str, archive: &str) -> Result<(), Problem> {
    in_postgres(
        engine,
        &format!("rm -f {dump} {dump}.part {archive} {archive}.part"),
        Duration::from_secs(60),
    )
    .await
    .map(drop)
}

/// The two files, in the server's PostgreSQL container. Their names hold a slug and an identifier only.
fn paths(instance: &Instance) -> (String, String) {
    let stem = format!("{DUMPS}/{}-{}", instance.slug, instance.id);
    (format!("{stem}.dump"), format!("{stem}-filestore.tar.gz"))
}

async fn in_postgres(engine: &Engine, script: &str, timeout: Duration) -> Result<String, Problem> {
    let argv = ["sh", "-c", script].map(str::to_owned).to_vec();
    let finished = engine
        .exec(
            CONTAINER,
            Exec {
                argv,
                stdin: None,
                user: None,
                timeout,
                lines: None,
            },
        )
        .await?;
    if finished.status == 0 {
        return Ok(finished.stdout);
    }
    Err(Problem::new(
        Code::DatabaseFailed,
        format!("A final dump failed: {}", finished.stderr.trim()),
        "Make room on the server, or delete the instance without keeping a dump.",
    ))
}
