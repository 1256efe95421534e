//! The check of a chain as it is kept, a part at a time.

use std::time::{Duration, Instant};

use ocore_domain::{OrganizationId, audit::Place};
use sqlx::PgConnection;

use super::{Broken, Chain, ChainCheck, chain, links};
use crate::Result;

/// Links that are held in memory at once.
const BATCH: i64 = 500;

/// How much is checked at once: what comes first ends it.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Entries.
    pub entries: u64,
    /// Time.
    pub time: Duration,
}

/// What a check found.
#[derive(Clone, Debug)]
pub struct Verification {
    /// Where the chain began and ended then.
    pub chain: Chain,
    /// How many entries were found sound.
    pub entries: u64,
    /// The first one that is not.
    pub broken: Option<Broken>,
    /// From where to go on; nothing, when the end of the chain was reached or it is broken.
    pub next: Option<Place>,
}

/// Checks a chain from its beginning or after a place in it, within bounds. It has to be the first thing in its
/// transaction: everything is read as it was at one moment, whatever is written or taken away meanwhile.
pub async fn verify(
    conn: &mut PgConnection,
    organization: Option<OrganizationId>,
    after: Option<Place>,
    bounds: Bounds,
) -> Result<Verification> {
    sqlx::query("set transaction isolation level repeatable read")
        .execute(&mut *conn)
        .await?;
    verify_within(conn, organization, after, bounds).await
}

/// The same in a transaction that reads everything as it was at one moment already.
pub async fn verify_within(
    conn: &mut PgConnection,
    organization: Option<OrganizationId>,
    after: Option<Place>,
    bounds: Bounds,
) -> Result<Verification> {
    let began = Instant::now();
    let chain = chain(conn, organization).await?;
    let begin = after.unwrap_or_else(|| chain.begin.clone());
    let (mut seq, mut left) = (begin.seq, bounds.entries);
    let mut check = ChainCheck::after(begin);
    let next = loop {
        let wanted = BATCH.min(i64::try_from(left).unwrap_or(BATCH));
        let batch = links(conn, organization, seq, wanted).await?;
        for link in &batch {
            check.feed(link);
            seq = link.seq;
        }
        let read = u64::try_from(batch.len()).unwrap_or(0);
        left = left.saturating_sub(read);
        if i64::try_from(read).unwrap_or(0) < wanted {
            check.end_at(&chain.head);
            break None;
        }
        if check.broken().is_some() {
            break None;
        }
        if left == 0 || began.elapsed() >= bounds.time {
            break check.last().cloned();
        }
    };
    Ok(Verification {
        chain,
        entries: check.entries(),
        broken: check.broken(),
        next,
    })
}
