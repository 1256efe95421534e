//! The state of a ceremony between its halves, as bytes.

use ocore_domain::Problem;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Refused;

/// The kind goes with the bytes, so that the state of one ceremony does not end another.
#[derive(Serialize, Deserialize)]
#[serde(tag = "ceremony", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum State {
    /// A new passkey of a person.
    Registration { state: Vec<u8> },
    /// A proof by one of a person's passkeys.
    Known { user: Uuid, state: Vec<u8> },
    /// A proof by any passkey.
    Discoverable { state: Vec<u8> },
}

impl State {
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, Problem> {
        serde_json::to_vec(self).map_err(Problem::internal)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Refused> {
        serde_json::from_slice(bytes).map_err(|_| spoiled())
    }
}

/// Bytes that are no state, or the state of another ceremony.
pub(super) fn spoiled() -> Refused {
    Refused::Unproven("the state is not of this ceremony".to_owned())
}
