//! What went wrong, in words an operator can act on.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

// A text is matched as a token tree for the reason told at `words!`.
macro_rules! codes {
    ($($(#[$doc:meta])+ $name:ident = $text:tt),+ $(,)?) => {
        /// The machine-readable name of a problem. Once published a code keeps its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        pub enum Code {
            $($(#[$doc])+ #[serde(rename = $text)] $name),+
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The code as it stands in answers and logs.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

codes! {
    // Requests
    /// The request does not say what it must, or says it wrongly.
    InvalidRequest = "request.invalid",
    /// No or a wrong bearer token.
    Unauthenticated = "auth.unauthenticated",
    /// The role, the key or its limits do not permit this.
    Forbidden = "auth.forbidden",
    /// The e-mail address, the password or the code is wrong.
    InvalidCredentials = "auth.invalid_credentials",
    /// The e-mail address is to be verified first.
    EmailUnverified = "auth.email_unverified",
    /// The link or code is wrong, used or too old.
    InvalidLink = "auth.invalid_link",
    /// The browser's request lacks the CSRF header, or came from another site.
    CrossSite = "auth.cross_site",
    /// The organization asks for a login by passkey.
    PasskeyRequired = "auth.passkey_required",
    /// Nobody may sign up here without an invitation.
    SignupClosed = "auth.signup_closed",
    /// A device's login waits for its approval.
    AuthorizationPending = "auth.authorization_pending",
    /// Somebody else changed it since it was read.
    PreconditionFailed = "request.precondition_failed",
    /// There is no such thing, or not for you.
    NotFound = "resource.not_found",
    /// The deletion was not confirmed by the resource's name.
    ConfirmationMissing = "request.confirmation_missing",
    /// Another resource has this name already.
    NameTaken = "name.taken",
    /// The thing is in a state in which this cannot be done.
    StateConflict = "state.conflict",
    /// Another operation that changes the same thing is queued or running.
    OperationInProgress = "operation.in_progress",
    /// Other resources depend on the one to be removed.
    InUse = "resource.in_use",
    /// There were too many requests.
    TooManyRequests = "request.too_many",
    /// The idempotency key was sent with another request.
    IdempotencyMismatch = "request.idempotency_mismatch",
    /// The request with this idempotency key is still running.
    IdempotencyInProgress = "request.idempotency_in_progress",

    // Mail and single sign-on
    /// A mail was not sent.
    MailFailed = "mail.failed",
    /// The identity provider does not answer, or answers what cannot be trusted.
    SsoFailed = "sso.failed",
    /// The login at the identity provider did not come about.
    SsoRefused = "sso.refused",

    // Reaching a server
    /// Nothing answers at the host and port.
    SshUnreachable = "ssh.unreachable",
    /// The host name does not resolve.
    SshHostUnknown = "ssh.host_unknown",
    /// Something answers, but it is not an SSH server or speaks no common algorithm.
    SshProtocol = "ssh.protocol",
    /// The server refused the key or the password.
    SshAuthFailed = "ssh.auth_failed",
    /// The private key cannot be read.
    SshKeyInvalid = "ssh.key_invalid",
    /// The private key is encrypted and the passphrase is missing or wrong.
    SshKeyPassphrase = "ssh.key_passphrase",
    /// The server shows another host key than the pinned one.
    SshHostKeyChanged = "ssh.host_key_changed",
    /// The connection broke in the middle of the work.
    SshConnectionLost = "ssh.connection_lost",

    // On a server
    /// The user is neither root nor may use sudo without a password.
    SudoRequired = "server.sudo_required",
    /// The operating system cannot be used.
    ServerUnsupported = "server.unsupported",
    /// The server is not ready to take instances.
    ServerNotActive = "server.not_active",
    /// Not enough memory that is not promised already.
    InsufficientMemory = "server.insufficient_memory",
    /// Not enough free disk.
    InsufficientDisk = "server.insufficient_disk",
    /// The server may not take the instance: it is cordoned, or kept for others.
    PlacementRefused = "placement.refused",
    /// No server can take the instance.
    NoServerFits = "placement.no_server",
    /// A command on the server failed.
    CommandFailed = "server.command_failed",

    // The agent
    /// The server cannot have the agent, or oCore has none for it.
    AgentUnsupported = "agent.unsupported",
    /// The server does not reach oCore, so an agent there would be of no use.
    AgentUnreachable = "agent.unreachable",
    /// The agent runs, and nothing is heard of it.
    AgentSilent = "agent.silent",

    // Docker
    /// Docker is not installed, or its socket is not there.
    DockerMissing = "docker.missing",
    /// The Docker Engine does not answer.
    DockerUnavailable = "docker.unavailable",
    /// The user may not use Docker's socket.
    DockerPermissionDenied = "docker.permission_denied",
    /// The Docker Engine is older than 20.10.
    DockerTooOld = "docker.too_old",
    /// The Docker Engine refused a request.
    DockerFailed = "docker.failed",
    /// The image is neither on the server nor in its registry.
    ImageNotFound = "image.not_found",
    /// Something bears the name oCore needs and does not belong to it.
    ForeignResource = "docker.foreign_resource",

    // Instances
    /// The port is used by something else on the server.
    PortTaken = "port.taken",
    /// No port is free in the range.
    PortsExhausted = "port.exhausted",
    /// The server's PostgreSQL does not answer; what needs it is tried again for a while.
    DatabaseUnavailable = "database.unavailable",
    /// The server's PostgreSQL refused or failed.
    DatabaseFailed = "database.failed",
    /// Odoo did not come up; its last log lines are in the detail.
    OdooFailedToStart = "odoo.failed_to_start",

    // Operations
    /// The step took longer than its limit.
    StepTimeout = "step.timeout",
    /// The operation was cancelled.
    Cancelled = "operation.cancelled",
    /// A secret cannot be opened with the configured `SSH_ENCRYPTION_KEY`.
    SecretUnreadable = "secret.unreadable",
    /// oCore's own database does not answer; what it was doing is tried again.
    StoreUnavailable = "store.unavailable",
    /// A fault of oCore itself; the log of `ocore serve` has more.
    Internal = "internal",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A problem as it is told to an operator: what is wrong, and what to do about it.
///
/// It never holds a secret: whoever builds one from foreign text redacts it first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[error("{detail} ({code}). {mend}")]
pub struct Problem {
    /// The machine-readable name.
    pub code: Code,
    /// What is wrong, with the values that make it so.
    pub detail: String,
    /// What to do.
    pub mend: String,
}

impl Problem {
    /// Whether the same may well succeed a little later: somebody could not be reached.
    pub const fn is_transient(&self) -> bool {
        matches!(
            self.code,
            Code::SshUnreachable
                | Code::SshConnectionLost
                | Code::StoreUnavailable
                | Code::DockerUnavailable
                | Code::DatabaseUnavailable
        )
    }

    /// A problem with its mend.
    pub fn new(code: Code, detail: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            mend: mend.into(),
        }
    }

    /// A fault of oCore itself: the operator can only report it.
    pub fn internal(detail: impl fmt::Display) -> Self {
        Self::new(
            Code::Internal,
            format!("oCore failed: {detail}"),
            "Look into the log of `ocore serve`; if it goes on, report it.",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_survive_json() {
        let mut seen = std::collections::HashSet::new();
        for &code in Code::ALL {
            assert!(seen.insert(code.as_str()), "{code} stands twice");
            let json = serde_json::to_value(code).unwrap();
            assert_eq!(json, code.as_str());
            assert_eq!(serde_json::from_value::<Code>(json).unwrap(), code);
        }
    }

    #[test]
    fn the_description_lists_the_codes_that_answers_bear() {
        use utoipa::PartialSchema;
        let described = serde_json::to_value(Code::schema()).unwrap();
        assert_eq!(described["enum"], serde_json::to_value(Code::ALL).unwrap());
    }
}
