//! What was measured, as a table with a line of bars for each figure.

use chrono::{DateTime, Utc};
use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};

use super::{
    Session,
    failure::Failure,
    output::{Column, ago, table, text},
    resolve::{find, value},
    size,
};

/// Bars in a line.
const BARS: usize = 60;

/// How far back.
#[derive(clap::Args)]
pub(crate) struct Period {
    /// How far back.
    #[arg(long, default_value = "1h", value_parser = PossibleValuesParser::new(["1h", "6h", "24h", "7d", "30d"]))]
    period: String,
}

/// How a figure is written.
#[derive(Clone, Copy)]
enum Kind {
    Percent,
    Plain,
    Bytes,
    /// An amount of bytes over the seconds that a point covers.
    Rate,
}

type Figure = (&'static str, &'static str, Kind);

const SERVER: &[Figure] = &[
    ("CPU", "cpuUsagePercent", Kind::Percent),
    ("CPU, waiting for disks", "cpuIowaitPercent", Kind::Percent),
    ("CPU, stolen", "cpuStealPercent", Kind::Percent),
    ("Load (1 min)", "cpuLoad1m", Kind::Plain),
    ("Memory", "ramUsagePercent", Kind::Percent),
    ("Swap", "swapUsedBytes", Kind::Bytes),
    ("Disk", "diskUsagePercent", Kind::Percent),
    ("Disk wait (ms)", "diskAwaitMs", Kind::Plain),
    ("Received", "networkRxBytes", Kind::Rate),
    ("Sent", "networkTxBytes", Kind::Rate),
    ("PostgreSQL connections", "pgConnections", Kind::Plain),
];

const INSTANCE: &[Figure] = &[
    ("CPU (of one core)", "cpuUsagePercent", Kind::Percent),
    ("Held back by CPU limit", "throttledPercent", Kind::Percent),
    ("Memory", "memoryBytes", Kind::Bytes),
    ("Received", "networkRxBytes", Kind::Rate),
    ("Sent", "networkTxBytes", Kind::Rate),
    ("Read from disk", "diskReadBytes", Kind::Rate),
    ("Written to disk", "diskWrittenBytes", Kind::Rate),
    ("Longest request (ms)", "longestRequestMs", Kind::Plain),
    ("Cron lag (s)", "cronLagSeconds", Kind::Plain),
    ("Filestore", "filestoreBytes", Kind::Bytes),
    ("Database", "databaseBytes", Kind::Bytes),
];

const COLUMNS: &[Column] = &[
    ("FIGURE", |row| text(row, "figure")),
    ("LAST", |row| text(row, "last")),
    ("LEAST", |row| text(row, "least")),
    ("MEAN", |row| text(row, "mean")),
    ("MOST", |row| text(row, "most")),
    ("OVER TIME", |row| text(row, "bars")),
];

/// `ocore server metrics`.
pub(crate) async fn of_server(session: &Session, name: &str, period: &Period) -> Result<(), Failure> {
    let server = find(session, "servers", name).await?;
    show(
        session,
        &["servers", value(&server, "id")?, "metrics"],
        period,
        SERVER,
    )
    .await
}

/// `ocore instance metrics`.
pub(crate) async fn of_instance(session: &Session, name: &str, period: &Period) -> Result<(), Failure> {
    let instance = find(session, "instances", name).await?;
    let path = ["instances", value(&instance, "id")?, "monitoring", "metrics"];
    show(session, &path, period, INSTANCE).await
}

async fn show(session: &Session, path: &[&str], period: &Period, figures: &[Figure]) -> Result<(), Failure> {
    let query = [("period", period.period.clone())];
    let answer = session.client.get(path, &query).await?;
    session
        .output
        .result(&answer, || written(&answer, figures, Utc::now()))
}

fn written(answer: &Value, figures: &[Figure], now: DateTime<Utc>) -> String {
    let points = answer["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    let seen = match answer["source"].as_str() {
        None => return "Nothing was measured yet.\n".to_owned(),
        Some("ssh") => "by SSH, once a minute",
        Some(_) => "by the agent",
    };
    let head = format!(
        "Measured {} {seen}; the last {}.\n",
        ago(answer, "observedAt"),
        text(answer, "period")
    );
    if points.is_empty() {
        return format!("{head}There are no points in this time yet.\n");
    }
    let since = time(&answer["since"]).unwrap_or(now);
    let rows: Vec<Value> = figures
        .iter()
        .filter_map(|figure| row(figure, points, since, now))
        .collect();
    head + &table(COLUMNS, &rows)
}

