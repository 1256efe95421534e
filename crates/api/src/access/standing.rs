//! Whether who asked may still ask.

use std::fmt;

use axum::http::request::Parts;
use ocore_domain::{Code, OrganizationId};

use super::{Requirement, identify};
use crate::Api;

/// A request that was let in, and is answered for as long as it would be let in again.
pub(crate) struct Standing {
    api: Api,
    request: Parts,
    /// The organization that it was about: without a header it is the person's first, which may become another.
    organization: OrganizationId,
    requirement: Requirement,
}

impl fmt::Debug for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The request bears credentials.
        f.debug_struct("Standing")
            .field("organization", &self.organization)
            .field("requirement", &self.requirement)
            .finish_non_exhaustive()
    }
}

impl Standing {
    pub(super) const fn new(
        api: Api,
        request: Parts,
        organization: OrganizationId,
        requirement: Requirement,
    ) -> Self {
        Self {
            api,
            request,
            organization,
            requirement,
        }
    }

    /// Finds out anew who asks and what they may, from the same credentials by the same rules. While that cannot be found
    /// out, what was found out last holds.
    pub(crate) async fn holds(&self) -> bool {
        let found = match identify::principal(&self.api, &self.request).await {
            Ok(found) => found,
            Err(failure) => return matches!(failure.code(), Code::StoreUnavailable | Code::Internal),
        };
        found.is_some_and(|principal| {
            (self.api.is_unguarded() || principal.check(self.requirement).is_ok())
                && principal.membership.as_ref().map(|of| of.organization) == Some(self.organization)
        })
    }
}
