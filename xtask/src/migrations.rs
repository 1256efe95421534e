//! Migrations that the processes of the version before survive: one only adds, or says what it takes away.
//!
//! A process goes on beside a schema that was only expanded: tables, columns that have a default or may be empty, indexes,
//! functions. What is dropped, renamed, narrowed or newly required may be just what it uses, so a migration that does such a
//! thing says since which version nothing uses it any more, in a line of its own:
//!
//! ```sql
//! -- contract: since 0.3.0
//! ```
//!
//! What was made in the same migration is nobody's yet, and may be taken away in it.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result, bail};
use sqlparser::{
    dialect::PostgreSqlDialect,
    tokenizer::{Token, Tokenizer},
};

use crate::sql::migrations;

/// Those up to here ran before anything was promised.
const PROMISED_AFTER: i64 = 20_261_129_226_001;
/// How a migration says that it takes something away.
const CONTRACT: &str = "-- contract: since ";

/// Fails, naming each one, if a migration takes something away and does not say so.
pub(crate) fn check() -> Result<()> {
    let folder = migrations();
    let mut faults = Vec::new();
    let mut judged = 0;
    let mut plain = Indexes::new();
    let mut names: Vec<String> = fs::read_dir(&folder)?
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    for name in names
        .iter()
        .filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "sql"))
    {
        let number: i64 = name
            .split('_')
            .next()
            .unwrap_or_default()
            .parse()
            .with_context(|| format!("{name} has no number"))?;
        let sql = fs::read_to_string(folder.join(name))?;
        if number > PROMISED_AFTER {
            judged += 1;
            let found = faults_of(&sql, &plain).with_context(|| name.clone())?;
            faults.extend(found.into_iter().map(|fault| format!("  {name}: {fault}")));
        }
        plain.extend(plain_indexes(&sql).with_context(|| name.clone())?);
    }
    if !faults.is_empty() {
        bail!(
            "processes of the version before may not survive these; make it in two versions (docs/operators/upgrade.md), or say \
             `{CONTRACT}VERSION` in a line of its own when nothing since then uses it:\n{}",
            faults.join("\n")
        );
    }
    println!("{judged} migrations only add, or say what they take away");
    Ok(())
}

/// The names of indexes that nothing but speed depends on.
type Indexes = BTreeSet<String>;

/// The indexes that a migration makes and that are not unique.
fn plain_indexes(sql: &str) -> Result<Indexes> {
    let of = |statement: Vec<String>| {
        let is_plain = statement.first().is_some_and(|word| word == "create")
            && statement.get(1).is_some_and(|word| word == "index");
        let words = ["create", "index", "concurrently", "if", "not", "exists"];
        statement
            .into_iter()
            .filter(|_| is_plain)
            .find(|word| !words.contains(&word.as_str()))
    };
    Ok(statements(sql)?.into_iter().filter_map(of).collect())
}

/// What a migration takes away; nothing, when it says so itself. `plain` are the indexes of before that are not unique.
fn faults_of(sql: &str, plain: &Indexes) -> Result<Vec<String>> {
    if let Some(version) = sql.lines().find_map(|line| line.trim().strip_prefix(CONTRACT)) {
        let numbers: Vec<_> = version.trim().split('.').collect();
        let is_version = numbers.len() == 3 && numbers.iter().all(|number| number.parse::<u32>().is_ok());
        return Ok(if is_version {
            Vec::new()
        } else {
            vec![format!("`{}` is no version such as 0.3.0", version.trim())]
        });
    }
    let mut made: BTreeSet<String> = plain.iter().map(|name| format!("index {name}")).collect();
    let mut faults = Vec::new();
    judge(sql, &mut made, &mut faults)?;
    Ok(faults)
}

/// Goes through the statements in their order.
fn judge(sql: &str, made: &mut BTreeSet<String>, faults: &mut Vec<String>) -> Result<()> {
    for statement in statements(sql)? {
        let words: Vec<&str> = statement.iter().map(String::as_str).collect();
        if words.first() == Some(&"do") {
            // What it does is in a text of its own.
            for body in statement.iter().filter_map(|word| word.strip_prefix(BODY)) {
                let inner = body
                    .replace("begin ", "; ")
                    .replace(" then ", " ; ")
                    .replace(" loop ", " ; ");
                judge(&inner, made, faults)?;
            }
            continue;
        }
        note(&words, made);
        if let Some(fault) = fault(&words, made) {
            faults.push(format!("{fault}: {}", shown(&words)));
        }
    }
    Ok(())
}

/// Marks the text of a function or block among the words.
const BODY: &str = "\u{0}";

