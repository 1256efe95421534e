//! A transaction that changes something, which cannot be committed without the record of it.

use std::ops::{Deref, DerefMut};

use ocore_domain::OrganizationId;
use ocore_store::{
    PgConnection, Tx,
    audit::{self, Entry},
    changes, tenancy,
};

use super::{Act, Principal, allowed::Origin, told::told};
use crate::problem::Answer;

/// A change that is being made. Dropped without [`Change::commit`], nothing happened.
pub(crate) struct Change {
    pub(super) tx: Tx,
    pub(super) by: Option<Principal>,
    pub(super) origin: Origin,
    /// Whose record tells of it; that of the installation when it concerns no organization.
    pub(super) organization: Option<OrganizationId>,
}

impl Change {
    /// Makes it happen, and records it and tells open pages of it in the same transaction.
    pub(crate) async fn commit(self, act: Act) -> Answer<()> {
        let organization = self.organization;
        self.commit_for(&[organization], act).await
    }

    /// The same, recorded for several organizations: a person who signs in does so for each of theirs.
    pub(crate) async fn commit_for(
        mut self,
        organizations: &[Option<OrganizationId>],
        act: Act,
    ) -> Answer<()> {
        let entry = act.entry(self.by.as_ref(), &self.origin);
        // Always in the same order, so that two who lock several chains do not wait for one another.
        let mut organizations = organizations.to_vec();
        organizations.sort_unstable();
        organizations.dedup();
        changes::tell(&mut self.tx, &told(&organizations, &entry)).await?;
        for organization in organizations {
            audit::append(&mut self.tx, organization, &entry).await?;
        }
        Ok(self.tx.commit().await.map_err(ocore_store::Error::from)?)
    }

    /// What is recorded of an act that this change begins and an operation ends: by the same person or program.
    pub(crate) fn entry(&self, act: Act) -> Entry {
        act.entry(self.by.as_ref(), &self.origin)
    }

    /// Who is known to have done it from now on: somebody who has just signed in.
    pub(crate) fn by(&mut self, principal: Principal) {
        self.by = Some(principal);
    }

    /// Goes on outside the walls. Only after what it is about was found within them.
    pub(crate) async fn leave_tenancy(&mut self) -> Answer<()> {
        Ok(tenancy::leave_tenancy(&mut self.tx).await?)
    }
}

impl Deref for Change {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.tx
    }
}

impl DerefMut for Change {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}
