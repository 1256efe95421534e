//! `ocore alert`: what is wrong, by which rules that is told, and whether it arrives.

use clap::{Args, Subcommand};
use ocore_domain::alerts::{Metric, Operator, Severity};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Session,
    confirm::confirm,
    failure::Failure,
    output::{Column, ago, table, text},
    resolve::{Kind, Page, list, rows, tag, value},
    values::one_of,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List alerts that did not end, newest first.
    List {
        #[command(flatten)]
        page: Page,
        /// Also those that ended.
        #[arg(long)]
        all: bool,
        /// Also those that another alert explains.
        #[arg(long)]
        suppressed: bool,
        /// Only of this severity.
        #[arg(long, value_parser = one_of(Severity::ALL))]
        severity: Option<Severity>,
    },
    /// Say that you have seen an alert.
    #[command(alias = "acknowledge")]
    Ack {
        /// Its id.
        alert: String,
    },
    /// End an alert. It comes again when it was right in between and is wrong again.
    Resolve {
        /// Its id.
        #[arg(required_unless_present = "all")]
        alert: Option<String>,
        /// All of them.
        #[arg(long, conflicts_with = "alert")]
        all: bool,
    },
    /// Send a test by every channel, and show how each went.
    Test,
    /// List the rules.
    Rules {
        #[command(flatten)]
        page: Page,
    },
    /// Make a rule.
    AddRule(AddRule),
    /// Change a rule; what is not given stays.
    UpdateRule(UpdateRule),
    /// Delete a rule. One of oCore's own comes again: switch it off instead.
    RemoveRule {
        /// Name or id.
        rule: String,
        /// Confirm by the rule's name instead of being asked.
        #[arg(long, alias = "confirm", value_name = "NAME")]
        yes: Option<String>,
    },
}

#[derive(Args, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AddRule {
    /// Its name.
    #[arg(long)]
    name: String,
    /// What it watches.
    #[arg(long, value_parser = one_of(Metric::ALL), hide_possible_values = true)]
    metric: Metric,
    #[command(flatten)]
    #[serde(flatten)]
    terms: RuleTerms,
}

#[derive(Args)]
pub(crate) struct UpdateRule {
    /// Name or id.
    rule: String,
    #[command(flatten)]
    changes: Changes,
}

#[derive(Args, Serialize)]
#[serde(rename_all = "camelCase")]
struct Changes {
    /// A new name.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[command(flatten)]
    #[serde(flatten)]
    terms: RuleTerms,
}

#[derive(Args, Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleTerms {
    /// How a value is compared with the threshold.
    #[arg(long, value_parser = one_of(Operator::ALL))]
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<Operator>,
    /// It fires beyond this.
    #[arg(long, allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<f64>,
    /// It clears when the value is back here.
    #[arg(long, allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    clear_threshold: Option<f64>,
    /// Minutes that are averaged, or for which a state must last; at most 60.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    minutes: Option<u32>,
    /// How bad it is.
    #[arg(long, value_parser = one_of(Severity::ALL))]
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<Severity>,
    /// Whether it is evaluated.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
}

const RULE: Kind = Kind {
    what: "rule",
    path: "rules",
    id: "id",
    names: &["name"],
    list: "ocore alert rules",
};

const RULES: [&str; 3] = ["monitoring", "alerts", "rules"];
const EVENTS: [&str; 3] = ["monitoring", "alerts", "events"];

const COLUMNS: &[Column] = &[
    ("SEVERITY", |row| text(row, "severity")),
    ("ALERT", |row| text(row, "message")),
    ("SINCE", |row| ago(row, "openedAt")),
    ("STATE", state),
    ("ID", |row| text(row, "id")),
];

const RULE_COLUMNS: &[Column] = &[
    ("NAME", |row| text(row, "name")),
    ("METRIC", |row| text(row, "metric")),
    ("FIRES", |row| {
        format!("{} {}", text(row, "operator"), text(row, "threshold"))
    }),
    ("CLEARS", |row| text(row, "clearThreshold")),
    ("MINUTES", |row| text(row, "minutes")),
    ("SEVERITY", |row| text(row, "severity")),
    ("ENABLED", |row| text(row, "enabled")),
    ("ID", |row| text(row, "id")),
];

/// How a test went, by channel.
pub(crate) const SENT: &[Column] = &[
    ("CHANNEL", |row| text(row, "channelName")),
    ("TO", |row| text(row, "target")),
    ("ARRIVED", |row| text(row, "ok")),
    ("STATUS", |row| text(row, "status")),
    ("ERROR", |row| text(row, "error")),
];

