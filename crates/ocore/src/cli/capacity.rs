//! `ocore capacity`: how large machines are, how large they should be, and when they will be too small.

use clap::Args;
use serde_json::{Value, json};

use super::{
    Session,
    client::Query,
    failure::Failure,
    output::{Column, fields, table, text},
    resolve::{Page, list, rows},
    size,
};

#[derive(Args)]
pub(crate) struct Capacity {
    #[command(flatten)]
    page: Page,
}

const COLUMNS: &[Column] = &[
    ("SERVER", |row| text(row, "name")),
    ("INSTANCES", |row| text(&row["assessment"], "instances")),
    ("TIER", |row| text(&row["assessment"]["tier"], "name")),
    ("HAS", |row| machine(&row["assessment"]["has"])),
    ("SHORT OF", |row| short_of(&row["assessment"])),
    ("PROMISED", |row| {
        share(&row["promisedMemoryBytes"], &row["promisableMemoryBytes"])
    }),
    ("DISK", |row| {
        share(&row["disk"]["usedBytes"], &row["disk"]["totalBytes"])
    }),
    ("RUNS OUT", runs_out),
];

fn runs_out(row: &Value) -> String {
    match row["runsOutAt"].as_str() {
        Some(at) => at.split('T').next().unwrap_or(at).to_owned(),
        None if row["disk"]["trend"]["kind"] == "too_early" => "too early to tell".to_owned(),
        None => "not within a year".to_owned(),
    }
}

fn machine(has: &Value) -> String {
    let (Some(cores), Some(ram)) = (has["cpuCores"].as_u64(), has["ramTotalBytes"].as_u64()) else {
        return text(has, "cpuCores");
    };
    let storage = has["storageBytes"].as_u64();
    let storage = storage.map_or_else(String::new, |bytes| format!(", {}", size::show(bytes)));
    format!("{cores} cores, {}{storage}", size::show(ram))
}

/// What a machine is short of: `memory (7.8 GB of 16 GB)`.
fn short_of(assessment: &Value) -> String {
    let Some(short) = assessment["shortOf"].as_array() else {
        return text(assessment, "shortOf");
    };
    let one = |short: &Value| {
        format!(
            "{} ({} of {})",
            text(short, "resource").replace('_', " "),
            text(short, "has"),
            text(short, "needs")
        )
    };
    if short.is_empty() {
        "nothing".to_owned()
    } else {
        short.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

fn share(part: &Value, whole: &Value) -> String {
    match (part.as_u64(), whole.as_u64()) {
        (Some(part), Some(whole)) if whole > 0 => format!("{} %", part.saturating_mul(100) / whole),
        _ => "–".to_owned(),
    }
}

pub(crate) async fn run(session: &Session, wanted: Capacity) -> Result<(), Failure> {
    let servers = list(session, &["capacity"], &[], &wanted.page).await?;
    let control_plane = for_administrators(session, "capacity", &[]).await?;
    let document = json!({"servers": servers["data"], "nextCursor": servers["nextCursor"], "controlPlane": control_plane});
    session.output.result(&document, || {
        let own = if control_plane.is_null() {
            String::new()
        } else {
            format!("oCore itself\n{}\n", itself(&control_plane))
        };
        own + &table(COLUMNS, rows(&servers))
    })
}

/// What only who administers the installation is told; nothing for others.
pub(super) async fn for_administrators(
    session: &Session,
    what: &str,
    query: &Query<'_>,
) -> Result<Value, Failure> {
    match session.client.get(&["admin", what], query).await {
        Err(failure) if failure.is_forbidden() => Ok(Value::Null),
        answered => answered,
    }
}

fn itself(seen: &Value) -> String {
    let assessment = &seen["assessment"];
    let storage = &seen["storage"];
    let connections = &seen["connections"];
    fields(&[
        (
            "Manages",
            format!(
                "{} instances on {} servers",
                seen["managedInstances"], seen["servers"]
            ),
        ),
        ("Tier", text(&assessment["tier"], "name")),
        ("Has", machine(&assessment["has"])),
        ("Short of", short_of(assessment)),
        ("Disk", share(&storage["usedBytes"], &storage["totalBytes"])),
        (
            "Runs out",
            runs_out(&json!({"runsOutAt": storage["trend"]["at"], "disk": storage})),
        ),
        (
            "Connections",
            format!("{} in the pools of {}", connections["pools"], connections["most"]),
        ),
        (
            "Processes",
            seen["processes"].as_array().map_or(0, Vec::len).to_string(),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_is_told_with_both_sides() {
        let assessment = json!({"shortOf": [{"resource": "memory", "has": "7.8 GB", "needs": "16 GB"}]});
        assert_eq!(short_of(&assessment), "memory (7.8 GB of 16 GB)");
        assert_eq!(short_of(&json!({"shortOf": []})), "nothing");
        assert_eq!(short_of(&Value::Null), "–");
    }

    #[test]
    fn the_end_is_told_as_a_day() {
        assert_eq!(
            runs_out(&json!({"runsOutAt": "2026-12-24T10:00:00Z"})),
            "2026-12-24"
        );
        assert_eq!(
            runs_out(&json!({"runsOutAt": null, "disk": {"trend": {"kind": "too_early"}}})),
            "too early to tell"
        );
        assert_eq!(runs_out(&json!({"runsOutAt": null})), "not within a year");
    }
}
