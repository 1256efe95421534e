//! `ocore advise`: what the bottleneck is, and what to do.

use std::fmt::Write;

use clap::Args;
use serde_json::{Value, json};

use super::{Session, capacity::for_administrators, failure::Failure, output::text, size};

#[derive(Args)]
pub(crate) struct Advise {
    /// Over how many minutes averages are taken.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=60))]
    minutes: u32,
}

pub(crate) async fn run(session: &Session, wanted: &Advise) -> Result<(), Failure> {
    let query = [("minutes", wanted.minutes.to_string())];
    let mut advice = session.client.get(&["advice"], &query).await?;
    join(&mut advice, for_administrators(session, "advice", &query).await?);
    session.output.result(&advice, || told(&advice))
}

/// Puts what is told of oCore itself before what is told of servers.
fn join(advice: &mut Value, own: Value) {
    let Value::Object(own) = own else { return };
    for key in ["findings", "unmeasured"] {
        if let (Some(Value::Array(first)), Value::Array(then)) = (own.get(key), &mut advice[key]) {
            let then = std::mem::take(then);
            advice[key] = first.iter().cloned().chain(then).collect();
        }
    }
    let total = |value: &Value| value.as_u64().unwrap_or_default();
    advice["total"] = json!(total(&advice["total"]) + own.get("total").map_or(0, total));
}

fn told(advice: &Value) -> String {
    let findings = advice["findings"].as_array().map_or(&[][..], Vec::as_slice);
    let mut out = String::new();
    // Writing to a text cannot fail.
    let mut say = |line: String| {
        let _ = writeln!(out, "{line}");
    };
    for finding in findings {
        let symptom = text(finding, "symptom").replace('_', " ");
        say(format!(
            "{}: {} ({symptom}; bottleneck: {})",
            text(finding, "severity").to_uppercase(),
            text(finding, "summary"),
            text(finding, "bottleneck").replace('_', " ")
        ));
        say(format!("  → {}", text(finding, "action")));
        for figure in finding["figures"].as_array().into_iter().flatten() {
            say(format!("    {}", measured(figure)));
        }
    }
    if findings.is_empty() {
        let minutes = text(advice, "minutes");
        say(format!(
            "No bottleneck in what was measured over the last {minutes} minutes."
        ));
    }
    let unmeasured: Vec<&str> = advice["unmeasured"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if !unmeasured.is_empty() {
        say(format!("Nothing was measured of: {}", unmeasured.join(", ")));
    }
    out
}

/// A figure and its threshold: `diskAwaitMs 84 ms (from 20 ms on)`.
fn measured(figure: &Value) -> String {
    let unit = figure["unit"].as_str().unwrap_or_default();
    let name = text(figure, "name");
    let value = quantity(figure["value"].as_f64().unwrap_or_default(), unit);
    match figure["threshold"].as_f64() {
        Some(threshold) => format!("{name} {value} (threshold {})", quantity(threshold, unit)),
        None => format!("{name} {value}"),
    }
}

fn quantity(value: f64, unit: &str) -> String {
    match unit {
        "percent" => format!("{value:.1} %"),
        "milliseconds" => format!("{value:.1} ms"),
        "seconds" => format!("{value:.0} s"),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "bytes to be read by people"
        )]
        "bytes" => size::show(value as u64),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_told_with_its_figures() {
        let mut advice = json!({"minutes": 15, "findings": [], "total": 0, "unmeasured": ["fra-2"]});
        assert_eq!(
            told(&advice),
            "No bottleneck in what was measured over the last 15 minutes.\nNothing was measured of: fra-2\n"
        );
        let own = json!({"minutes": 15, "total": 1, "unmeasured": [], "findings": [{
            "severity": "warning", "symptom": "slow_file_operations", "bottleneck": "disk_io",
            "summary": "The disk is slow", "action": "Upgrade to NVMe SSD.",
            "figures": [{"name": "diskAwaitMs", "value": 84.2, "unit": "milliseconds", "threshold": 20.0}],
        }]});
        join(&mut advice, own);
        assert_eq!(
            told(&advice),
            "WARNING: The disk is slow (slow file operations; bottleneck: disk io)\n  → Upgrade to NVMe SSD.\n    \
             diskAwaitMs 84.2 ms (threshold 20.0 ms)\nNothing was measured of: fra-2\n"
        );
        assert_eq!(advice["total"], 1);
    }
}
