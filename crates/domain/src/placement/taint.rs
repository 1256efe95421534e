//! Taints keep instances off a server unless they say that they bear it.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A mark by which a server repels every instance that does not tolerate it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Taint {
    /// Its name, for example `gpu`.
    pub key: String,
    /// More precisely, if need be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// A taint that an instance bears.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Toleration {
    /// The taint's name.
    pub key: String,
    /// Only with this value; without one, with any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

impl Toleration {
    /// Whether it bears a taint.
    pub fn bears(&self, taint: &Taint) -> bool {
        self.key == taint.key && (self.value.is_none() || self.value == taint.value)
    }
}

impl fmt::Display for Taint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}={value}", self.key),
            None => f.write_str(&self.key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toleration_without_a_value_bears_any() {
        let taint = |value: Option<&str>| Taint {
            key: "gpu".to_owned(),
            value: value.map(str::to_owned),
        };
        let bears = |value: Option<&str>| Toleration {
            key: "gpu".to_owned(),
            value: value.map(str::to_owned),
        };
        assert!(bears(None).bears(&taint(None)) && bears(None).bears(&taint(Some("a"))));
        assert!(bears(Some("a")).bears(&taint(Some("a"))));
        assert!(!bears(Some("a")).bears(&taint(Some("b"))) && !bears(Some("a")).bears(&taint(None)));
        assert_eq!(taint(Some("a")).to_string(), "gpu=a");
    }
}
