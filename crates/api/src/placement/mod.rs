//! Where instances go: proposals, and what is wished for in them.

mod propose;
mod wish;

use std::collections::BTreeMap;

use ocore_domain::{
    OrganizationId, Problem, ServerId,
    placement::{Amounts, Choice, Placed, Policy, Reason, Verdict, Wish, judge, rank},
};
use ocore_operations::capacity;
use ocore_store::{
    PgConnection, placement as fleet,
    servers::{self, Server},
};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use wish::{Preferences, check_group, check_labels, check_taints};

use crate::{
    access::{Routes, guarded},
    problem::Answer,
};

pub(crate) fn routes() -> Routes {
    Routes::default().with(guarded!(propose::propose))
}

/// A server with whether it can take the instance, how well it suits, and why.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Candidate {
    server_id: ServerId,
    server_name: String,
    /// From 0 to 100; null when it cannot take it.
    score: Option<u8>,
    /// What the score is made of, or what stands in the way.
    reasons: Vec<Told>,
    /// What the instance would take there.
    takes: Amounts,
}

/// A reason, for machines and for people.
#[derive(Serialize, ToSchema)]
struct Told {
    code: ocore_domain::placement::ReasonCode,
    text: String,
    /// The figures it drew on; a name tells its unit.
    figures: BTreeMap<String, f64>,
}

impl From<Reason> for Told {
    fn from(reason: Reason) -> Self {
        Self {
            code: reason.code,
            text: reason.text,
            figures: reason
                .figures
                .into_iter()
                .map(|(name, figure)| (name.to_owned(), figure))
                .collect(),
        }
    }
}

impl From<Placed> for Candidate {
    fn from(placed: Placed) -> Self {
        let score = placed.score();
        let (Verdict::Suits { reasons, .. } | Verdict::Refused { reasons }) = placed.verdict;
        Self {
            server_id: placed.server,
            server_name: placed.name,
            score,
            reasons: reasons.into_iter().map(Told::from).collect(),
            takes: placed.amounts,
        }
    }
}

/// Every server that the asker sees, best first.
async fn ranked(
    conn: &mut PgConnection,
    organization: OrganizationId,
    wish: &Wish,
    policy: Option<Policy>,
) -> Answer<(Policy, Vec<Placed>)> {
    let policy = match policy {
        Some(policy) => policy,
        None => fleet::policy(conn, organization).await?,
    };
    let fleet = fleet::fleet(conn, organization).await?;
    Ok((policy, rank(wish, policy, &fleet)))
}

/// The best server for a wish, whose row is not locked: whoever goes on locks several, in an order of their own, and looks
/// again.
pub(crate) async fn best(
    conn: &mut PgConnection,
    organization: OrganizationId,
    wish: &Wish,
    what: &str,
) -> Answer<(Server, Candidate)> {
    let (_, placed) = ranked(conn, organization, wish, None).await?;
    let Some(best) = placed.first().filter(|one| one.score().is_some()) else {
        return Err(capacity::nowhere(what, &placed).into());
    };
    let row = servers::get(conn, best.server).await?;
    let row = row.ok_or_else(|| Problem::internal("a server of the fleet is gone"))?;
    Ok((row, Candidate::from(best.clone())))
}

/// The best server for a wish, with its row locked; one that became full before that is passed over.
pub(crate) async fn pick(
    conn: &mut PgConnection,
    organization: OrganizationId,
    wish: &Wish,
    what: &str,
) -> Answer<(Server, Candidate)> {
    let (policy, mut placed) = ranked(conn, organization, wish, None).await?;
    for one in placed.iter_mut().filter(|one| one.score().is_some()) {
        fleet::try_out(conn).await?;
        servers::lock(conn, one.server).await?;
        let row = servers::get(conn, one.server).await?;
        let row = row.ok_or_else(|| Problem::internal("a server of the fleet is gone"))?;
        // As it is now that nobody else gives its room away.
        let room = capacity::room(conn, &row).await?;
        one.verdict = judge(wish, policy, Choice::Ours, &room);
        if one.score().is_some() {
            return Ok((row, Candidate::from(one.clone())));
        }
        fleet::let_go(conn).await?;
    }
    Err(capacity::nowhere(what, &placed).into())
}
