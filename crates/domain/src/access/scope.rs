//! The limits of a grant: a member or an API key may be kept to a part of an organization.

use std::{collections::BTreeSet, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};
use utoipa::ToSchema;

use crate::{InstanceId, ServerId, instance::EnvironmentType};

/// What a grant is limited to. Each list that is given narrows it further; one that is not given does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// Only these servers, and the instances on them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub servers: Option<BTreeSet<ServerId>>,
    /// Only these instances, and their servers to look at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<BTreeSet<InstanceId>>,
    /// Only instances for these purposes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environments: Option<Vec<EnvironmentType>>,
}

/// The same as it is read. serde would take an array for the fields in their order, and so no limit for a limit that was
/// written wrongly: only an object is one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Given {
    servers: Option<BTreeSet<ServerId>>,
    instances: Option<BTreeSet<InstanceId>>,
    environments: Option<Vec<EnvironmentType>>,
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfObject;

        impl<'de> Visitor<'de> for OfObject {
            type Value = Scope;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Scope, A::Error> {
                let given = Given::deserialize(MapAccessDeserializer::new(object))?;
                Ok(Scope {
                    servers: given.servers,
                    instances: given.instances,
                    environments: given.environments,
                })
            }
        }

        deserializer.deserialize_map(OfObject)
    }
}

impl Scope {
    /// Whether there is no limit.
    pub const fn is_whole(&self) -> bool {
        self.servers.is_none() && self.instances.is_none() && self.environments.is_none()
    }

    /// Whether everything in it is in another one too: nobody grants more than they have.
    pub fn is_within(&self, other: &Self) -> bool {
        fn subset<T: PartialEq>(mine: Option<impl IntoIterator<Item = T>>, theirs: Option<Vec<T>>) -> bool {
            match (mine, theirs) {
                (_, None) => true,
                (None, Some(_)) => false,
                (Some(mine), Some(theirs)) => mine.into_iter().all(|one| theirs.contains(&one)),
            }
        }
        let list = |ids: &Option<BTreeSet<ServerId>>| ids.as_ref().map(|ids| ids.iter().copied().collect());
        let instances =
            |ids: &Option<BTreeSet<InstanceId>>| ids.as_ref().map(|ids| ids.iter().copied().collect());
        subset(self.servers.clone(), list(&other.servers))
            && subset(self.instances.clone(), instances(&other.instances))
            && subset(self.environments.clone(), other.environments.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_is_a_limit() {
        let read = |text: &str| serde_json::from_str::<Scope>(text);
        assert!(read("{}").unwrap().is_whole());
        assert!(!read(r#"{"environments": ["staging"]}"#).unwrap().is_whole());
        for wrong in ["[null, null, null]", "[]", r#"{"server": []}"#, "null", "\"\""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nobody_grants_more_than_they_have() {
        let (one, two) = (ServerId::new(), ServerId::new());
        let whole = Scope::default();
        let both = Scope {
            servers: Some([one, two].into()),
            ..Scope::default()
        };
        let staging = Scope {
            servers: Some([one].into()),
            environments: Some(vec![EnvironmentType::Staging]),
            ..Scope::default()
        };
        assert!(whole.is_whole() && !staging.is_whole());
        assert!(staging.is_within(&both) && both.is_within(&whole) && staging.is_within(&staging));
        assert!(!both.is_within(&staging) && !whole.is_within(&both));
        let nothing = Scope {
            servers: Some(BTreeSet::new()),
            ..Scope::default()
        };
        assert!(nothing.is_within(&both) && !both.is_within(&nothing));
    }
}
