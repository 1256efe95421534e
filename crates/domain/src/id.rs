//! Typed identifiers: an instance's id cannot be passed where a server's is wanted.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        #[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
        #[serde(transparent)]
        #[schema(value_type = Uuid)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier; ordered by time of creation (UUID version 7).
            #[expect(clippy::new_without_default, reason = "a default identifier would be a different one each time")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The UUID inside, for the database and the wire.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+};
}

ids! {
    /// A tenant: every resource belongs to exactly one.
    OrganizationId,
    /// A Linux machine that runs instances.
    ServerId,
    /// One Odoo: a container, a database, a role, a volume and its ports.
    InstanceId,
    /// One long action and the record of it.
    OperationId,
    /// A process that executes operations.
    WorkerId,
    /// A key for programs.
    ApiKeyId,
    /// A person's account.
    UserId,
    /// A person signed in on one device.
    SessionId,
    /// A bundle of permissions, of one organization.
    RoleId,
    /// An invitation to one e-mail address.
    InvitationId,
    /// An invitation to whoever has its link.
    InviteLinkId,
    /// A passkey of a person's.
    PasskeyId,
    /// A rule by which oCore alerts.
    AlertRuleId,
    /// One alert: from when something was wrong to when it was right again.
    AlertEventId,
    /// A way by which people are told.
    ChannelId,
    /// One message on its way.
    DeliveryId,
}

impl OrganizationId {
    /// The organization that every installation starts with.
    pub const DEFAULT: Self = Self(Uuid::from_u128(1));

    /// Stands where something belongs to none: a person's secrets are sealed for it.
    pub const NONE: Self = Self(Uuid::nil());
}
