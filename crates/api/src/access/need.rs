//! What it takes to be let in.

use std::fmt;

use ocore_domain::access::{Permission, Resource};
use serde::Serialize;

/// What a route asks of who calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// Nothing: logins, health, descriptions.
    Anyone,
    /// A person who is signed in; what is done concerns only themselves.
    SignedIn,
    /// A member of the organization, or one of its keys, whatever they may do there.
    Member,
    /// A permission in the organization.
    Permission(Permission),
    /// The owner of the organization.
    Owner,
    /// Who administers the installation.
    ServerAdmin,
    /// The agent of a server, which is no member of anything.
    Agent,
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone => f.write_str("anyone"),
            Self::SignedIn => f.write_str("signed_in"),
            Self::Member => f.write_str("member"),
            Self::Permission(permission) => permission.fmt(f),
            Self::Owner => f.write_str("owner"),
            Self::ServerAdmin => f.write_str("server_admin"),
            Self::Agent => f.write_str("agent"),
        }
    }
}

impl Serialize for Requirement {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The agent of a server: it brings what it measured there, and opens nothing else.
pub(crate) struct Agent;

impl Need for Agent {
    const REQUIREMENT: Requirement = Requirement::Agent;
}

/// A requirement as a type.
pub(crate) trait Need: Send + Sync + 'static {
    /// The same as a value.
    const REQUIREMENT: Requirement;
}

/// A need that is not one of an organization: its handlers may go past the walls between organizations.
pub(crate) trait OutsideTenancy: Need {}

/// A need that only a member or a key of an organization meets: its handlers work within its walls.
pub(crate) trait InTenancy: Need {}

/// A kind of resource as a type.
pub(crate) trait Kind: Send + Sync + 'static {
    /// The same as a value.
    const RESOURCE: Resource;
}

macro_rules! needs {
    ($($(#[$doc:meta])* $name:ident: $place:ident),+ $(,)?) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl Need for $name {
            const REQUIREMENT: Requirement = Requirement::$name;
        }

        impl $place for $name {}
    )+};
}

needs! {
    /// Nothing is asked.
    Anyone: OutsideTenancy,
    /// A person who is signed in.
    SignedIn: OutsideTenancy,
    /// Anybody of the organization.
    Member: InTenancy,
    /// The organization's owner.
    Owner: InTenancy,
    /// Who administers the installation.
    ServerAdmin: OutsideTenancy,
}

/// To look at a kind of resource.
pub(crate) struct View<K>(std::marker::PhantomData<K>);

/// To change a kind of resource.
pub(crate) struct Manage<K>(std::marker::PhantomData<K>);

impl<K: Kind> Need for View<K> {
    const REQUIREMENT: Requirement = Requirement::Permission(Permission::view(K::RESOURCE));
}

impl<K: Kind> Need for Manage<K> {
    const REQUIREMENT: Requirement = Requirement::Permission(Permission::manage(K::RESOURCE));
}

impl<K: Kind> InTenancy for View<K> {}
impl<K: Kind> InTenancy for Manage<K> {}

macro_rules! kinds {
    ($($name:ident),+ $(,)?) => {$(
        #[doc = concat!("See `Resource::", stringify!($name), "`.")]
        pub(crate) struct $name;

        impl Kind for $name {
            const RESOURCE: Resource = Resource::$name;
        }
    )+};
}

kinds! {
    Organization, Members, Roles, ApiKeys, AuditLogs, Servers, Instances, Operations, Backups, Monitoring,
}