fn state(row: &Value) -> String {
    let is = |key: &str| !row[key].is_null();
    let word = if is("resolvedAt") {
        "ended"
    } else if is("suppressedBy") {
        "suppressed"
    } else if is("acknowledgedAt") {
        "acknowledged"
    } else {
        "open"
    };
    word.to_owned()
}

async fn find(session: &Session, rule: &str) -> Result<Value, Failure> {
    let mut found = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut query = vec![("limit", "200".to_owned())];
        query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
        let mut answer = session.client.get(&RULES, &query).await?;
        if let Value::Array(more) = answer["data"].take() {
            found.extend(more);
        }
        cursor = answer["nextCursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return RULE.pick(found, rule);
        }
    }
}

pub(crate) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let (client, output) = (&session.client, &session.output);
    match command {
        Command::List {
            page,
            all,
            suppressed,
            severity,
        } => {
            let mut query = Vec::new();
            if !all {
                query.push(("resolved", "false".to_owned()));
            }
            if !suppressed {
                query.push(("suppressed", "false".to_owned()));
            }
            query.extend(severity.map(|severity| ("severity", severity.to_string())));
            let answer = list(session, &EVENTS, &query, &page).await?;
            output.result(&answer, || table(COLUMNS, rows(&answer)))
        }
        Command::Ack { alert } => {
            let path = [EVENTS[0], EVENTS[1], EVENTS[2], &alert, "acknowledge"];
            let answer = client.post(&path, &json!({})).await?;
            output.result(&answer, || format!("Seen: {}\n", text(&answer, "message")))
        }
        Command::Resolve { alert, .. } => {
            let Some(alert) = alert else {
                let path = [EVENTS[0], EVENTS[1], EVENTS[2], "resolve-all"];
                let answer = client.post(&path, &json!({})).await?;
                return output.result(&answer, || {
                    format!("{} alerts are ended.\n", text(&answer, "resolved"))
                });
            };
            let path = [EVENTS[0], EVENTS[1], EVENTS[2], &alert, "resolve"];
            let answer = client.patch(&path, &json!({})).await?;
            output.result(&answer, || format!("Ended: {}\n", text(&answer, "message")))
        }
        Command::Test => {
            let answer = client.post(&["monitoring", "alerts", "test"], &json!({})).await?;
            output.result(&answer, || sent(&answer))?;
            failed(&answer)
        }
        Command::Rules { page } => {
            let answer = list(session, &RULES, &[], &page).await?;
            output.result(&answer, || table(RULE_COLUMNS, rows(&answer)))
        }
        Command::AddRule(add) => {
            let answer = client.post(&RULES, &add).await?;
            output.result(&answer, || table(RULE_COLUMNS, std::slice::from_ref(&answer)))
        }
        Command::UpdateRule(update) => {
            let rule = find(session, &update.rule).await?;
            let path = [RULES[0], RULES[1], RULES[2], value(&rule, "id")?];
            let answer = client.put_if(&path, &update.changes, tag(&rule).as_deref()).await;
            let answer = answer.map_err(|failure| failure.changed_meanwhile("ocore alert rules"))?;
            output.result(&answer, || table(RULE_COLUMNS, std::slice::from_ref(&answer)))
        }
        Command::RemoveRule { rule, yes } => {
            let rule = find(session, &rule).await?;
            let name = value(&rule, "name")?;
            confirm(&format!("Rule `{name}` will be deleted."), &[name], yes)?;
            let path = [RULES[0], RULES[1], RULES[2], value(&rule, "id")?];
            client.delete(&path, &[]).await?;
            output.result(&rule, || format!("Rule `{name}` is deleted.\n"))
        }
    }
}

/// How a test went, in words.
pub(crate) fn sent(answer: &Value) -> String {
    if rows(answer).is_empty() {
        return "There is no channel: `ocore channel add` makes one.\n".to_owned();
    }
    table(SENT, rows(answer))
}

/// Fails when something did not arrive: a script that tests wants to know.
pub(crate) fn failed(answer: &Value) -> Result<(), Failure> {
    let lost = rows(answer).iter().filter(|row| row["ok"] != true).count();
    if lost > 0 || rows(answer).is_empty() {
        return Err(Failure::Failed(format!(
            "{lost} of {} did not arrive",
            rows(answer).len()
        )));
    }
    Ok(())
}
