//! Who asks, what they may do, and the transactions in which they do it.
//!
//! Every handler's first argument is an [`Allowed`] that names what it takes to be let in; [`guarded!`](crate::access::guarded) is the
//! only way to a route, and it takes no other handler. What a handler reads and changes it reads and changes through it:
//! [`Allowed::read`] and [`Allowed::change`] begin a transaction of the organization, and a change is committed only
//! together with the record of it.

mod act;
mod address;
mod agent;
mod allowed;
mod change;
pub(crate) mod cookies;
mod identify;
mod need;
mod principal;
mod routes;
mod standing;
mod told;
mod walled;

pub(crate) use act::Act;
pub use address::Proxies;
pub(crate) use agent::{AgentTokens, Bearer};
#[cfg(test)]
pub(crate) use allowed::Origin;
pub(crate) use allowed::{Allowed, Reader, unauthenticated};
pub(crate) use change::Change;
#[cfg(test)]
pub(crate) use identify::Identified;
pub(crate) use identify::{identify, sender};
pub use need::Requirement;
pub(crate) use need::{
    Agent, Anyone, ApiKeys, AuditLogs, Backups, InTenancy, Instances, Manage, Member, Members, Monitoring,
    Need, Operations, Organization, OutsideTenancy, Owner, Roles, ServerAdmin, Servers, SignedIn, View,
};
pub(crate) use principal::{Actor, Membership, Principal};
pub use routes::Route;
pub(crate) use routes::{Routes, guard, guarded, operations};
pub(crate) use standing::Standing;
pub(crate) use walled::Walled;
