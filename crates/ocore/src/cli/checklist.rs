//! `ocore checklist`: what should be known and done before one scales.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{Session, capacity::for_administrators, download::download, failure::Failure, output::text};

#[derive(Args)]
pub(crate) struct Checklist {
    /// Send a test alert by every channel first.
    #[arg(long)]
    test_alert: bool,
    /// Write the inventory to this file, as Markdown; as JSON when it ends in `.json`.
    #[arg(long, value_name = "FILE")]
    inventory: Option<PathBuf>,
}

pub(crate) async fn run(session: &Session, wanted: &Checklist) -> Result<(), Failure> {
    if wanted.test_alert {
        session
            .client
            .post(&["monitoring", "alerts", "test"], &json!({}))
            .await?;
    }
    if let Some(file) = &wanted.inventory {
        let is_json = file.extension().is_some_and(|extension| extension == "json");
        let format = if is_json { "json" } else { "markdown" };
        download(session, &["inventory"], &[("format", format.to_owned())], file).await?;
    }
    let organization = session.client.get(&["checklist"], &[]).await?;
    let control_plane = for_administrators(session, "checklist", &[]).await?;
    let left = left(&organization) + left(&control_plane);
    let document =
        json!({"items": organization["items"], "controlPlane": control_plane["items"], "left": left});
    session.output.result(&document, || {
        let own = if control_plane.is_null() {
            String::new()
        } else {
            format!("oCore itself\n{}\n", told(&control_plane))
        };
        own + &told(&organization)
    })?;
    if left == 0 {
        return Ok(());
    }
    Err(Failure::Ended(format!("{left} points are left.")))
}

fn items(list: &Value) -> &[Value] {
    list["items"].as_array().map_or(&[], Vec::as_slice)
}

fn left(list: &Value) -> usize {
    items(list).iter().filter(|item| item["state"] != "done").count()
}

fn told(list: &Value) -> String {
    let one = |item: &Value| {
        let mark = match item["state"].as_str() {
            Some("done") => "[x]",
            Some("unknown") => "[?]",
            _ => "[ ]",
        };
        let action = item["action"]
            .as_str()
            .map_or_else(String::new, |action| format!("\n      → {action}"));
        format!(
            "{mark} {}\n    {}{action}\n",
            text(item, "title"),
            text(item, "summary")
        )
    };
    items(list).iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_counted_and_told() {
        let list = json!({"items": [
            {"title": "One", "state": "done", "summary": "Well.", "action": null},
            {"title": "Two", "state": "attention", "summary": "Not well.", "action": "Mend it."},
            {"title": "Three", "state": "unknown", "summary": "Who knows.", "action": null},
        ]});
        assert_eq!(left(&list), 2);
        assert_eq!(
            told(&list),
            "[x] One\n    Well.\n[ ] Two\n    Not well.\n      → Mend it.\n[?] Three\n    Who knows.\n"
        );
        assert_eq!(left(&Value::Null), 0);
    }
}
