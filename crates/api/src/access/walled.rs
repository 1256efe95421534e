//! The store behind its walls: only what is in this module can open it.

use ocore_store::{Sealer, Store, Tx, tenancy::Tenant};

use crate::problem::Answer;

/// The store, of which a handler sees only how secrets are sealed.
#[derive(Clone, Debug)]
pub(crate) struct Walled(Store);

impl Walled {
    pub(crate) const fn new(store: Store) -> Self {
        Self(store)
    }

    /// Opens and seals secrets.
    pub(crate) const fn sealer(&self) -> &Sealer {
        self.0.sealer()
    }

    /// A transaction within the walls of an organization.
    pub(super) async fn within(&self, tenant: &Tenant) -> Answer<Tx> {
        Ok(self.0.tenant(tenant).await?)
    }

    /// A transaction outside all walls.
    pub(super) async fn outside(&self) -> Answer<Tx> {
        Ok(self.0.begin().await?)
    }

    /// The store of the answers that are kept for repeats, which are nobody's rows.
    pub(crate) fn answers(&self) -> Store {
        self.0.clone()
    }

    /// The store itself, for what finds out who asks.
    pub(super) const fn store(&self) -> &Store {
        &self.0
    }
}
