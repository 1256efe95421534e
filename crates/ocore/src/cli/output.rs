//! What is printed on standard output: tables for people, one JSON document for programs.

use std::{
    cell::Cell,
    io::{self, Write},
};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{failure::Failure, size};

/// A column of a table: its heading, and what stands in it.
pub(crate) type Column = (&'static str, fn(&Value) -> String);

/// Where results go.
pub(crate) struct Output {
    json: bool,
    printed: Cell<bool>,
}

impl Output {
    /// For programs, or for people.
    pub(crate) const fn new(json: bool) -> Self {
        Self {
            json,
            printed: Cell::new(false),
        }
    }

    /// Whether it is a program that reads.
    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// The document, for programs; what `show` prints, for people.
    pub(crate) fn result(&self, document: &Value, show: impl FnOnce() -> String) -> Result<(), Failure> {
        if self.json {
            self.printed.set(true);
            return print(&format!("{document:#}\n"));
        }
        print(&show())
    }

    /// The document, if nothing was printed where a program waits for something.
    pub(crate) fn document_unless_printed(&self, document: &Value) -> Result<(), Failure> {
        if self.json && !self.printed.get() {
            self.result(document, String::new)
        } else {
            Ok(())
        }
    }

    /// Text for people only.
    pub(crate) fn say(&self, text: &str) -> Result<(), Failure> {
        if self.json {
            Ok(())
        } else {
            print(&format!("{text}\n"))
        }
    }
}

/// Writes bytes to standard output at once.
pub(crate) fn raw(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::PipeClosed,
            _ => Failure::Failed(format!("standard output: {error}")),
        })
}

fn print(text: &str) -> Result<(), Failure> {
    raw(text.as_bytes())
}

/// Rows under headings, each column as wide as it must be.
pub(crate) fn table(columns: &[Column], rows: &[Value]) -> String {
    let headings = columns.iter().map(|(heading, _)| (*heading).to_owned()).collect();
    let cells = rows
        .iter()
        .map(|row| columns.iter().map(|(_, cell)| plain(&cell(row))).collect());
    let lines: Vec<Vec<String>> = std::iter::once(headings).chain(cells).collect();
    let width = |column: usize| {
        lines
            .iter()
            .map(|line| line[column].chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let padded: Vec<String> = line
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:width$}"))
            .collect();
        text += padded.join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// Names and values, one a line; those without a value are left out.
pub(crate) fn fields(fields: &[(&str, String)]) -> String {
    let shown = || {
        fields
            .iter()
            .filter(|(_, value)| !value.is_empty() && value != NONE)
    };
    let width = shown()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or_default();
    let mut text = String::new();
    for (name, value) in shown() {
        text += &[&format!("{name:width$}"), "  ", &plain(value), "\n"].concat();
    }
    text
}

/// Stands for a value that is not known.
const NONE: &str = "–";

/// A value as text.
pub(crate) fn text(row: &Value, key: &str) -> String {
    match &row[key] {
        Value::Null => NONE.to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        other => other.to_string(),
    }
}

/// A number of bytes as text.
pub(crate) fn bytes(row: &Value, key: &str) -> String {
    row[key].as_u64().map_or_else(|| NONE.to_owned(), size::show)
}

/// A moment as the time since.
pub(crate) fn ago(row: &Value, key: &str) -> String {
    let moment: Option<DateTime<Utc>> = row[key].as_str().and_then(|text| text.parse().ok());
    moment.map_or_else(|| NONE.to_owned(), |moment| since(moment, Utc::now()))
}

fn since(moment: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let seconds = (now - moment).num_seconds();
    match seconds {
        ..0 => moment.format("%F %T").to_string(),
        0..120 => format!("{seconds} s ago"),
        120..7200 => format!("{} min ago", seconds / 60),
        7200..172_800 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

/// Text from elsewhere as it may stand on a terminal: without control characters, which could rewrite the screen.
pub(crate) fn plain(text: &str) -> String {
    text.chars().filter(|&c| c == '\n' || !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_line_up() {
        let columns: &[Column] = &[("NAME", |row| text(row, "name")), ("UP", |row| text(row, "up"))];
        let rows = [
            json!({"name": "zoë\u{1b}[2J", "up": true}),
            json!({"name": "a-long-name"}),
        ];
        assert_eq!(
            table(columns, &rows),
            "NAME         UP\nzoë[2J       yes\na-long-name  –\n"
        );
    }

    #[test]
    fn fields_without_value_are_left_out() {
        let row = json!({"a": 1});
        assert_eq!(
            fields(&[
                ("a", text(&row, "a")),
                ("long", text(&row, "b")),
                ("ccc", "x".into())
            ]),
            "a    1\nccc  x\n"
        );
    }

    #[test]
    fn times_are_told_as_distances() {
        let now: DateTime<Utc> = "2026-11-23T12:00:00Z".parse().unwrap();
        for (moment, told) in [
            ("2026-11-23T11:59:18Z", "42 s ago"),
            ("2026-11-23T11:30:00Z", "30 min ago"),
            ("2026-11-22T12:00:00Z", "24 h ago"),
            ("2026-11-01T12:00:00Z", "22 d ago"),
            ("2026-11-24T12:00:00Z", "2026-11-24 12:00:00"),
        ] {
            assert_eq!(since(moment.parse().unwrap(), now), told);
        }
    }
}
