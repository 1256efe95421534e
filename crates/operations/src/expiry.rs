//! What is over is deleted: final dumps, and what is left of logins.

use ocore_domain::Problem;
use ocore_store::{dumps, login_attempts};

use crate::{Hands, parts::dump};

/// Deletes what has expired; a server that cannot be reached is tried again the next time.
pub(crate) async fn delete_expired(hands: &Hands) -> Result<(), Problem> {
    login_attempts::sweep(&mut *hands.store().connection().await?).await?;
    let expired = dumps::expired(&mut *hands.store().connection().await?).await?;
    for old in expired {
        let deleted = async {
            let engine = hands.host(old.server_id).await?.engine().await?;
            dump::delete(&engine, &old.database_path, &old.filestore_path).await?;
            dumps::mark_removed(&mut *hands.store().connection().await?, old.id).await?;
            Ok::<_, Problem>(())
        };
        if let Err(problem) = deleted.await {
            tracing::warn!(dump = %old.id, %problem, "an expired final dump could not be deleted");
        }
    }
    Ok(())
}
