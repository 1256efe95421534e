//! The names an instance has on its server, all derived from its slug. What is derived from the container's name is
//! set apart by a dot, which no slug has: it cannot be another instance's.

use crate::Slug;

/// The names of an instance's parts on its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The container that serves.
    pub container: String,
    /// The container of the settings before a change, until the new one answers.
    pub previous_container: String,
    /// The container that copies the template's files, for as long as that takes.
    pub copier: String,
    /// The container that packs the files for a final dump, for as long as that takes.
    pub packer: String,
    /// The container that reads or writes the files when the instance moves, for as long as that takes.
    pub mover: String,
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
            previous_container: format!("ocore-{slug}.previous"),
            copier: format!("ocore-{slug}.files"),
            packer: format!("ocore-{slug}.dump"),
            mover: format!("ocore-{slug}.move"),
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
            &names.copier,
            &names.packer,
            &names.mover,
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
