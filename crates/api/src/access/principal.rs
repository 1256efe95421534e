//! Who asks.

use ocore_domain::{
    ApiKeyId, Code, OrganizationId, Problem, ServerId, SessionId, UserId,
    access::{Permissions, Scope},
};
use ocore_store::{agents::TokenHash, tenancy::Tenant};

use super::Requirement;
use crate::problem::{Answer, Failure};

/// Who sent a request, and what they may do.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    pub(crate) actor: Actor,
    /// What they are in the organization that the request is about.
    pub(crate) membership: Option<Membership>,
    /// Whether they administer the installation.
    pub(crate) is_server_admin: bool,
}

/// A person or a program.
#[derive(Clone, Debug)]
pub(crate) enum Actor {
    User {
        id: UserId,
        email: String,
        name: String,
        session: SessionId,
        /// How the session began.
        method: String,
    },
    ApiKey {
        id: ApiKeyId,
        name: String,
    },
    /// The agent of a server, which is nobody's member.
    Agent {
        server: ServerId,
        organization: OrganizationId,
        /// By what its token is known.
        token: TokenHash,
    },
}

impl Actor {
    /// Under which name it is spoken of.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::User { name, email, .. } if name.is_empty() => email,
            Self::User { name, .. } | Self::ApiKey { name, .. } => name,
            Self::Agent { .. } => "agent",
        }
    }
}

/// What somebody may do in an organization.
#[derive(Clone, Debug)]
pub(crate) struct Membership {
    pub(crate) organization: OrganizationId,
    pub(crate) slug: String,
    pub(crate) permissions: Permissions,
    pub(crate) is_owner: bool,
    pub(crate) scope: Scope,
    /// Whether the organization asks for a login by passkey and this was none.
    pub(crate) lacks_passkey: bool,
}

impl Membership {
    /// What they may do. A grant that is limited to a part holds nothing of the whole.
    pub(crate) fn permissions(&self) -> Permissions {
        self.permissions.within(&self.scope)
    }

    /// Whose rows they see.
    pub(crate) fn tenant(&self) -> Tenant {
        Tenant {
            organization: self.organization,
            scope: self.scope.clone(),
        }
    }
}

impl Principal {
    /// What limits and keys of one caller are kept under.
    pub(crate) fn key(&self) -> String {
        match &self.actor {
            Actor::User { id, .. } => format!("user:{id}"),
            Actor::ApiKey { id, .. } => format!("key:{id}"),
            Actor::Agent { server, .. } => format!("agent:{server}"),
        }
    }

    /// Their membership of the organization that the request is about.
    pub(crate) fn member(&self) -> Answer<&Membership> {
        let membership = self.membership.as_ref().ok_or_else(|| {
            Failure::from(Problem::new(
                Code::Forbidden,
                "You are in no such organization",
                "Name one of yours in the header `X-Org-Slug`, make one (POST /api/user/orgs), or ask to be invited.",
            ))
        })?;
        if membership.lacks_passkey {
            return Err(Problem::new(
                Code::PasskeyRequired,
                format!(
                    "The organization `{}` asks for a login by passkey",
                    membership.slug
                ),
                "Register a passkey (account settings), sign out, and sign in with it.",
            )
            .into());
        }
        Ok(membership)
    }

    /// Refuses who lacks what is required.
    pub(crate) fn check(&self, requirement: Requirement) -> Answer<()> {
        match requirement {
            Requirement::Anyone => Ok(()),
            Requirement::SignedIn => match self.actor {
                Actor::User { .. } => Ok(()),
                Actor::ApiKey { .. } => Err(forbidden(
                    "This concerns a person's own account, and an API key is nobody's",
                    "Sign in as that person.",
                )),
                Actor::Agent { .. } => Err(forbidden(
                    "This concerns a person's own account, and an agent has none",
                    "Sign in as that person.",
                )),
            },
            Requirement::Member => self.member().map(drop),
            Requirement::Permission(wanted) => {
                if self.member()?.permissions().allow(wanted) {
                    return Ok(());
                }
                Err(forbidden(
                    format!("It takes the permission `{wanted}`, which you do not have here"),
                    "Ask an administrator of the organization for a role or a key that has it.",
                ))
            }
            Requirement::Owner if self.member()?.is_owner => Ok(()),
            Requirement::Owner => Err(forbidden(
                "Only the organization's owner may do this",
                "Ask the owner, or have the organization handed over to you.",
            )),
            Requirement::ServerAdmin if self.is_server_admin => Ok(()),
            Requirement::ServerAdmin => Err(forbidden(
                "Only who administers the installation may do this",
                "On its machine, `ocore admin create` makes an administrator.",
            )),
            Requirement::Agent => match self.actor {
                Actor::Agent { .. } => Ok(()),
                _ => Err(forbidden(
                    "Only the agent of a server brings what was measured there",
                    "Install the agent: `ocore server agent install SERVER`.",
                )),
            },
        }
    }
}

/// A refusal of somebody who is known.
pub(crate) fn forbidden(detail: impl Into<String>, mend: &str) -> Failure {
    Problem::new(Code::Forbidden, detail, mend).into()
}
