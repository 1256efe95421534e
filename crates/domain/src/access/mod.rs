//! Who may do what: permissions, the roles that bundle them, and the limits of a grant.

mod invitation;
mod permission;
mod role;
mod scope;

pub use invitation::InvitationStatus;
pub use permission::{Action, Permission, Permissions, Resource};
pub use role::SystemRole;
pub use scope::Scope;
