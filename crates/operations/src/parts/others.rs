//! Other operations, begun and waited for by one that is made of them.

use std::{collections::HashSet, time::Duration};

use ocore_domain::{
    Code, InstanceId, OperationId, OrganizationId, Problem, ServerId, instance::InstanceStatus,
    operation::OperationState, server::ServerStatus,
};
use ocore_store::{
    PgConnection, instances,
    operations::{self, Operation},
    servers,
};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::{command, engine::Ctx, instance_delete, server_remove};

/// How many are begun before the first of them is waited for. How many of them run at once is the queue's matter.
pub(crate) const AT_ONCE: i64 = 100;
/// A notification can be lost with its connection: look by yourself now and then.
const POLL: Duration = Duration::from_secs(2);
/// However much is heard, the rows are not read more often.
const PAUSE: Duration = Duration::from_millis(200);

/// What is taken away by an operation of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Instance,
    Server,
}

/// What became of all of a kind.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// How many were taken away by it, also before its worker was lost.
    pub(crate) gone: i64,
    /// Which are not, by name, and why.
    pub(crate) left: Vec<(String, String)>,
}

impl Kind {
    /// What one is called.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Server => "server",
        }
    }

    /// What to do when one cannot be taken away.
    pub(crate) const fn mend(self) -> &'static str {
        match self {
            Self::Instance => {
                "What is gone stays gone, and the organization is as before otherwise. Look at the operations named, mend what \
                 they tell, and retry. A server that is lost for good is forgotten with its instances by \
                 `ocore server remove NAME --force`."
            }
            Self::Server => {
                "What is gone stays gone, and the organization is as before otherwise. Look at the operations named, mend what \
                 they tell, and retry. A server that is lost for good is forgotten by `ocore server remove NAME --force`."
            }
        }
    }

    const fn operation(self) -> &'static str {
        match self {
            Self::Instance => instance_delete::DEFINITION.kind,
            Self::Server => server_remove::DEFINITION.kind,
        }
    }

    async fn batch(
        self,
        conn: &mut PgConnection,
        organization: OrganizationId,
        after: Option<Uuid>,
    ) -> Result<Vec<(Uuid, String)>, Problem> {
        Ok(match self {
            Self::Instance => instances::names(conn, organization, after, AT_ONCE).await?,
            Self::Server => servers::names(conn, organization, after, AT_ONCE).await?,
        })
    }

    /// Enqueues what takes one away; nothing, if it is gone.
    async fn request(
        self,
        tx: &mut PgConnection,
        id: Uuid,
        keep_dump: bool,
    ) -> Result<Option<OperationId>, Problem> {
        match self {
            Self::Instance => {
                let found = instances::get(tx, InstanceId::from(id)).await?;
                let Some(instance) = found.filter(|of| of.status != InstanceStatus::Removed) else {
                    return Ok(None);
                };
                let params = instance_delete::Params { keep_dump };
                instance_delete::request(tx, &instance, &params).await.map(Some)
            }
            Self::Server => {
                let found = servers::get(tx, ServerId::from(id)).await?;
                let Some(server) = found.filter(|of| of.status != ServerStatus::Removed) else {
                    return Ok(None);
                };
                let params = server_remove::Params { force: false };
                server_remove::request(tx, &server, &params).await.map(Some)
            }
        }
    }
}

/// Where the taking away of one thing stands.
enum Stands {
    /// An operation is at work on it that takes it away.
    Going(OperationId),
    /// An operation is at work on it that has to end first.
    Busy(OperationId),
    /// It is not there any more.
    Gone,
    /// It cannot be taken away.
    Left(String),
}

/// Takes away all of a kind that the operation's organization has, some at once. Done again after a worker was lost, it
/// goes on with the operations it began; none that failed is begun anew.
pub(crate) async fn take_away_all(ctx: &Ctx, kind: Kind, keep_dump: bool) -> Result<Taken, Problem> {
    let mut taken = Taken::default();
    let mut after = None;
    loop {
        let mut conn = ctx.store().connection().await?;
        let batch = kind.batch(&mut conn, ctx.organization(), after).await?;
        drop(conn);
        let Some((last, _)) = batch.last() else {
            let mut conn = ctx.store().connection().await?;
            taken.gone = operations::parts_done(&mut conn, ctx.operation(), kind.operation()).await?;
            return Ok(taken);
        };
        after = Some(*last);
        let mut waiting = batch;
        // Where something else is at work, another round is needed.
        while !waiting.is_empty() {
            waiting = round(ctx, kind, keep_dump, waiting, &mut taken).await?;
        }
    }
}

