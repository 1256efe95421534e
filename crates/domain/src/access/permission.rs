//! A permission is an action on a kind of resource: `view:servers`, `manage:instances`.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use super::Scope;
use crate::words::words;

words! {
    /// What a permission is about.
    #[derive(PartialOrd, Ord)]
    pub enum Resource {
        /// The organization's name and settings.
        Organization = "organization",
        /// Members and invitations.
        Members = "members",
        /// Roles and what they permit.
        Roles = "roles",
        /// Keys for programs.
        ApiKeys = "api_keys",
        /// The record of who did what.
        AuditLogs = "audit_logs",
        /// Servers.
        Servers = "servers",
        /// Instances.
        Instances = "instances",
        /// Operations; to stop or repeat one also needs the right to manage what it works on.
        Operations = "operations",
        /// Dumps and backups.
        Backups = "backups",
        /// What was observed.
        Monitoring = "monitoring",
    }
}

impl Resource {
    /// Whether it belongs to the organization as a whole, so that a grant limited to a part of it cannot hold it.
    pub const fn is_of_the_whole(self) -> bool {
        matches!(
            self,
            Self::Organization | Self::Members | Self::Roles | Self::ApiKeys | Self::AuditLogs
        )
    }
}

words! {
    /// What may be done.
    #[derive(PartialOrd, Ord)]
    pub enum Action {
        /// Look.
        View = "view",
        /// Look and change.
        Manage = "manage",
    }
}

/// An action on a kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Permission {
    /// On what.
    pub resource: Resource,
    /// What.
    pub action: Action,
}

impl Permission {
    /// To look at a kind of resource.
    pub const fn view(resource: Resource) -> Self {
        Self {
            resource,
            action: Action::View,
        }
    }

    /// To change a kind of resource, and to look at it.
    pub const fn manage(resource: Resource) -> Self {
        Self {
            resource,
            action: Action::Manage,
        }
    }

    /// Every permission there is.
    pub fn all() -> impl Iterator<Item = Self> {
        Resource::ALL
            .iter()
            .flat_map(|&resource| [Self::view(resource), Self::manage(resource)])
    }
}

impl PartialSchema for Permission {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(Self::all().map(|permission| permission.to_string())))
            .into()
    }
}

impl ToSchema for Permission {}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.action, self.resource)
    }
}

impl FromStr for Permission {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("`{text}` is no permission; an example is `view:servers`");
        let (action, resource) = text.split_once(':').ok_or_else(unknown)?;
        Ok(Self {
            action: action.parse().map_err(|_| unknown())?,
            resource: resource.parse().map_err(|_| unknown())?,
        })
    }
}

impl TryFrom<String> for Permission {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Permission> for String {
    fn from(permission: Permission) -> Self {
        permission.to_string()
    }
}

/// A set of permissions; to manage implies to view.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Vec<Permission>)]
pub struct Permissions(BTreeSet<Permission>);

impl Permissions {
    /// All there are.
    pub fn all() -> Self {
        Permission::all().collect()
    }

    /// Whether something may be done.
    pub fn allow(&self, wanted: Permission) -> bool {
        self.0.contains(&wanted) || self.0.contains(&Permission::manage(wanted.resource))
    }

    /// The first of others that is not among these: nobody grants what they do not have.
    pub fn lacks(&self, others: &Self) -> Option<Permission> {
        others.iter().find(|&other| !self.allow(other))
    }

    /// What also holds of them within a part of an organization.
    #[must_use]
    pub fn in_part(&self) -> Self {
        self.iter().filter(|p| !p.resource.is_of_the_whole()).collect()
    }

    /// What a grant comes to: one that is limited to a part holds nothing of the whole.
    #[must_use]
    pub fn within(&self, scope: &Scope) -> Self {
        if scope.is_whole() {
            self.clone()
        } else {
            self.in_part()
        }
    }

    /// What both allow.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        Permission::all()
            .filter(|&p| self.allow(p) && others.allow(p))
            .collect()
    }

    /// Each of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Permission> + '_ {
        self.0.iter().copied()
    }

    /// As the database keeps them.
    pub fn to_words(&self) -> Vec<String> {
        self.iter().map(|permission| permission.to_string()).collect()
    }

    /// From what the database keeps. A word that is not known any more permits nothing.
    pub fn from_words(words: &[String]) -> Self {
        words.iter().filter_map(|word| word.parse().ok()).collect()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_is_a_word() {
        for permission in Permission::all() {
            assert_eq!(permission.to_string().parse(), Ok(permission));
        }
        for bad in [
            "",
            "servers",
            "view:",
            "view:everything",
            "own:servers",
            "View:servers",
        ] {
            assert!(bad.parse::<Permission>().is_err(), "{bad}");
        }
    }

    #[test]
    fn to_manage_is_to_view() {
        let mine: Permissions = [Permission::manage(Resource::Servers)].into_iter().collect();
        assert!(mine.allow(Permission::view(Resource::Servers)));
        assert!(!mine.allow(Permission::view(Resource::Instances)));
        let viewer: Permissions = [Permission::view(Resource::Servers)].into_iter().collect();
        assert!(!viewer.allow(Permission::manage(Resource::Servers)));
        assert_eq!(mine.lacks(&viewer), None);
        assert_eq!(viewer.lacks(&mine), Some(Permission::manage(Resource::Servers)));
        assert_eq!(mine.and(&viewer), viewer);
    }

    #[test]
    fn a_part_holds_nothing_of_the_whole() {
        let part = Permissions::all().in_part();
        assert!(part.allow(Permission::manage(Resource::Instances)));
        assert!(!part.allow(Permission::view(Resource::ApiKeys)));
    }
}
