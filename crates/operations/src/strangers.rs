//! Containers that bear oCore's mark for this very server, and of whose instance there is no row: made after the backup
//! that oCore was restored from. They are told of and left alone.

use std::collections::HashSet;

use ocore_domain::{InstanceId, Problem};
use ocore_fleet::{Container, label};
use ocore_store::{PgConnection, activity, instances, servers::Server};

/// What happened, for programs.
pub(crate) const KIND: &str = "server.unknown_instance";

/// A container, and the instance it says it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stranger {
    pub(crate) container: String,
    pub(crate) instance: InstanceId,
}

/// The instances that containers say they are of, but those that are known to be here.
pub(crate) fn candidates(containers: &[Container], here: &HashSet<InstanceId>) -> Vec<Stranger> {
    containers
        .iter()
        .filter_map(|container| {
            let instance: InstanceId = container.labels.get(label::INSTANCE)?.parse().ok()?;
            (!here.contains(&instance)).then(|| Stranger {
                container: container.name.clone(),
                instance,
            })
        })
        .collect()
}

/// Tells of each of them once.
pub(crate) async fn tell(
    conn: &mut PgConnection,
    server: &Server,
    candidates: &[Stranger],
) -> Result<(), Problem> {
    for stranger in candidates {
        // One that was removed has a row still, and so has one that is on its way from another server.
        if instances::is_known(conn, stranger.instance).await? {
            continue;
        }
        let said = format!(
            "{} has the container {} of an instance that oCore does not know ({}); it is left alone",
            server.name, stranger.container, stranger.instance
        );
        activity::record_once(
            conn,
            server.organization_id,
            ("server", server.id.uuid()),
            KIND,
            &said,
        )
        .await?;
    }
    Ok(())
}
