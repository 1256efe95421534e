//! What the last look at an instance showed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether an instance serves, as last observed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(
    feature = "sqlx",
    derive(sqlx::Type),
    sqlx(type_name = "text", rename_all = "snake_case")
)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Nobody could look: the server does not answer, or it is not meant to serve.
    #[default]
    Unknown,
    /// Its page answers, and its own database answers.
    Healthy,
    /// Its container runs, and its page or its database does not answer.
    Unhealthy,
    /// Its container does not run though it is meant to.
    Down,
}

impl Health {
    /// The value as it stands in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Down => "down",
        }
    }
}
