//! What changed, as coarsely as an open page has to know: it asks anew for what it shows.

use std::ops::{BitOr, BitOrAssign};

use crate::words::words;

words! {
    /// A kind of things that changed. None of them says which: what a caller may see of it is found out when they ask.
    pub enum Topic {
        /// Servers, and the numbers of instances on them.
        Servers = "servers",
        /// Instances, and the dumps that deleted ones left.
        Instances = "instances",
        /// Operations and their steps; not the lines they say.
        Operations = "operations",
        /// What happened to servers and instances without anybody's asking.
        Activity = "activity",
        /// Alerts.
        Alerts = "alerts",
        /// The rules of alerts.
        AlertRules = "alert_rules",
        /// Ways by which people are told of alerts.
        Channels = "channels",
        /// What the caller was told in oCore.
        Notifications = "notifications",
        /// Members.
        Members = "members",
        /// Roles.
        Roles = "roles",
        /// Invitations and links to join.
        Invitations = "invitations",
        /// Keys for programs.
        ApiKeys = "api_keys",
        /// The record of who did what.
        AuditLogs = "audit_logs",
        /// The organization itself: its name and settings.
        Organization = "organization",
        /// Drills of recovery.
        RecoveryDrills = "recovery_drills",
        /// The caller's own account: profile, sessions, passkeys, and the organizations they are in.
        Account = "account",
    }
}

/// Several topics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Topics(u32);

impl Topics {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// All of them.
    pub const ALL: Self = Self((1 << Topic::ALL.len()) - 1);

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether some of them are also among others.
    pub const fn meets(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// Each of them, in the order of the documentation.
    pub fn iter(self) -> impl Iterator<Item = Topic> {
        Topic::ALL
            .iter()
            .copied()
            .filter(move |&topic| self.meets(topic.into()))
    }

    /// What changes with a thing of a kind, as operations and the record name kinds: `server`, `instance`, `api_key`.
    pub fn of_kind(kind: &str) -> Self {
        match kind {
            "server" => Topic::Servers.into(),
            // A server tells how many there are on it and what they take.
            "instance" => Topic::Instances | Topic::Servers,
            "operation" => Topic::Operations.into(),
            "alert" => Topic::Alerts.into(),
            "alert_rule" => Topic::AlertRules.into(),
            "notification_channel" | "notification_delivery" => Topic::Channels.into(),
            "member" => Topic::Members.into(),
            // Members are shown with what theirs permits.
            "role" => Topic::Roles | Topic::Members,
            "invitation" | "invite_link" => Topic::Invitations.into(),
            "api_key" => Topic::ApiKeys.into(),
            "org" | "organization" => Topic::Organization.into(),
            "recovery_drill" => Topic::RecoveryDrills.into(),
            _ => Self::NONE,
        }
    }
}

impl From<Topic> for Topics {
    fn from(topic: Topic) -> Self {
        Self(1 << topic as u32)
    }
}

impl<T: Into<Topics>> BitOr<T> for Topic {
    type Output = Topics;

    fn bitor(self, other: T) -> Topics {
        Topics::from(self) | other
    }
}

impl<T: Into<Self>> BitOr<T> for Topics {
    type Output = Self;

    fn bitor(self, other: T) -> Self {
        Self(self.0 | other.into().0)
    }
}

impl<T: Into<Self>> BitOrAssign<T> for Topics {
    fn bitor_assign(&mut self, other: T) {
        *self = *self | other;
    }
}

impl FromIterator<Topic> for Topics {
    fn from_iter<I: IntoIterator<Item = Topic>>(topics: I) -> Self {
        topics.into_iter().fold(Self::NONE, |all, topic| all | topic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_a_set() {
        assert_eq!(Topics::ALL.iter().count(), Topic::ALL.len());
        assert_eq!(Topics::ALL, Topic::ALL.iter().copied().collect());
        let some = Topic::Account | Topic::Servers | Topic::Servers;
        assert_eq!(some.iter().collect::<Vec<_>>(), [Topic::Servers, Topic::Account]);
        assert!(some.meets(Topic::Account.into()) && !some.meets(Topic::Roles.into()));
        assert!(Topics::NONE.is_empty() && !some.is_empty() && Topics::NONE.iter().next().is_none());
    }
}
