//! What can go wrong between oCore and its database.

use ocore_domain::{Code, Problem};

use crate::connect::{self, NotAnAddress};

/// The result of every function of the store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// PostgreSQL refused or could not be reached.
    #[error("database: {0}")]
    Database(#[source] sqlx::Error),
    /// The migrations did not run.
    #[error("migrations: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// What was given is no address of a PostgreSQL.
    #[error("the address {0}")]
    Address(#[from] NotAnAddress),
    /// What the row says cannot be read.
    #[error("row: {0}")]
    Row(String),
    /// Something the operator can act on.
    #[error(transparent)]
    Problem(#[from] Problem),
}

impl Error {
    /// Whether PostgreSQL could not be reached, is just stopping or starting, or only reads until another takes over.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(error)) => {
                let code = error.code();
                let code = code.as_deref().unwrap_or_default();
                // admin_shutdown, crash_shutdown, cannot_connect_now, idle_session_timeout, too_many_connections,
                // read_only_sql_transaction, idle_in_transaction_session_timeout; and the class of broken connections,
                // by which poolers tell everything.
                ["57P01", "57P02", "57P03", "57P05", "53300", READ_ONLY, "25P03"].contains(&code)
                    || code.starts_with("08")
            }
            Self::Database(sqlx::Error::Io(error)) => !connect::is_of_tls(error),
            Self::Database(error) => matches!(
                error,
                sqlx::Error::PoolTimedOut
                    | sqlx::Error::PoolClosed
                    // A server that ended in the middle of a word.
                    | sqlx::Error::Protocol(_)
            ),
            // Told by somebody who had it as a problem already.
            Self::Problem(problem) => problem.code == Code::StoreUnavailable,
            _ => false,
        }
    }

    /// Whether no more connections are let in.
    fn is_full(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.code().as_deref() == Some("53300"))
    }

    /// Whether a text was refused for a character that PostgreSQL keeps in no text: NUL, in practice.
    pub fn is_unstorable_text(&self) -> bool {
        match self {
            // character_not_in_repertoire, and untranslatable_character, which is its name in JSON
            Self::Database(sqlx::Error::Database(error)) => {
                matches!(error.code().as_deref(), Some("22021" | "22P05"))
            }
            _ => false,
        }
    }

    /// Whether row-level security let nothing through: it is outside what the transaction may touch.
    pub fn is_walled_off(&self) -> bool {
        match self {
            // insufficient_privilege
            Self::Database(sqlx::Error::Database(error)) => error.code().as_deref() == Some("42501"),
            _ => false,
        }
    }

    /// The name of the constraint that was violated, if that is the matter.
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Database(sqlx::Error::Database(error)) => error.constraint(),
            _ => None,
        }
    }
}

/// The code of what a standby answers to those who write.
const READ_ONLY: &str = "25006";

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        if let sqlx::Error::Database(said) = &error
            && said.code().as_deref() == Some(READ_ONLY)
        {
            connect::doubt();
        }
        Self::Database(error)
    }
}

/// Refuses what is new in an organization that is being deleted: see `ocore_organization_lives` in the migrations.
const BEING_DELETED: &str = "organizations_being_deleted";

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Problem(problem) => problem,
            error if error.constraint() == Some(BEING_DELETED) => Self::new(
                Code::OperationInProgress,
                "The organization is being deleted with all it has, so nothing new is made in it",
                "Use another organization; or cancel the operation that deletes this one, while it still can be \
                 (GET /api/operations?kind=organization_delete).",
            ),
            error if error.is_full() => Self::new(
                Code::StoreUnavailable,
                "oCore's own database lets in no more connections",
                "It is tried again. If it lasts, lower DB_POOL_MAX_CONNS or raise max_connections: `ocore database check` \
                 tells the figures.",
            ),
            error if error.is_unavailable() => Self::new(
                Code::StoreUnavailable,
                "oCore's own database does not answer",
                "It is tried again; if it lasts, run `ocore database check` on oCore's machine.",
            ),
            error if error.is_walled_off() => {
                tracing::warn!(%error, "row-level security refused a statement");
                Self::new(
                    Code::Forbidden,
                    "It reaches further than your organization, or than what you are limited to",
                    "Limit it to servers, instances and environments that you may use.",
                )
            }
            error if error.is_unstorable_text() => {
                // Most likely a caller sent it, but it may have come from a server too: the log tells where.
                tracing::warn!(%error, "a text with a character that cannot be kept");
                Self::new(
                    Code::InvalidRequest,
                    "A text holds the character NUL (U+0000), which cannot be kept",
                    "Take it out (`%00` in a path or query, `\\u0000` in JSON) and send the request again.",
                )
            }
            other => {
                tracing::error!(error = %other, "the store failed");
                Self::internal("its database refused a statement")
            }
        }
    }
}