/// Begins what is not begun, and waits for all of it; answers what has to be looked at again.
async fn round(
    ctx: &Ctx,
    kind: Kind,
    keep_dump: bool,
    things: Vec<(Uuid, String)>,
    taken: &mut Taken,
) -> Result<Vec<(Uuid, String)>, Problem> {
    let (mut begun, mut again) = (Vec::new(), Vec::new());
    for (id, name) in things {
        match begin(ctx, kind, (id, &name), keep_dump).await? {
            Stands::Going(operation) | Stands::Busy(operation) => {
                begun.push(operation);
                again.push((id, name));
            }
            Stands::Gone => {}
            Stands::Left(why) => {
                ctx.warn(format!("The {} `{name}` is not taken away: {why}", kind.word()));
                taken.left.push((name, why));
            }
        }
    }
    if !begun.is_empty() {
        all_ended(ctx, &begun).await?;
    }
    Ok(again)
}

async fn begin(ctx: &Ctx, kind: Kind, (id, name): (Uuid, &str), keep_dump: bool) -> Result<Stands, Problem> {
    let mut tx = ctx.store().begin().await?;
    if let Some(open) = operations::open_for_subject(&mut tx, id).await? {
        drop(tx);
        if open.kind == kind.operation() {
            return Ok(Stands::Going(open.id));
        }
        // Somebody began it meanwhile.
        cancel(ctx, &open).await?;
        return Ok(Stands::Busy(open.id));
    }
    if let Some(mine) = operations::newest_part(&mut tx, ctx.operation(), id).await? {
        return Ok(match mine.state {
            OperationState::Done => Stands::Gone,
            state => {
                let why = mine
                    .error
                    .map_or_else(String::new, |error| format!(": {}", error.0.detail));
                Stands::Left(format!("operation {} {state}{why}", mine.id))
            }
        });
    }
    match kind.request(&mut tx, id, keep_dump).await {
        Ok(Some(operation)) => {
            ctx.info(format!(
                "The {} `{name}` goes by the operation {operation}",
                kind.word()
            ));
            operations::set_part_of(&mut tx, operation, ctx.operation()).await?;
            tx.commit().await.map_err(ocore_store::Error::from)?;
            Ok(Stands::Going(operation))
        }
        Ok(None) => Ok(Stands::Gone),
        Err(problem) if problem.is_transient() => Err(problem),
        Err(problem) if problem.code == Code::NotFound => Ok(Stands::Gone),
        Err(problem) => {
            // Another may have been quicker.
            drop(tx);
            let mut conn = ctx.store().connection().await?;
            let open = operations::open_for_subject(&mut conn, id).await?;
            Ok(open.map_or_else(
                || Stands::Left(problem.detail.clone()),
                |open| Stands::Busy(open.id),
            ))
        }
    }
}

/// Cancels another operation; one that cannot be any more comes to its end by itself.
pub(crate) async fn cancel(ctx: &Ctx, operation: &Operation) -> Result<bool, Problem> {
    let mut tx = ctx.store().begin().await?;
    match command::cancel(&mut tx, operation).await {
        Ok(()) => {
            tx.commit().await.map_err(ocore_store::Error::from)?;
            Ok(true)
        }
        Err(problem) if problem.code == Code::StateConflict => Ok(false),
        Err(problem) => Err(problem),
    }
}

/// Waits until none of these operations is open.
pub(crate) async fn all_ended(ctx: &Ctx, operations: &[OperationId]) -> Result<(), Problem> {
    let mut changes = ctx.hands().notifications().operations();
    let mut left = operations.len();
    loop {
        let mut conn = ctx.store().connection().await?;
        let open = operations::still_open(&mut conn, operations).await?;
        drop(conn);
        if open.is_empty() {
            return Ok(());
        }
        if open.len() < left {
            left = open.len();
            let ended = operations.len() - left;
            ctx.info(format!("{ended} of {} operations have ended", operations.len()));
        }
        let open: HashSet<OperationId> = open.into_iter().collect();
        let heard = async {
            // So much may be heard that some is missed: it may have been about one of these.
            while changes.recv().await.is_ok_and(|id| !open.contains(&id)) {}
        };
        let _ = timeout(POLL, heard).await;
        sleep(PAUSE).await;
    }
}
