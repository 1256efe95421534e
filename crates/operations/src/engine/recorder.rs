//! Writes how operations go on: what those of one worker have to write at the same time goes in one statement, with one wait
//! for the disk. Alone, a change is written at once.

use std::{collections::HashSet, sync::Arc};

use ocore_store::{
    Store,
    operations::{self, ClaimName, Claimed, Finish, StepChange},
};
use tokio::sync::{Mutex, mpsc, oneshot};

use super::{
    LetGo,
    patience::{Pauses, persist},
};

/// Changes that wait to be written; who has more to write waits too.
const WAITING: usize = 1024;
/// Operations whose changes are written at once.
const BATCH: usize = 256;

/// Statements under way at once: while one waits for the disk, the next is worked out.
const WRITERS: usize = 2;

/// What one claim has to write: changes of the operation's steps, and perhaps its end.
struct Record {
    claim: ClaimName,
    changes: Vec<StepChange>,
    end: Option<Finish>,
    written: oneshot::Sender<Result<bool, LetGo>>,
}

/// Takes what the operations of a worker have to write.
#[derive(Clone, Debug)]
pub(crate) struct Recorder(mpsc::Sender<Record>);

impl Recorder {
    /// Starts the writers. They end when every clone is dropped.
    pub(crate) fn start(store: &Store) -> Self {
        let (records, inbox) = mpsc::channel(WAITING);
        let inbox = Arc::new(Mutex::new(inbox));
        for _ in 0..WRITERS {
            tokio::spawn(write(store.clone(), inbox.clone()));
        }
        Self(records)
    }

    /// Writes for an operation, waiting while the database is away; its worker lets it go when the claim is no longer valid.
    pub(crate) async fn record(
        &self,
        claim: &Claimed,
        changes: Vec<StepChange>,
        end: Option<Finish>,
    ) -> Result<(), LetGo> {
        let (written, answer) = oneshot::channel();
        let record = Record {
            claim: claim.name(),
            changes,
            end,
            written,
        };
        self.0.send(record).await.map_err(|_| LetGo::Fenced)?;
        match answer.await {
            Ok(Ok(true)) => Ok(()),
            Ok(Err(let_go)) => Err(let_go),
            Ok(Ok(false)) | Err(_) => Err(LetGo::Fenced),
        }
    }
}

/// A claim waits for what it has to write, so that the writers never have two records of one.
async fn write(store: Store, inbox: Arc<Mutex<mpsc::Receiver<Record>>>) {
    loop {
        let mut all = Vec::new();
        if inbox.lock().await.recv_many(&mut all, BATCH).await == 0 {
            return;
        }
        let together = at_once(&store, &all).await;
        for record in all {
            let written = match &together {
                Ok(valid) => Ok(valid.contains(&record.claim)),
                // One of them may be refused, and that must not be the others' fault.
                Err(_) => at_once(&store, std::slice::from_ref(&record))
                    .await
                    .map(|valid| valid.contains(&record.claim)),
            };
            // Its worker may have let it go meanwhile.
            let _ = record.written.send(written);
        }
    }
}

/// Writes several in one statement; answers the claims that were still valid.
async fn at_once(store: &Store, records: &[Record]) -> Result<HashSet<ClaimName>, LetGo> {
    let changes: Vec<StepChange> = records
        .iter()
        .flat_map(|record| record.changes.iter().cloned())
        .collect();
    let ends: Vec<Finish> = records.iter().filter_map(|record| record.end.clone()).collect();
    let valid = persist!({ operations::record(&mut *store.connection().await?, &changes, &ends).await });
    Ok(valid?.into_iter().collect())
}
