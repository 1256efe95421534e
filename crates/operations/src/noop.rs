//! An operation that does nothing: what the queue itself costs, for the benchmark.

use ocore_domain::OrganizationId;
use ocore_store::operations::NewOperation;

use crate::engine::{Definition, Settle};

pub(crate) static DEFINITION: Definition = Definition {
    kind: "noop",
    steps: &[],
    settle: Settle::Nothing,
    secrets: None,
};

/// An operation that does nothing, one at a time for each key.
pub fn noop(serial_key: Option<String>) -> NewOperation {
    NewOperation {
        organization_id: OrganizationId::DEFAULT,
        kind: DEFINITION.kind,
        subject: None,
        server_id: None,
        params: serde_json::json!({}),
        serial_key,
        group_key: None,
        priority: 0,
        steps: Vec::new(),
        retry_of: None,
    }
}
