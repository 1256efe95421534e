//! `cargo xtask sql`: the data in `.sqlx/`, from which queries are checked without a database.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{
    postgres::Postgres,
    process::{cargo, run},
    workspace,
};

/// The crate whose queries are checked: the only one that has any.
const PACKAGE: &str = "ocore-store";

/// Where its migrations are.
pub(crate) fn migrations() -> PathBuf {
    workspace::root().join("crates/store/migrations")
}

/// Renews `.sqlx/` from a real database; with `check` only says whether that would change it.
pub(crate) fn command(check: bool) -> Result<()> {
    crate::migrations::check()?;
    let fresh = tempfile::tempdir()?;
    describe(fresh.path())?;
    let committed = workspace::root().join(".sqlx");
    let (new, old) = (queries(fresh.path())?, queries(&committed)?);
    let changes = differences(&old, &new);
    if changes.is_empty() {
        println!(".sqlx/ is up to date ({} queries)", new.len());
        return Ok(());
    }
    if check {
        bail!(
            ".sqlx/ is out of date; run `cargo xtask sql` and commit it:\n{}",
            changes.join("\n")
        );
    }
    std::fs::create_dir_all(&committed)?;
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        std::fs::remove_file(committed.join(name))?;
    }
    for (name, content) in &new {
        if old.get(name) != Some(content) {
            std::fs::write(committed.join(name), content)?;
        }
    }
    println!(".sqlx/ renewed ({} queries):\n{}", new.len(), changes.join("\n"));
    Ok(())
}

/// Has sqlx's macros ask a migrated database about every query, and write what they learn to `folder`.
fn describe(folder: &Path) -> Result<()> {
    let postgres = Postgres::start()?;
    postgres.create_migrated("ocore", &migrations())?;
    // A target folder of its own: macros run only when the crate is compiled, so it is thrown out of the
    // folder first, and that must not make everyone compile it again.
    let target = workspace::target().join("sqlx");
    let target = target.to_str().context("the target folder's name is not text")?;
    run(&mut cargo(&[
        "clean",
        "-q",
        "-p",
        PACKAGE,
        "--target-dir",
        target,
    ]))?;
    run(cargo(&[
        "check",
        "-q",
        "-p",
        PACKAGE,
        "--all-targets",
        "--target-dir",
        target,
    ])
    .env("DATABASE_URL", postgres.url("ocore"))
    .env("SQLX_OFFLINE", "false")
    .env("SQLX_OFFLINE_DIR", folder))
}

type Queries = BTreeMap<OsString, String>;

fn queries(folder: &Path) -> Result<Queries> {
    let mut found = Queries::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let entry = entry?;
        if entry.path().extension().is_some_and(|ending| ending == "json") {
            found.insert(entry.file_name(), std::fs::read_to_string(entry.path())?);
        }
    }
    Ok(found)
}

/// One line a query that is new, changed or gone.
fn differences(old: &Queries, new: &Queries) -> Vec<String> {
    let gone = old
        .iter()
        .filter(|(name, _)| !new.contains_key(*name))
        .map(|(_, text)| ("gone", text));
    let changed = new.iter().filter_map(|(name, text)| match old.get(name) {
        None => Some(("new", text)),
        Some(before) if before != text => Some(("changed", text)),
        Some(_) => None,
    });
    gone.chain(changed)
        .map(|(what, text)| format!("  {what:<8}{}", summary(text)))
        .collect()
}

/// The beginning of the query in a file of `.sqlx/`.
fn summary(file: &str) -> String {
    let parsed: Option<serde_json::Value> = serde_json::from_str(file).ok();
    let query = parsed
        .as_ref()
        .and_then(|file| file["query"].as_str())
        .unwrap_or("(not readable)");
    query
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(90)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_new_changed_and_gone_queries_apart() {
        let file = |query: &str, n: i32| format!(r#"{{"query": "{query}", "n": {n}}}"#);
        let old = Queries::from([
            ("a".into(), file("select a", 1)),
            ("b".into(), file("select\\n  b", 1)),
        ]);
        let new = Queries::from([
            ("b".into(), file("select\\n  b", 2)),
            ("c".into(), file("select c", 1)),
        ]);
        assert_eq!(
            differences(&old, &new),
            ["  gone    select a", "  changed select b", "  new     select c"]
        );
        assert!(differences(&old, &old).is_empty());
    }
}