/// The statements of a script, each as its words: in small letters, without comments, names without their quotes.
fn statements(sql: &str) -> Result<Vec<Vec<String>>> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql)
        .tokenize()
        .context("it cannot be read")?;
    let (mut all, mut one) = (Vec::new(), Vec::new());
    for token in tokens {
        match token {
            Token::SemiColon => all.push(std::mem::take(&mut one)),
            Token::Whitespace(_) | Token::EOF => {}
            Token::Word(word) if word.quote_style.is_some() => one.push(word.value),
            Token::DollarQuotedString(text) => one.push(format!("{BODY}{}", text.value.to_lowercase())),
            Token::SingleQuotedString(_) => one.push("'…'".to_owned()),
            other => one.push(other.to_string().to_lowercase()),
        }
    }
    all.push(one);
    all.retain(|statement| !statement.is_empty());
    Ok(all)
}

/// Notes what a statement makes that was not there.
fn note(words: &[&str], made: &mut BTreeSet<String>) {
    let mut rest = words
        .iter()
        .copied()
        .filter(|word| !["or", "replace", "unlogged", "unique", "materialized"].contains(word));
    if rest.next() != Some("create") {
        return;
    }
    let Some(kind) = rest.next() else { return };
    let mut rest = rest
        .filter(|word| !["if", "not", "exists", "concurrently", "public", "."].contains(word))
        .peekable();
    let is_named = [
        "table", "view", "function", "type", "sequence", "index", "trigger", "policy",
    ]
    .contains(&kind);
    // What replaces something may be another's still.
    if is_named
        && !words.contains(&"replace")
        && let Some(name) = rest.next()
    {
        made.insert(format!("{kind} {name}"));
    }
}

/// Why a process of the version before may not survive a statement.
fn fault(words: &[&str], made: &BTreeSet<String>) -> Option<&'static str> {
    let is_made =
        |kind: &str, name: Option<&str>| name.is_some_and(|name| made.contains(&format!("{kind} {name}")));
    match words {
        ["drop", kind, rest @ ..] => {
            let mut rest = rest
                .iter()
                .copied()
                .filter(|word| !["if", "exists", "view", "public", ".", "concurrently"].contains(word));
            let name = rest.next();
            match *kind {
                // It is slower, and no less right; but one that is unique may be what an `on conflict` names.
                "index" if is_made(kind, name) => None,
                "index" => Some("an index that is dropped may be unique, and named by an `on conflict`"),
                _ if is_made(kind, name) => None,
                _ => Some("what is dropped may be in use"),
            }
        }
        ["truncate", ..] => Some("what is emptied may be in use"),
        ["revoke", ..] => Some("a right that is taken away may be needed"),
        ["create", "unique", "index", rest @ ..] => {
            let on = rest.iter().position(|word| *word == "on")?;
            let table = rest
                .get(on + 1..)?
                .iter()
                .copied()
                .find(|word| !["only", "public", "."].contains(word));
            (!is_made("table", table)).then_some("what was no fault before would be one: the index is unique")
        }
        ["alter", "type", rest @ ..] => {
            let is_rename = rest.contains(&"rename") || rest.contains(&"drop") || rest.contains(&"alter");
            (is_rename && !is_made("type", rest.first().copied())).then_some("the type is not what it was")
        }
        [
            "alter",
            kind @ ("table" | "view" | "function" | "sequence" | "index" | "policy"),
            rest @ ..,
        ] => {
            let name = rest
                .iter()
                .copied()
                .find(|word| !["if", "exists", "only", "public", "."].contains(word));
            if is_made(kind, name) { None } else { altered(rest) }
        }
        _ => None,
    }
}

/// The same for the parts of an `alter table`, which stand between commas.
fn altered(words: &[&str]) -> Option<&'static str> {
    let mut depth = 0_i32;
    let parts = words.split(|word| {
        depth += match *word {
            "(" => 1,
            ")" => -1,
            _ => 0,
        };
        depth == 0 && *word == ","
    });
    parts.map(<[&str]>::to_vec).find_map(|part| {
        let has = |wanted: &[&str]| part.windows(wanted.len()).any(|some| some == wanted);
        if has(&["rename"]) {
            return Some("what is renamed is in use by its old name");
        }
        if has(&["drop", "not", "null"]) {
            return None;
        }
        if has(&["drop", "default"]) {
            return Some("who does not say a value relied on the default");
        }
        // A bound that is taken away is in nobody's way.
        if has(&["drop", "constraint"]) {
            return None;
        }
        if has(&["drop"]) {
            return Some("what is dropped may be in use");
        }
        if has(&["set", "not", "null"]) {
            return Some("who writes no value is refused from now on");
        }
        if has(&["set", "schema"]) {
            return Some("what is moved is in use where it was");
        }
        if has(&["type"]) && has(&["alter"]) && !has(&["add"]) {
            return Some("a column of another type may not be what is read or written");
        }
        if has(&["set", "data", "type"]) {
            return Some("a column of another type may not be what is read or written");
        }
        let is_constraint = ["constraint", "check", "unique", "primary", "foreign", "exclude"];
        if part
            .windows(2)
            .any(|two| two[0] == "add" && is_constraint.contains(&two[1]))
        {
            return Some("what was no fault before would be one: a constraint is added");
        }
        if has(&["add"]) && has(&["not", "null"]) && !has(&["default"]) && !has(&["generated"]) {
            return Some("who does not know the column writes none: it needs a default");
        }
        if has(&["add"])
            && (has(&["unique"]) || has(&["references"]) && has(&["not", "null"]) && !has(&["default"]))
        {
            return Some("what was no fault before would be one");
        }
        if has(&["force", "row"]) {
            return Some("rows that were seen would be no more");
        }
        None
    })
}

