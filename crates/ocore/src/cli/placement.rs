//! What instances and servers say for placement, and how proposals are shown.

use std::collections::BTreeMap;

use clap::Args;
use ocore_domain::{instance::EnvironmentType, placement::Policy};
use serde::Serialize;
use serde_json::Value;

use super::{
    Session,
    failure::Failure,
    output::{Column, table, text},
    size,
    values::one_of,
};

/// Whose an instance is, and what it takes on disk.
#[derive(Args, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Belonging {
    /// Whose it is: a word that servers may be dedicated to, and within which instances are kept apart.
    #[arg(long = "group", value_name = "WORD")]
    #[serde(skip_serializing_if = "Option::is_none")]
    placement_group: Option<String>,
    /// Keep it off servers with another instance of its group.
    #[arg(long, requires = "placement_group")]
    anti_affinity: bool,
    /// What it is expected to need on disk [default: 2G].
    #[arg(long = "disk", value_name = "SIZE", value_parser = size::parse)]
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_bytes: Option<u64>,
}

/// What a server that is picked should be like.
#[derive(Args)]
pub(crate) struct Preferences {
    /// Where the users are, by two letters such as DE: a server that is near by the map is preferred.
    #[arg(long, value_name = "COUNTRY")]
    country: Option<String>,
    /// The region it should be in, as the servers name it.
    #[arg(long)]
    region: Option<String>,
    /// A label the server must have.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = pair)]
    labels: Vec<(String, String)>,
    /// A taint of servers that is borne.
    #[arg(long = "tolerate", value_name = "KEY[=VALUE]", value_parser = mark)]
    tolerations: Vec<Mark>,
}

impl Preferences {
    /// As the API takes them.
    pub(crate) fn wanted(self) -> Wanted {
        Wanted {
            country: self.country,
            region: self.region,
            labels: self.labels.into_iter().collect(),
            tolerations: self.tolerations,
        }
    }
}

/// The same as it is sent.
#[derive(Serialize)]
pub(crate) struct Wanted {
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tolerations: Vec<Mark>,
}

/// A taint or a toleration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Mark {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

/// Reads `KEY=VALUE`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("use KEY=VALUE".to_owned()),
    }
}

/// Reads `KEY` or `KEY=VALUE`.
pub(crate) fn mark(text: &str) -> Result<Mark, String> {
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key, Some(value.to_owned())),
        None => (text, None),
    };
    if key.is_empty() {
        return Err("use KEY or KEY=VALUE".to_owned());
    }
    Ok(Mark {
        key: key.to_owned(),
        value,
    })
}

/// An instance to be placed.
#[derive(Args)]
pub(crate) struct Place {
    /// What it is for [default: development].
    #[arg(long = "environment", value_parser = one_of(EnvironmentType::ALL))]
    environment_type: Option<EnvironmentType>,
    /// HTTP workers; without them, as the server allows.
    #[arg(long)]
    workers: Option<u32>,
    /// Its memory limit, for example 4G; without one, what the workers need.
    #[arg(long = "memory", value_name = "SIZE", value_parser = size::parse)]
    memory_limit_bytes: Option<u64>,
    /// Which servers are preferred; without it, the organization's choice.
    #[arg(long, value_parser = one_of(Policy::ALL))]
    policy: Option<Policy>,
    #[command(flatten)]
    belonging: Belonging,
    #[command(flatten)]
    preferences: Preferences,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlaceInstance {
    #[serde(skip_serializing_if = "Option::is_none")]
    environment_type: Option<EnvironmentType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workers: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_limit_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<Policy>,
    #[serde(flatten)]
    belonging: Belonging,
    placement: Wanted,
}

const COLUMNS: &[Column] = &[
    ("SERVER", |row| text(row, "serverName")),
    ("SCORE", |row| text(row, "score")),
    ("WHY", |row| sentences(row)),
];

impl Place {
    /// Shows which servers can take it, best first.
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let content = PlaceInstance {
            environment_type: self.environment_type,
            workers: self.workers,
            memory_limit_bytes: self.memory_limit_bytes,
            policy: self.policy,
            belonging: self.belonging,
            placement: self.preferences.wanted(),
        };
        let answer = session.client.post(&["placement"], &content).await?;
        session.output.result(&answer, || {
            table(
                COLUMNS,
                answer["servers"].as_array().map_or(&[][..], Vec::as_slice),
            )
        })
    }
}

/// Says which server was picked and why, if one was.
pub(super) fn say_picked(session: &Session, answer: &Value) -> Result<(), Failure> {
    let picked = &answer["placement"];
    if picked.is_null() {
        return Ok(());
    }
    session.output.say(&format!(
        "Picked server {} (score {}): {}",
        text(picked, "serverName"),
        text(picked, "score"),
        sentences(picked)
    ))
}

fn sentences(candidate: &Value) -> String {
    let reasons = candidate["reasons"].as_array().map_or(&[][..], Vec::as_slice);
    let texts: Vec<String> = reasons.iter().map(|reason| text(reason, "text")).collect();
    texts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_taints_are_read() {
        assert_eq!(pair("disk=nvme").unwrap(), ("disk".to_owned(), "nvme".to_owned()));
        assert!(pair("disk").is_err() && pair("=x").is_err());
        assert_eq!(mark("gpu").unwrap().value, None);
        assert_eq!(mark("gpu=a").unwrap().value.as_deref(), Some("a"));
        assert!(mark("=a").is_err() && mark("").is_err());
    }
}
