//! What a request wishes for in a server.

use std::collections::BTreeMap;

use ocore_domain::placement::{Country, Need, Toleration, Wish};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{checks::Checks, objects::objects};

/// What the server should be like.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Preferences {
    /// Where the users are, by two letters (ISO 3166-1). Nearness is taken from the map; it is not measured.
    pub(crate) country: Option<String>,
    /// The region it should be in, in the words of the servers' own.
    pub(crate) region: Option<String>,
    /// Labels it must have.
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    /// Taints that are borne.
    #[serde(default, deserialize_with = "objects")]
    pub(crate) tolerations: Vec<Toleration>,
}

impl Preferences {
    pub(crate) fn check(&self, checks: &mut Checks, prefix: &str) {
        if let Some(country) = &self.country {
            checks.value(&format!("{prefix}country"), country.parse::<Country>());
        }
        if let Some(region) = &self.region {
            check_word(checks, &format!("{prefix}region"), region);
        }
        check_labels(checks, &format!("{prefix}labels"), &self.labels);
        check_taints(
            checks,
            &format!("{prefix}tolerations"),
            self.tolerations.iter().map(|t| (&t.key, t.value.as_ref())),
        );
    }

    /// The wish for an instance of this need.
    pub(crate) fn wish(self, need: Need, group: Option<String>, anti_affinity: bool) -> Wish {
        Wish {
            group,
            anti_affinity,
            country: self.country.and_then(|country| country.parse().ok()),
            region: self.region,
            labels: self.labels,
            tolerations: self.tolerations,
            ..Wish::of(need)
        }
    }
}

/// A placement group: whose an instance is.
pub(crate) fn check_group(checks: &mut Checks, field: &str, group: Option<&str>) {
    if let Some(group) = group {
        check_word(checks, field, group);
    }
}

pub(crate) fn check_labels(checks: &mut Checks, field: &str, labels: &BTreeMap<String, String>) {
    let fit = labels.len() <= 32 && labels.iter().all(|(key, value)| is_word(key) && is_word(value));
    checks.that(
        fit,
        field,
        "must be at most 32, each name and value a word of 1 to 63 characters",
    );
}

pub(crate) fn check_taints<'a>(
    checks: &mut Checks,
    field: &str,
    taints: impl ExactSizeIterator<Item = (&'a String, Option<&'a String>)>,
) {
    let few = taints.len() <= 32;
    let mut taints = taints;
    let fit = few && taints.all(|(key, value)| is_word(key) && value.is_none_or(|value| is_word(value)));
    checks.that(
        fit,
        field,
        "must be at most 32, each key and value a word of 1 to 63 characters",
    );
}

/// A region, a group, a part of a label.
pub(crate) fn check_word(checks: &mut Checks, field: &str, word: &str) {
    checks.that(
        is_word(word),
        field,
        "must have 1 to 63 letters, digits and any of `-_./ `, without a space around",
    );
}

fn is_word(word: &str) -> bool {
    (1..=63).contains(&word.chars().count())
        && word.trim() == word
        && word.chars().all(|c| c.is_alphanumeric() || "-_./ ".contains(c))
}
