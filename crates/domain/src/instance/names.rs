//! The names an instance has on its server, all derived from its slug.

use crate::Slug;

/// The names of an instance's parts on its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The container that serves.
    pub container: String,
    /// The container of the settings before a change, until the new one answers.
    pub previous_container: String,
    /// The volume with filestore and sessions.
    pub volume: String,
    /// The database, and the role that owns it.
    pub database: String,
}

impl Names {
    /// The names for a slug.
    pub fn new(slug: &Slug) -> Self {
        Self {
            container: format!("ocore-{slug}"),
            previous_container: format!("ocore-{slug}-previous"),
            volume: format!("ocore-{slug}-data"),
            database: format!("odoo_{}", slug.as_str().replace('-', "_")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_postgresql_and_docker() {
        let names = Names::new(&"a".repeat(Slug::MAX).parse().unwrap());
        for name in [
            &names.container,
            &names.previous_container,
            &names.volume,
            &names.database,
        ] {
            assert!(name.len() <= 63, "{name}");
        }
        assert_eq!(
            Names::new(&"acme-prod".parse().unwrap()).database,
            "odoo_acme_prod"
        );
    }
}
