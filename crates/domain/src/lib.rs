//! What oCore talks about: identifiers, states and their transitions, names, sizing rules.
//!
//! Everything here is pure: no clock, no randomness beyond new identifiers, no I/O.

pub mod access;
pub mod advice;
pub mod alerts;
pub mod audit;
pub mod capacity;
pub mod id;
pub mod instance;
pub mod operation;
mod organization_slug;
pub mod placement;
pub mod problem;
pub mod server;
pub mod slug;
pub mod sort;
mod topic;
mod words;

pub use id::{
    AlertEventId, AlertRuleId, ApiKeyId, ChannelId, DeliveryId, InstanceId, InvitationId, InviteLinkId,
    OperationId, OrganizationId, PasskeyId, RoleId, ServerId, SessionId, UserId, WorkerId,
};
pub use organization_slug::OrganizationSlug;
pub use problem::{Code, Problem};
pub use slug::Slug;
pub use topic::{Topic, Topics};
