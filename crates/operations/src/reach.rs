//! What follows for servers from SSH and their agents together: both vantage points have to agree before one is called
//! unreachable. What the looks showed is in rows, so that whoever leads can tell.

use std::collections::HashSet;

use chrono::Utc;
use ocore_domain::{
    Problem,
    alerts::{Reach, reach},
    server::ServerStatus,
};
use ocore_store::{
    activity,
    checks::{self, Standing},
    servers,
};
use uuid::Uuid;

use crate::{Hands, observer::blind};

/// Draws the conclusions that are due. `news` are the servers whose agents told something that was not looked at.
pub(crate) async fn settle(hands: &Hands, news: &[Uuid]) -> Result<(), Problem> {
    let news: HashSet<&Uuid> = news.iter().collect();
    let standings = checks::standings(&mut *hands.store().connection().await?).await?;
    let mut by_agent: Vec<Uuid> = Vec::new();
    for standing in standings {
        let Some(now) = reach(standing.ssh, standing.agent, Utc::now()) else {
            continue;
        };
        let id = standing.server_id.uuid();
        if now == Reach::SshUnreachable && news.contains(&id) {
            by_agent.push(id);
        }
        if now != standing.reach || is_to_be_told(&standing, now) {
            conclude(hands, &standing, now).await?;
        }
    }
    if !by_agent.is_empty() {
        checks::follow_agents(&mut *hands.store().connection().await?, &by_agent).await?;
    }
    Ok(())
}

/// Whether the row says something else than what is known.
fn is_to_be_told(standing: &Standing, now: Reach) -> bool {
    match now {
        Reach::Unreachable => standing.status == ServerStatus::Active,
        Reach::SshUnreachable => standing.status == ServerStatus::Unreachable,
        // The look that came through says so itself.
        Reach::Reachable => false,
    }
}

async fn conclude(hands: &Hands, standing: &Standing, now: Reach) -> Result<(), Problem> {
    let id = standing.server_id;
    let why = standing.ssh_detail.as_deref().unwrap_or("no reason is known");
    let mut tx = hands.store().begin().await?;
    checks::set_reach(&mut tx, id, now).await?;
    // That it failed is for a person to mend; it says so until then.
    let status = servers::get(&mut tx, id).await?.map(|server| server.status);
    let is_ours = matches!(status, Some(ServerStatus::Active | ServerStatus::Unreachable));
    let told = match now {
        Reach::Reachable => None,
        Reach::SshUnreachable => Some((
            ServerStatus::Active,
            format!("SSH does not answer, the agent does: {why}"),
            "server.ssh_unreachable",
        )),
        Reach::Unreachable => Some((ServerStatus::Unreachable, why.to_owned(), "server.unreachable")),
    };
    if let Some((status, message, kind)) = told {
        if is_ours {
            servers::set_status(&mut tx, id, status, Some(&message)).await?;
            let subject = ("server", id.uuid());
            let said = match now {
                Reach::Unreachable => format!("{} cannot be reached: {why}", standing.name),
                _ => format!("{}: {message}", standing.name),
            };
            activity::record(&mut tx, standing.organization_id, subject, kind, &said).await?;
        }
        if now == Reach::Unreachable {
            blind(&mut tx, id, &format!("its server cannot be reached: {why}")).await?;
        }
    }
    tx.commit().await.map_err(ocore_store::Error::from)?;
    Ok(())
}
