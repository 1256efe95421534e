//! The HTTP API: one file per route, grouped by resource.
//!
//! A request passes, from the outside in: [`request`] (its id, its span in the log, its time limit, problems made
//! into answers), [`access`] (who sent it, and whether they may), [`limits`] (how much they ask),
//! [`idempotency`] (whether it was answered before), and its handler. Every error is an `application/problem+json`.

mod access;
mod activity;
mod admin;
mod advice;
mod agent;
mod alerts;
mod api_keys;
mod audit_logs;
mod auth;
mod body;
mod capacity;
mod charts;
mod checklist;
mod checks;
mod compression;
mod confirm;
mod contract;
mod counts;
mod docs;
mod dumps;
mod events;
mod grants;
mod health;
pub mod idempotency;
mod in_parts;
mod installation;
mod instances;
mod inventory;
mod invitations;
mod invite_links;
pub mod limits;
mod members;
mod notifications;
mod objects;
mod openapi;
mod operations;
mod organizations;
mod page;
mod placement;
mod post;
mod problem;
mod problems;
mod prometheus;
mod recovery_drills;
mod request;
mod revision;
mod roles;
mod secrets;
mod servers;
mod stream;
mod uptime;
mod user;
#[cfg(test)]
mod with_people;
mod words;

use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit, middleware};
use ocore_operations::Hands;
use ocore_store::{Store, notifications::Notifications};
use tokio_util::sync::CancellationToken;

use crate::{
    access::{AgentTokens, Routes, Walled},
    limits::{Limit, Limiter},
};

pub use access::{Proxies, Requirement, Route};
pub use installation::{Installation, Settings, Signup};
pub use openapi::openapi;
pub use post::Post;

/// The longest body of a request, in bytes.
const BODY_LIMIT: usize = 1 << 20;

/// What the handlers work with. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Api {
    /// The rows, each organization's behind walls.
    pub(crate) store: Walled,
    /// What is heard of the rows.
    pub(crate) notifications: Notifications,
    /// The ways to the servers.
    pub(crate) hands: Hands,
    /// Ends the streams that would go on for ever: cancelled when the process is to end.
    pub(crate) closing: CancellationToken,
    /// What this installation is.
    pub(crate) installation: Arc<Installation>,
    /// Whose the tokens of agents are.
    pub(crate) agents: AgentTokens,
    #[cfg(feature = "unguarded")]
    unguarded: bool,
}

impl Api {
    /// An API over a store, which hears and acts by what is given.
    pub fn new(
        store: Store,
        notifications: Notifications,
        hands: Hands,
        closing: CancellationToken,
        installation: Installation,
    ) -> Self {
        Self {
            store: Walled::new(store),
            notifications,
            hands,
            closing,
            installation: Arc::new(installation),
            agents: AgentTokens::default(),
            #[cfg(feature = "unguarded")]
            unguarded: false,
        }
    }

    /// Where people reach oCore: what links in mails begin with, without a slash at the end.
    pub(crate) fn app_url(&self) -> &str {
        &self.installation.settings.app_url
    }

    /// The same with the permission checks switched off, to see that row-level security holds alone. For tests only: the
    /// feature is in no build that is given away.
    #[cfg(feature = "unguarded")]
    #[must_use]
    pub fn unguarded(mut self) -> Self {
        self.unguarded = true;
        self
    }

    /// Whether permissions are not checked.
    #[cfg_attr(
        not(feature = "unguarded"),
        expect(clippy::unused_self, reason = "only tests can say so")
    )]
    pub(crate) const fn is_unguarded(&self) -> bool {
        #[cfg(feature = "unguarded")]
        return self.unguarded;
        #[cfg(not(feature = "unguarded"))]
        return false;
    }
}

/// What is served.
pub fn router(api: Api) -> Router {
    serve(api, routes())
}

/// What is served by a process that is not for requests: whether it is well, and its figures.
pub fn status_router(api: Api) -> Router {
    serve(
        api,
        Routes::default()
            .merge(health::routes())
            .merge(prometheus::routes()),
    )
}

fn serve(api: Api, routes: Routes) -> Router {
    let (router, _) = routes.into_router().split_for_parts();
    let limit = Limit {
        limiter: Limiter::new(api.installation.settings.quotas),
        keyed: access::sender,
    };
    router
        .layer(middleware::from_fn_with_state(
            api.store.answers(),
            idempotency::once,
        ))
        .layer(middleware::from_fn_with_state(limit, limits::limit))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(api.clone(), access::identify))
        .layer(middleware::from_fn(request::answer))
        .layer(middleware::from_fn_with_state(
            api.clone(),
            request::last_of_connection,
        ))
        .layer(middleware::from_fn_with_state(api.clone(), request::measure))
        .layer(compression::layer())
        .with_state(api)
}

/// Every route, with what it requires.
pub fn table() -> Vec<Route> {
    routes().into_table()
}

fn routes() -> Routes {
    Routes::default()
        .merge(health::routes())
        .merge(openapi::routes())
        .merge(docs::routes())
        .merge(problems::routes())
        .merge(prometheus::routes())
        .merge(auth::routes())
        .merge(user::routes())
        .merge(agent::routes())
        .merge(servers::routes())
        .merge(placement::routes())
        .merge(instances::routes())
        .merge(counts::routes())
        .merge(operations::routes())
        .merge(dumps::routes())
        .merge(activity::routes())
        .merge(events::routes())
        .merge(organizations::routes())
        .merge(members::routes())
        .merge(roles::routes())
        .merge(invitations::routes())
        .merge(invite_links::routes())
        .merge(api_keys::routes())
        .merge(audit_logs::routes())
        .merge(capacity::routes())
        .merge(advice::routes())
        .merge(checklist::routes())
        .merge(inventory::routes())
        .merge(recovery_drills::routes())
        .merge(admin::routes())
        .merge(alerts::routes())
        .merge(notifications::routes())
        .merge(uptime::routes())
}
