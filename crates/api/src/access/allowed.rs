//! A request that was let in.

use std::{marker::PhantomData, net::IpAddr};

use axum::{extract::FromRequestParts, http::request::Parts};
use ocore_domain::{
    Code, OrganizationId, Problem,
    access::{Permission, Permissions, Scope},
};
use ocore_store::{Tx, tenancy::Tenant};

use super::{
    Change, Membership, Need, Principal, Requirement, Standing, Walled,
    identify::Identified,
    need::{InTenancy, OutsideTenancy},
    principal::forbidden,
};
use crate::{
    Api,
    problem::{Answer, Failure},
};

/// From where a request came, for the record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    pub(crate) address: Option<IpAddr>,
    pub(crate) user_agent: Option<String>,
    pub(crate) request_id: String,
}

/// The proof that a request may pass: made only by checking what `N` requires.
pub(crate) struct Allowed<N> {
    store: Walled,
    principal: Option<Principal>,
    pub(crate) origin: Origin,
    need: PhantomData<fn() -> N>,
}

impl<N: Need> FromRequestParts<Api> for Allowed<N> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Failure> {
        let identified = parts.extensions.get::<Identified>().cloned();
        let Identified { principal, origin } =
            identified.ok_or_else(|| Problem::internal("a request was not identified"))?;
        let principal = match (N::REQUIREMENT, principal) {
            // Whoever signs in may well send what has expired.
            (Requirement::Anyone, principal) => principal.ok().flatten(),
            (_, Err(refusal)) => return Err(refusal),
            (_, Ok(None)) => return Err(unauthenticated("The request bears no token")),
            (requirement, Ok(Some(principal))) => {
                if !api.is_unguarded() {
                    principal.check(requirement)?;
                }
                Some(principal)
            }
        };
        Ok(Self {
            store: api.store.clone(),
            principal,
            origin,
            need: PhantomData,
        })
    }
}

impl<N: Need> Allowed<N> {
    /// Who asks, if it is known.
    pub(crate) const fn principal(&self) -> Option<&Principal> {
        self.principal.as_ref()
    }

    /// The store behind its walls, for the needs that go through them in a way of their own.
    pub(super) const fn store(&self) -> &Walled {
        &self.store
    }

    /// Who asks. A handler that needs nobody does not call this.
    pub(crate) fn signed(&self) -> Answer<&Principal> {
        self.principal
            .as_ref()
            .ok_or_else(|| unauthenticated("The request bears no token"))
    }

    /// Refuses who lacks a permission that not every call of this route needs.
    pub(crate) fn require(&self, permission: Permission) -> Answer<()> {
        self.signed()?.check(Requirement::Permission(permission))
    }

    /// Refuses who is not the organization's owner.
    pub(crate) fn require_owner(&self) -> Answer<()> {
        self.signed()?.check(Requirement::Owner)
    }
}

impl<N: InTenancy> Allowed<N> {
    /// What who asks may do in the organization.
    pub(crate) fn membership(&self) -> Answer<&Membership> {
        self.signed()?.member()
    }

    /// The organization that it is about.
    pub(crate) fn organization(&self) -> Answer<OrganizationId> {
        Ok(self.membership()?.organization)
    }

    /// A transaction to read what is the organization's. It need not be committed.
    pub(crate) async fn read(&self) -> Answer<Tx> {
        self.store.within(&self.membership()?.tenant()).await
    }

    /// What reads on after the request was answered.
    pub(crate) fn reader(&self) -> Answer<Reader> {
        Ok(Reader {
            store: self.store.clone(),
            tenant: Some(self.membership()?.tenant()),
        })
    }

    /// By what it is found out, after the request was answered, whether who asked may still ask.
    pub(crate) fn standing(&self, api: &Api, request: Parts) -> Answer<Standing> {
        Ok(Standing::new(
            api.clone(),
            request,
            self.organization()?,
            N::REQUIREMENT,
        ))
    }

    /// A transaction to change what is the organization's.
    pub(crate) async fn change(&self) -> Answer<Change> {
        let membership = self.membership()?;
        Ok(Change {
            tx: self.store.within(&membership.tenant()).await?,
            by: self.principal.clone(),
            origin: self.origin.clone(),
            organization: Some(membership.organization),
        })
    }

    /// Refuses to give away more than who asks has.
    pub(crate) fn may_grant(&self, permissions: &Permissions, scope: &Scope) -> Answer<()> {
        let mine = self.membership()?;
        if let Some(lacking) = mine.permissions().lacks(permissions) {
            return Err(forbidden(
                format!("You cannot give the permission `{lacking}`, which you do not have"),
                "Leave it out, or ask somebody who has it.",
            ));
        }
        if !scope.is_within(&mine.scope) {
            return Err(forbidden(
                "You cannot give a grant that reaches further than your own",
                "Limit it to servers, instances and environments that you are limited to.",
            ));
        }
        Ok(())
    }
}

impl<N: OutsideTenancy> Allowed<N> {
    /// A transaction to read what belongs to no organization.
    pub(crate) async fn read_outside(&self) -> Answer<Tx> {
        self.store.outside().await
    }

    /// What reads on after the request was answered, whosever it is.
    pub(crate) fn reader_outside(&self) -> Reader {
        Reader {
            store: self.store.clone(),
            tenant: None,
        }
    }

    /// A transaction to change what belongs to no organization.
    pub(crate) async fn change_outside(&self) -> Answer<Change> {
        Ok(Change {
            tx: self.store.outside().await?,
            by: self.principal.clone(),
            origin: self.origin.clone(),
            organization: None,
        })
    }
}

/// Reads what is an organization's, for as long as it is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    store: Walled,
    /// None for who administers the installation.
    tenant: Option<Tenant>,
}

impl Reader {
    /// A transaction to read in.
    pub(crate) async fn read(&self) -> Answer<Tx> {
        match &self.tenant {
            Some(tenant) => self.store.within(tenant).await,
            None => self.store.outside().await,
        }
    }
}

/// A refusal of somebody who is not known.
pub(crate) fn unauthenticated(detail: &str) -> Failure {
    Problem::new(
        Code::Unauthenticated,
        detail,
        "Send a token in the header `Authorization: Bearer …`: an API key (`ocore_…`; `ocore admin create` makes one) or \
         the access token of a login.",
    )
    .into()
}
