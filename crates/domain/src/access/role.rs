//! The roles every organization has from its beginning.

use super::{Permission, Permissions, Resource};
use crate::words::words;

words! {
    /// A role that can be neither changed nor removed.
    pub enum SystemRole {
        /// Everything; alone may delete the organization or hand it over.
        Owner = "Owner",
        /// Everything but that.
        Admin = "Admin",
        /// Instances and what belongs to them; looks at servers.
        Developer = "Developer",
        /// Looks, and changes nothing.
        Viewer = "Viewer",
    }
}

impl SystemRole {
    /// What it is for, in a sentence.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Owner => "Everything, and alone may delete the organization or hand it over.",
            Self::Admin => "Servers, instances, members, roles, keys and settings.",
            Self::Developer => "Instances, their operations and backups; looks at servers.",
            Self::Viewer => "Looks at servers, instances and what was observed; changes nothing.",
        }
    }

    /// What it permits.
    pub fn permissions(self) -> Permissions {
        use Resource::{Backups, Instances, Members, Monitoring, Operations, Organization, Roles, Servers};
        match self {
            Self::Owner | Self::Admin => Permissions::all(),
            Self::Developer => [Instances, Operations, Backups]
                .into_iter()
                .map(Permission::manage)
                .chain([Organization, Members, Roles, Servers, Monitoring].map(Permission::view))
                .collect(),
            Self::Viewer => [
                Organization,
                Members,
                Roles,
                Servers,
                Instances,
                Operations,
                Backups,
                Monitoring,
            ]
            .into_iter()
            .map(Permission::view)
            .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_holds_the_next() {
        for pair in SystemRole::ALL.windows(2) {
            assert_eq!(pair[0].permissions().lacks(&pair[1].permissions()), None);
        }
        let viewer = SystemRole::Viewer.permissions();
        assert!(viewer.iter().all(|p| p.action == super::super::Action::View));
        assert!(
            !SystemRole::Developer
                .permissions()
                .allow(Permission::manage(Resource::Servers))
        );
    }
}
