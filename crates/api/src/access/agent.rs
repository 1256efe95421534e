//! Agents: whose a token is, and the only door that it opens.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use ocore_domain::{OrganizationId, ServerId};
use ocore_store::{
    Tx,
    agents::{self, Opened, TokenHash},
};
use secrecy::SecretString;

use super::{Actor, Agent, Allowed, Principal, Walled, allowed::unauthenticated};
use crate::problem::Answer;

/// How long it is believed that a token is good without asking. What it brings is refused at once all the same when it
/// is not: [`agents::heard`] looks at the row.
const BELIEVED: Duration = Duration::from_secs(60);
/// How many are remembered.
const MOST: usize = 10_000;

/// Whose the tokens of agents are, for a while: a thousand agents that push are not a thousand queries.
#[derive(Clone, Debug, Default)]
pub(crate) struct AgentTokens(Arc<Mutex<HashMap<TokenHash, (Opened, Instant)>>>);

impl AgentTokens {
    /// The agent that bears this token.
    pub(super) async fn open(&self, store: &Walled, token: &SecretString) -> Answer<Principal> {
        let hash = agents::hash(token);
        let opened = if let Some(opened) = self.believed(&hash) {
            opened
        } else {
            let mut conn = store.store().connection().await?;
            let found = agents::open(&mut conn, &hash).await?;
            let opened =
                found.ok_or_else(|| unauthenticated("The agent's token is not valid, or not any more"))?;
            self.believe(hash, opened);
            opened
        };
        Ok(Principal {
            actor: Actor::Agent {
                server: opened.server,
                organization: opened.organization,
                token: hash,
            },
            membership: None,
            is_server_admin: false,
        })
    }

    /// Whether the token of an agent is still good, by its row: what lasts longer than a request asks again.
    pub(crate) async fn is_good(&self, store: &Walled, agent: &Bearer) -> Answer<bool> {
        let mut conn = store.store().connection().await?;
        let is_good = agents::opens(&mut conn, agent.server, &agent.token).await?;
        if !is_good {
            self.forget(&agent.token);
        }
        Ok(is_good)
    }

    /// This token is good no more.
    pub(crate) fn forget(&self, token: &TokenHash) {
        self.lock().remove(token);
    }

    fn believed(&self, hash: &TokenHash) -> Option<Opened> {
        let (opened, since) = *self.lock().get(hash)?;
        (since.elapsed() < BELIEVED).then_some(opened)
    }

    fn believe(&self, hash: TokenHash, opened: Opened) {
        let mut known = self.lock();
        if known.len() >= MOST {
            known.retain(|_, (_, since)| since.elapsed() < BELIEVED);
        }
        if known.len() < MOST {
            known.insert(hash, (opened, Instant::now()));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TokenHash, (Opened, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of which server the agent is that asks.
pub(crate) struct Bearer {
    pub(crate) server: ServerId,
    pub(crate) organization: OrganizationId,
    pub(crate) token: TokenHash,
}

impl Allowed<Agent> {
    /// Of which server the agent is. Not so with the check switched off: then nobody is an agent who bears no token.
    pub(crate) fn agent(&self) -> Answer<Bearer> {
        let principal = self.signed()?;
        let Actor::Agent {
            server,
            organization,
            token,
        } = principal.actor
        else {
            principal.check(super::Requirement::Agent)?;
            return Err(unauthenticated("The request bears no agent's token"));
        };
        Ok(Bearer {
            server,
            organization,
            token,
        })
    }

    /// A transaction to write what was measured: no act of anybody, so it is not recorded. It is outside the walls, for
    /// requests may not write samples; whose they are is the token's word, not the request's.
    pub(crate) async fn bring(&self) -> Answer<Tx> {
        self.store().outside().await
    }
}
