//! Transactions of one organization: row-level security shows and lets change nothing else in them.

use std::fmt::Write;

use ocore_domain::{OrganizationId, access::Scope};
use sqlx::PgConnection;

use crate::{Result, Store, Tx};

/// For whom a transaction is.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Whose rows are seen.
    pub organization: OrganizationId,
    /// Which of them.
    pub scope: Scope,
}

impl Tenant {
    /// An organization without limits.
    pub const fn whole(organization: OrganizationId) -> Self {
        Self {
            organization,
            scope: Scope {
                servers: None,
                instances: None,
                environments: None,
            },
        }
    }

    /// What begins a transaction, in one message. Only identifiers and our own words stand in it, so that nothing can
    /// break out of the quotes.
    fn begin(&self) -> String {
        let mut sql = format!(
            "begin; set local role ocore_tenant; set local ocore.organization = '{}'",
            self.organization
        );
        let Scope {
            servers,
            instances,
            environments,
        } = &self.scope;
        let mut limit = |kind: &str, of: Option<Vec<String>>| {
            if let Some(of) = of {
                // Writing to a text cannot fail.
                let _ = write!(sql, "; set local ocore.{kind} = '{{{}}}'", of.join(","));
            }
        };
        limit("servers", servers.as_ref().map(words));
        limit("instances", instances.as_ref().map(words));
        limit("environments", environments.as_ref().map(words));
        sql
    }
}

fn words<T: ToString>(of: impl IntoIterator<Item = T>) -> Vec<String> {
    of.into_iter().map(|one| one.to_string()).collect()
}

impl Store {
    /// A transaction that sees and changes the rows of one organization only.
    pub async fn tenant(&self, tenant: &Tenant) -> Result<Tx> {
        self.begin_by(Some(tenant.begin())).await
    }
}

/// Lets the rest of a transaction touch what belongs to no organization: the leases of operations, for one. Only after
/// what it is about was found within the walls.
pub async fn leave_tenancy(tx: &mut PgConnection) -> Result<()> {
    sqlx::query("set local role none").execute(tx).await?;
    Ok(())
}