fn shown(words: &[&str]) -> String {
    let text: Vec<&str> = words
        .iter()
        .copied()
        .filter(|word| !word.starts_with(BODY))
        .take(14)
        .collect();
    text.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(sql: &str) -> bool {
        !faults_of(sql, &Indexes::new()).unwrap().is_empty()
    }

    #[test]
    fn what_only_adds_is_let_through() {
        for good in [
            "create table a (id uuid primary key, b text not null unique); create unique index a_b on a (b);",
            "alter table servers add column note text;",
            "alter table servers add column note text not null default '';",
            "alter table servers add column a text, add column b integer not null default 0;",
            "alter table servers add column n bigint generated always as identity not null;",
            "alter table servers alter column note drop not null; alter table servers alter column note set default 'x';",
            "alter table servers drop constraint servers_status_check;",
            "create index concurrently if not exists servers_note on servers (note);",
            "create or replace function f() returns int language sql as $$ select 1; drop table x $$;",
            "create function f(a uuid) returns int language sql as $$ select 1 $$; grant execute on function f to ocore_tenant;",
            "create policy p on a for select to ocore_tenant using (true); alter table servers enable row level security;",
            // What was made here goes here.
            "create table t (a int); alter table t rename a to b; alter table t drop column b; drop table if exists t;",
            "-- drop table servers;\n/* drop table servers; */ select 'drop table servers;';",
            "insert into settings values ('x'); update servers set note = 'y' where note is null;",
            "create view v as select 1; drop view v;",
        ] {
            assert_eq!(faults_of(good, &Indexes::new()).unwrap(), [""; 0], "{good}");
        }
    }

    #[test]
    fn what_takes_away_is_refused() {
        for bad in [
            "drop table servers;",
            "DROP TABLE IF EXISTS public.servers CASCADE;",
            "drop function ocore_ssh_timeouts(uuid);",
            "drop view availability_states;",
            "drop policy tenant on servers;",
            "drop index servers_name;",
            "alter table servers drop column note;",
            "alter table servers drop note;",
            "alter table servers add column a text, drop column note;",
            "alter table servers rename column note to remark;",
            "alter table servers rename to machines;",
            "alter table servers alter column port type bigint;",
            "alter table servers alter port set data type bigint;",
            "alter table servers alter column note set not null;",
            "alter table servers alter column note drop default;",
            "alter table servers add column note text not null;",
            "alter table servers add constraint c check (port > 0);",
            "alter table servers add check (port > 0);",
            "alter table servers add column code text unique;",
            "alter type mood rename value 'a' to 'b';",
            "alter table \"servers\" set schema old;",
            "alter table servers force row level security;",
            "create unique index servers_host on servers (host);",
            "truncate activity;",
            "revoke select on servers from ocore_tenant;",
            "do $$ begin alter table servers drop column note; end $$;",
            "do $$ begin if true then drop table servers; end if; end $$;",
            // A name that was made as something else, or afterwards.
            "create table t (a int); drop view t;",
            "drop table t; create table t (a int);",
            "create or replace view v as select 1; drop view v;",
        ] {
            assert!(is_refused(bad), "{bad}");
        }
    }

    #[test]
    fn an_index_that_is_not_unique_is_only_slower_to_be_without() {
        let before = "create index a_open on a (x) where y; create unique index a_name on a (name);";
        let plain = plain_indexes(before).unwrap();
        assert_eq!(faults_of("drop index a_open;", &plain).unwrap(), [""; 0]);
        assert_eq!(
            faults_of("drop index if exists a_name;", &plain).unwrap().len(),
            1
        );
    }

    #[test]
    fn one_that_says_so_is_let_through_with_a_version_only() {
        assert!(!is_refused(
            "-- Nothing reads it.\n-- contract: since 0.3.0\nalter table servers drop column note;"
        ));
        assert!(is_refused(
            "-- contract: since next\nalter table servers drop column note;"
        ));
        assert!(is_refused(
            "-- contract since 0.3.0\nalter table servers drop column note;"
        ));
    }

    #[test]
    fn every_migration_there_is_can_be_judged() {
        check().unwrap();
        // The older ones were made before, and some of them take away: so the rules are seen to find it.
        let folder = migrations();
        let old = fs::read_to_string(folder.join("20261124000001_queue_costs.sql")).unwrap();
        assert!(is_refused(&old));
    }
}
