//! An instance's volume: filestore and sessions.

use std::time::Duration;

use ocore_domain::Problem;
use ocore_fleet::{ContainerSpec, Engine, Mount};
use ocore_odoo::command::DATA_DIR;
use ocore_store::instances::Instance;

use super::{instance_labels, template::Template};
use crate::engine::Ctx;

/// Makes the volume and copies the template's filestore into it.
pub(crate) async fn create(
    ctx: &Ctx,
    engine: &Engine,
    instance: &Instance,
    template: &Template,
) -> Result<(), Problem> {
    let names = instance.names();
    engine
        .ensure_volume(&names.volume, &instance_labels(instance))
        .await?;
    // Copied beside and renamed: a copy that was cut off is not taken for a whole one.
    let script = r#"set -e
cd "$DATA_DIR" && mkdir -p filestore && rm -rf "filestore/.$DATABASE"
[ -d "filestore/$DATABASE" ] && exit 0
if [ -d "/template/filestore/$TEMPLATE" ]; then cp -a "/template/filestore/$TEMPLATE" "filestore/.$DATABASE"
else mkdir "filestore/.$DATABASE"; fi
mv "filestore/.$DATABASE" "filestore/$DATABASE""#;
    let mount = |volume: &str, target: &str, read_only| Mount {
        volume: volume.to_owned(),
        target: target.to_owned(),
        read_only,
    };
    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned().into());
    let spec = ContainerSpec {
        name: names.copier.clone(),
        image: instance.settings.image.clone(),
        entrypoint: Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), script.to_owned()]),
        env: vec![
            variable("DATA_DIR", DATA_DIR),
            variable("DATABASE", &names.database),
            variable("TEMPLATE", &template.name),
        ],
        labels: instance_labels(instance),
        volumes: vec![
            mount(&names.volume, DATA_DIR, false),
            mount(&template.name, "/template", true),
        ],
        ..ContainerSpec::default()
    };
    engine
        .run_to_end(&spec, Duration::from_secs(240), Some(ctx.sink()))
        .await?
        .success("Copying the filestore")?;
    Ok(())
}

/// Takes the volume away, and what an operation that was cut off left using it.
pub(crate) async fn remove(engine: &Engine, instance: &Instance) -> Result<(), Problem> {
    let (names, labels) = (instance.names(), instance_labels(instance));
    for user in [&names.copier, &names.packer, &names.mover] {
        engine.remove_container(user, &labels).await?;
    }
    engine.remove_volume(&names.volume, &labels).await
}