/// None: it was never measured.
fn row(
    (name, key, kind): &Figure,
    points: &[Value],
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Option<Value> {
    let values: Vec<(DateTime<Utc>, f64)> = points
        .iter()
        .filter_map(|point| {
            let value = point[key].as_f64()?;
            let value = match kind {
                Kind::Rate => {
                    value
                        / point["coveredSeconds"]
                            .as_f64()
                            .filter(|seconds| *seconds > 0.0)?
                }
                _ => value,
            };
            Some((time(&point["collectedAt"])?, value))
        })
        .collect();
    let (_, last) = *values.last()?;
    let least = values
        .iter()
        .map(|(_, value)| *value)
        .fold(f64::INFINITY, f64::min);
    let most = values.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    #[expect(clippy::cast_precision_loss, reason = "some points")]
    let mean = values.iter().map(|(_, value)| value).sum::<f64>() / values.len() as f64;
    let full = if matches!(kind, Kind::Percent) {
        most.max(100.0)
    } else {
        most
    };
    Some(json!({
        "figure": name,
        "last": kind.write(last),
        "least": kind.write(least),
        "mean": kind.write(mean),
        "most": kind.write(most),
        "bars": bars(&values, since, now, full),
    }))
}

impl Kind {
    fn write(self, value: f64) -> String {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "bytes; none is below zero"
        )]
        let bytes = || size::show(value as u64);
        match self {
            Self::Percent => format!("{value:.1} %"),
            Self::Plain => format!("{value:.1}"),
            Self::Bytes => bytes(),
            Self::Rate => format!("{}/s", bytes()),
        }
    }
}

/// A bar for each part of the time, as high as the greatest value in it. Where nothing was measured there is none.
fn bars(values: &[(DateTime<Utc>, f64)], since: DateTime<Utc>, now: DateTime<Utc>, full: f64) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let length = (now - since).num_milliseconds().max(1);
    let mut slots = [None::<f64>; BARS];
    for (at, value) in values {
        let place = (*at - since).num_milliseconds().clamp(0, length - 1) * 60 / length;
        if let Some(slot) = usize::try_from(place).ok().and_then(|place| slots.get_mut(place)) {
            *slot = Some(slot.map_or(*value, |before| before.max(*value)));
        }
    }
    let bar = |slot: Option<f64>| {
        slot.map_or(' ', |value| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "from 0 to 7"
            )]
            let height = if full > 0.0 {
                (value / full * 7.0).round() as usize
            } else {
                0
            };
            HEIGHTS[height.min(7)]
        })
    };
    slots.into_iter().map(bar).collect()
}

fn time(of: &Value) -> Option<DateTime<Utc>> {
    of.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_blank_and_rates_are_by_the_second() {
        let now: DateTime<Utc> = "2026-01-01T01:00:00Z".parse().unwrap();
        let point = |minute: u32, cpu: f64| {
            json!({"collectedAt": format!("2026-01-01T00:{minute:02}:30Z"), "coveredSeconds": 10.0,
                   "cpuUsagePercent": cpu, "networkRxBytes": 10_240, "pgConnections": null})
        };
        let answer = json!({"since": "2026-01-01T00:00:00Z", "observedAt": now, "source": "agent", "period": "1h",
                            "data": [point(0, 0.0), point(30, 50.0), point(59, 100.0)]});
        let text = written(&answer, SERVER, now);
        let cpu = text.lines().find(|line| line.starts_with("CPU ")).unwrap();
        let line = format!("▁{}▅{}█", " ".repeat(29), " ".repeat(28));
        assert!(cpu.contains("100.0 %") && cpu.ends_with(&line), "{text}");
        assert!(text.contains(" 1 KiB/s"), "{text}");
        assert!(!text.contains("PostgreSQL"), "{text}");
        let never = json!({"source": null, "data": []});
        assert!(written(&never, SERVER, now).contains("Nothing"));
    }
}
