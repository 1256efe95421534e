//! What is kept for a time only is deleted when it is over: final dumps, answers to repeated requests, what is left of
//! logins, operations that ended and activity that was long ago, and the record of who did what.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use ocore_domain::Problem;
use ocore_store::{activity, advice, audit, dumps, idempotency, login_attempts, operations};

use crate::{Hands, alerts, leader::Duty, parts::dump};

/// Deletes everything whose time is over.
pub(crate) struct Expiry {
    /// How long an operation is kept after its end, and what happened besides.
    pub(crate) operations: TimeDelta,
}

#[async_trait]
impl Duty for Expiry {
    fn name(&self) -> &'static str {
        "expiry"
    }

    fn every(&self) -> Duration {
        Duration::from_secs(600)
    }

    async fn fulfil(&mut self, hands: &Hands) -> Result<(), Problem> {
        // One of them may fail without the others.
        let (dumps, record) = (delete_dumps(hands).await, delete_record(hands).await);
        let (answers, operations) = (delete_answers(hands).await, self.delete_operations(hands).await);
        let alerts = alerts::delete_old(hands).await;
        dumps.and(record).and(answers).and(operations).and(alerts)
    }
}

impl Expiry {
    async fn delete_operations(&self, hands: &Hands) -> Result<(), Problem> {
        let before = Utc::now() - self.operations;
        let mut conn = hands.store().own_connection().await?;
        let operations = operations::prune(&mut conn, before).await?;
        let activity = activity::prune(&mut conn, before).await?;
        if operations + activity > 0 {
            tracing::info!(operations, activity, "what was long ago was deleted");
        }
        Ok(())
    }
}

async fn delete_answers(hands: &Hands) -> Result<(), Problem> {
    let mut conn = hands.store().connection().await?;
    idempotency::prune(&mut conn).await?;
    login_attempts::sweep(&mut conn).await?;
    advice::prune(&mut conn).await?;
    Ok(())
}

/// Takes away what organizations do not want recorded any longer.
async fn delete_record(hands: &Hands) -> Result<(), Problem> {
    let gone = audit::prune(&mut *hands.store().own_connection().await?, Utc::now()).await?;
    if gone > 0 {
        tracing::info!(
            entries = gone,
            "entries of the record were taken away, their time was over"
        );
    }
    Ok(())
}

/// Deletes the dumps that have expired; a server that cannot be reached is tried again the next time.
async fn delete_dumps(hands: &Hands) -> Result<(), Problem> {
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
