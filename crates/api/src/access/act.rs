//! What is recorded of an act.

use chrono::Utc;
use ocore_store::audit::Entry;
use serde::Serialize;
use serde_json::Value;

use super::{Actor, Principal, allowed::Origin};

/// What somebody did, as it is recorded with the change it made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Act {
    action: &'static str,
    resource: Option<(&'static str, String, String)>,
    before: Option<Value>,
    after: Option<Value>,
}

impl Act {
    /// An act by its name, for example `server.created`.
    pub(crate) fn new(action: &'static str) -> Self {
        Self {
            action,
            ..Self::default()
        }
    }

    /// To what it was done: the kind, the id and the name.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "ids are copied, and read better without `&`"
    )]
    pub(crate) fn on(self, kind: &'static str, id: impl ToString, name: impl Into<String>) -> Self {
        Self {
            resource: Some((kind, id.to_string(), name.into())),
            ..self
        }
    }

    /// What it was before, as an answer would show it: answers hold no secrets.
    pub(crate) fn before(self, state: &impl Serialize) -> Self {
        Self {
            before: serde_json::to_value(state).ok(),
            ..self
        }
    }

    /// What it is after.
    pub(crate) fn after(self, state: &impl Serialize) -> Self {
        Self {
            after: serde_json::to_value(state).ok(),
            ..self
        }
    }

    /// The entry of this act by somebody.
    pub(super) fn entry(self, by: Option<&Principal>, origin: &Origin) -> Entry {
        let (actor_type, user_id, api_key_id, user_name) = match by.map(|by| &by.actor) {
            Some(Actor::User { id, name, .. }) => ("user", Some(id.to_string()), None, name.clone()),
            Some(Actor::ApiKey { id, name }) => ("api_key", None, Some(id.to_string()), name.clone()),
            // An agent does nothing that is recorded.
            Some(Actor::Agent { .. }) | None => ("system", None, None, String::new()),
        };
        let (resource_type, resource_id, resource_name) = match self.resource {
            Some((kind, id, name)) => (Some(kind.to_owned()), Some(id), Some(name)),
            None => (None, None, None),
        };
        Entry {
            at_micros: Utc::now().timestamp_micros(),
            action: self.action.to_owned(),
            actor_type: actor_type.to_owned(),
            user_id,
            api_key_id,
            user_name,
            resource_type,
            resource_id,
            resource_name,
            before_state: self.before,
            after_state: self.after,
            ip_address: origin.address.map(|address| address.to_string()),
            user_agent: origin.user_agent.clone(),
            request_id: Some(origin.request_id.clone()),
        }
    }
}
