//! `cargo xtask arrows`: crates depend downwards only, as docs/architecture.md draws them.

use std::{collections::BTreeMap, process::Stdio};

use anyhow::{Result, bail};
use ocore_testbed::command::read;
use serde_json::Value;

use crate::process::cargo;

/// Each crate, and the crates of ours it may depend on, be it for its tests or its build only.
const ALLOWED: [(&str, &[&str]); 17] = [
    // Files, and how they are served.
    ("ocore-dashboard", &[]),
    ("ocore-domain", &[]),
    ("ocore-fleet", &["ocore-domain"]),
    ("ocore-identity", &["ocore-domain"]),
    ("ocore-mail", &["ocore-domain"]),
    ("ocore-notify", &["ocore-domain", "ocore-mail"]),
    ("ocore-odoo", &["ocore-domain"]),
    ("ocore-sso", &["ocore-domain"]),
    ("ocore-store", &["ocore-domain", "ocore-telemetry"]),
    (
        "ocore-operations",
        &[
            "ocore-domain",
            "ocore-fleet",
            "ocore-notify",
            "ocore-odoo",
            "ocore-store",
            "ocore-telemetry",
        ],
    ),
    (
        "ocore-api",
        &[
            "ocore-domain",
            "ocore-identity",
            "ocore-mail",
            "ocore-notify",
            "ocore-operations",
            "ocore-sso",
            "ocore-store",
            "ocore-telemetry",
        ],
    ),
    ("ocore-gateway", &["ocore-domain", "ocore-fleet", "ocore-store"]),
    (
        "ocore",
        &[
            "ocore-api",
            "ocore-dashboard",
            "ocore-domain",
            "ocore-fleet",
            "ocore-gateway",
            "ocore-identity",
            "ocore-mail",
            "ocore-notify",
            "ocore-odoo",
            "ocore-operations",
            "ocore-sso",
            "ocore-store",
        ],
    ),
    // The agent runs on the servers and knows nothing but the wire format.
    ("ocore-telemetry", &[]),
    ("ocore-agent", &["ocore-telemetry"]),
    // These look at oCore from outside, through its binary.
    ("ocore-testbed", &[]),
    ("xtask", &["ocore-testbed"]),
];

/// The crates whose tests, and nothing else of them, may use the processes that the testbed starts.
const TESTED_WITH_THE_TESTBED: [&str; 7] = [
    "ocore",
    "ocore-api",
    "ocore-identity",
    "ocore-mail",
    "ocore-operations",
    "ocore-sso",
    "ocore-store",
];

/// A dependency on a crate of ours.
#[derive(Debug)]
struct Arrow {
    to: String,
    /// Whether only tests need it.
    dev: bool,
}

/// A crate and its dependencies on crates of ours.
type Graph = BTreeMap<String, Vec<Arrow>>;

/// Fails, naming each one, if an arrow points up or sideways.
pub(crate) fn command() -> Result<()> {
    let mut metadata = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let graph = graph(&serde_json::from_str(&read(metadata.stderr(Stdio::inherit()))?)?);
    let wrong = wrong(&graph);
    if !wrong.is_empty() {
        bail!(
            "crates may only depend downwards (docs/architecture.md):\n{}",
            wrong.join("\n")
        );
    }
    println!("all arrows point down ({} crates)", graph.len());
    Ok(())
}

/// What `cargo metadata` says of the workspace: dependencies with a path are its own.
fn graph(metadata: &Value) -> Graph {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let of = |package: &Value| {
        let ours = list(&package["dependencies"])
            .into_iter()
            .filter(|dependency| dependency["path"].is_string());
        (
            text(&package["name"]),
            ours.map(|dependency| Arrow {
                to: text(&dependency["name"]),
                dev: dependency["kind"] == "dev",
            })
            .collect(),
        )
    };
    list(&metadata["packages"]).iter().map(of).collect()
}

/// One line for every arrow that is not allowed.
fn wrong(graph: &Graph) -> Vec<String> {
    let allowed = BTreeMap::from(ALLOWED);
    let mut lines = Vec::new();
    for (package, dependencies) in graph {
        let Some(below) = allowed.get(package.as_str()) else {
            lines.push(format!(
                "  {package} has no place yet: give it one in xtask/src/arrows.rs"
            ));
            continue;
        };
        let up = dependencies
            .iter()
            .filter(|arrow| !below.contains(&arrow.to.as_str()) && !is_of_a_test(package, arrow));
        lines.extend(up.map(|arrow| format!("  {package} → {}", arrow.to)));
    }
    lines
}

fn is_of_a_test(package: &str, arrow: &Arrow) -> bool {
    let is_testbed = arrow.to == "ocore-testbed" && TESTED_WITH_THE_TESTBED.contains(&package);
    // A crate's tests may ask for features of the crate itself.
    arrow.dev && (is_testbed || arrow.to == package)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(name: &str, ours: &[&str]) -> Value {
        package_of("dev", name, ours)
    }

    fn package_of(kind: &str, name: &str, ours: &[&str]) -> Value {
        let kind = (kind != "normal").then_some(kind);
        let mut dependencies: Vec<Value> = ours
            .iter()
            .map(|name| json!({"name": name, "path": "/somewhere", "kind": kind}))
            .collect();
        dependencies.push(json!({"name": "serde", "kind": null}));
        json!({"name": name, "dependencies": dependencies})
    }

    #[test]
    fn arrows_that_point_down_are_right() {
        let metadata = json!({"packages": [
            package("ocore-domain", &[]),
            package("ocore-store", &["ocore-domain", "ocore-telemetry"]),
            package("ocore", &["ocore-store", "ocore-domain"]),
        ]});
        assert!(wrong(&graph(&metadata)).is_empty());
    }

    #[test]
    fn arrows_that_point_up_or_sideways_are_named() {
        let metadata = json!({"packages": [
            package("ocore-domain", &["ocore-store"]),
            package("ocore-store", &["ocore-domain", "ocore-fleet"]),
            package("ocore-testbed", &["ocore"]),
            package("ocore-novelty", &[]),
        ]});
        assert_eq!(
            wrong(&graph(&metadata)),
            [
                "  ocore-domain → ocore-store",
                "  ocore-novelty has no place yet: give it one in xtask/src/arrows.rs",
                "  ocore-store → ocore-fleet",
                "  ocore-testbed → ocore",
            ]
        );
    }

    #[test]
    fn only_the_tests_of_some_crates_may_use_the_testbed() {
        let of = |kind, name| {
            let metadata = json!({"packages": [package_of(kind, name, &["ocore-testbed"])]});
            wrong(&graph(&metadata)).len()
        };
        assert_eq!(of("dev", "ocore-mail"), 0);
        let metadata = json!({"packages": [package_of("dev", "ocore-api", &["ocore-api"])]});
        assert!(wrong(&graph(&metadata)).is_empty());
        assert_eq!(of("normal", "ocore-mail"), 1);
        assert_eq!(of("build", "ocore-mail"), 1);
        assert_eq!(of("dev", "ocore-domain"), 1);
    }

    /// What is allowed must itself have an order, or it would allow a circle.
    #[test]
    fn what_is_allowed_has_no_circle() {
        let allowed = BTreeMap::from(ALLOWED);
        let mut settled: Vec<&str> = Vec::new();
        while settled.len() < allowed.len() {
            let next = allowed.iter().find(|(package, below)| {
                !settled.contains(*package) && below.iter().all(|package| settled.contains(package))
            });
            settled.push(next.expect("a circle").0);
        }
    }
}
