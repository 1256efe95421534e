//! The table on the terminal and the file of results.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use chrono::Utc;
use serde_json::{Map, Value, json};

/// What a figure has to reach.
#[derive(Clone, Copy)]
pub enum Target {
    AtMost(f64),
    AtLeast(f64),
}

/// One figure.
pub struct Figure {
    name: &'static str,
    value: f64,
    unit: &'static str,
    target: Option<Target>,
}

/// The figures of one benchmark.
#[derive(Default)]
pub struct Figures(Vec<Figure>);

impl Figures {
    pub fn add(&mut self, name: &'static str, value: f64, unit: &'static str, target: Option<Target>) {
        println!("  {name}: {value:.2} {unit}");
        self.0.push(Figure {
            name,
            value,
            unit,
            target,
        });
    }
}

impl Figures {
    /// Adds those of a part that was measured beside.
    pub fn join(&mut self, part: Self) {
        self.0.extend(part.0);
    }
}

impl Figure {
    fn holds(&self) -> Option<bool> {
        self.target.map(|target| match target {
            Target::AtMost(most) => self.value <= most,
            Target::AtLeast(least) => self.value >= least,
        })
    }

    fn wanted(&self) -> String {
        match self.target {
            Some(Target::AtMost(most)) => format!("≤ {most}"),
            Some(Target::AtLeast(least)) => format!("≥ {least}"),
            None => String::new(),
        }
    }

    fn json(&self) -> Value {
        let mut object = json!({ "name": self.name, "value": rounded(self.value), "unit": self.unit });
        if let Some(holds) = self.holds() {
            object["target"] = self.wanted().into();
            object["holds"] = holds.into();
        }
        object
    }
}

/// The results of this run and, for what was not run now, of the ones before.
pub struct Report {
    path: PathBuf,
    all: Map<String, Value>,
    missed: Vec<&'static str>,
}

impl Report {
    pub fn open(path: &Path) -> Result<Self> {
        let all = match fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text).context("the results of earlier runs cannot be read")?,
            Err(_) => Map::new(),
        };
        Ok(Self {
            path: path.to_owned(),
            all,
            missed: Vec::new(),
        })
    }

    /// Prints the figures of one benchmark and writes them down at once.
    pub fn keep(&mut self, benchmark: &str, figures: Figures) -> Result<()> {
        println!("\n{:<66} {:>12} {:<8} target", benchmark, "", "");
        for figure in &figures.0 {
            let verdict = match figure.holds() {
                Some(true) => "holds",
                Some(false) => "MISSED",
                None => "",
            };
            let value = format!("{:.2}", figure.value);
            println!(
                "  {:<64} {value:>12} {:<8} {} {verdict}",
                figure.name,
                figure.unit,
                figure.wanted()
            );
        }
        println!();
        self.missed.extend(
            figures
                .0
                .iter()
                .filter(|f| f.holds() == Some(false))
                .map(|f| f.name),
        );
        let figures: Vec<Value> = figures.0.iter().map(Figure::json).collect();
        let result = json!({ "at": Utc::now().to_rfc3339(), "machine": machine(), "figures": figures });
        self.all.insert(benchmark.to_owned(), result);
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let text = serde_json::to_string_pretty(&self.all)?;
        Ok(fs::write(&self.path, text + "\n")?)
    }

    pub fn end(self) -> Result<()> {
        if self.missed.is_empty() {
            return Ok(());
        }
        bail!("targets missed: {}", self.missed.join("; "))
    }
}

fn machine() -> Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        text.lines()
            .find_map(|line| {
                Some(
                    line.strip_prefix(name)?
                        .trim_start_matches([' ', '\t', ':'])
                        .to_owned(),
                )
            })
            .unwrap_or_default()
    };
    let load = read("/proc/loadavg");
    json!({
        "processor": field(&read("/proc/cpuinfo"), "model name"),
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "memory": field(&read("/proc/meminfo"), "MemTotal"),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        // The average of the last minute and of the last five: what else was going on.
        "load": load.split(' ').take(2).collect::<Vec<_>>().join(" "),
    })
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// The middle of a few measurements.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The nearest measurement at a quantile.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "an index between the first and the last"
)]
pub fn quantile(values: &[f64], at: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (at * (sorted.len().saturating_sub(1)) as f64).round() as usize;
    sorted.get(place).copied().unwrap_or(f64::NAN)
}
