//! What a claim is called.

use ocore_domain::OperationId;
use uuid::Uuid;

use super::Claimed;

/// One claim of one operation; every write names it. An operation alone does not tell: a claim that PostgreSQL forgot in a crash is
/// still at work until it finds out, beside the one that came after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClaimName {
    /// What is claimed.
    pub operation: OperationId,
    /// Which claim it is. Not their count: that of a forgotten one is given out again.
    pub token: Uuid,
}

impl Claimed {
    /// What this claim is called.
    pub const fn name(&self) -> ClaimName {
        ClaimName {
            operation: self.id,
            token: self.token,
        }
    }
}

/// Names as a statement takes them: one array of operations and one of tokens.
pub(super) fn columns(names: impl IntoIterator<Item = ClaimName>) -> (Vec<Uuid>, Vec<Uuid>) {
    names
        .into_iter()
        .map(|name| (name.operation.uuid(), name.token))
        .unzip()
}
