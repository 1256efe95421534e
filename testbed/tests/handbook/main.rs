//! The handbook's commands: every `ocore …` in the pages is one that the binary understands, and every block of commands is run, or
//! says why not.
//!
//! A block is fenced with `sh`. Before it stands `<!-- run -->`: it is run as it is, against a real `ocore serve` that has a real server
//! `web1`; or `<!-- run, exit code 4 too -->`, where that tells that something is left to do; or `<!-- not run: REASON -->`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod pages;
mod plane;
mod shell;

use std::{
    collections::BTreeSet,
    process::{Command, Output},
    sync::Mutex,
    thread,
};

use crate::{
    pages::{Block, Fate, Page, pages},
    plane::Plane,
};

#[test]
fn every_ocore_command_is_understood() {
    let pages = pages();
    let mut commands: BTreeSet<(String, Vec<String>)> = BTreeSet::new();
    for page in &pages {
        for block in &page.blocks {
            for words in shell::ocore(&block.text) {
                commands.insert((page.place(block), words));
            }
        }
        for (line, text) in &page.inline {
            for words in shell::ocore(text) {
                commands.insert((format!("{}:{line}", page.name), words));
            }
        }
    }
    assert!(
        commands.len() > 100,
        "only {} commands were found",
        commands.len()
    );
    let (left, faults) = (Mutex::new(commands.iter()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some((place, words)) = left.lock().unwrap().next() else {
                        return;
                    };
                    if let Err(fault) = understood(words) {
                        faults
                            .lock()
                            .unwrap()
                            .push(format!("{place}: ocore {}\n    {fault}", words.join(" ")));
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    println!("{} commands are understood", commands.len());
}

/// Whether the binary knows these verbs, options and values: with `--help` behind them it reads all, and does nothing.
fn understood(words: &[String]) -> Result<(), String> {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(plane::binary())
        .args(words)
        .arg("--help")
        .env_clear()
        .output()
        .map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&stderr);
    if !status.success() {
        let fault = said.lines().next().unwrap_or("no word of why");
        return if is_gap(fault) {
            Ok(())
        } else {
            Err(fault.to_owned())
        };
    }
    // A verb that is meant must not have been taken for a value.
    let help = String::from_utf8_lossy(&stdout);
    let usage = help
        .lines()
        .find(|line| line.starts_with("Usage: ocore"))
        .ok_or("no usage was told")?;
    if usage.contains("<COMMAND>") && words.iter().any(|word| !word.starts_with('-')) && words.len() > 1 {
        let verbs: Vec<&str> = usage
            .split_whitespace()
            .skip(2)
            .take_while(|word| !word.starts_with(['<', '[']))
            .collect();
        if verbs.len() < words.iter().take_while(|word| !word.starts_with('-')).count() {
            return Err(format!(
                "it was understood only as `{}`",
                usage.trim_start_matches("Usage: ")
            ));
        }
    }
    Ok(())
}

/// Whether it is only that the page leaves something to be filled in: `--to` with nothing behind it, or `NUMBER:HASH`.
fn is_gap(fault: &str) -> bool {
    let value = fault
        .split_once("invalid value '")
        .and_then(|(_, rest)| rest.split_once('\''));
    fault.contains("a value is required for")
        || value.is_some_and(|(value, _)| value.chars().all(|c| c.is_ascii_uppercase() || c == ':'))
}

#[test]
fn every_block_is_run_or_says_why_not() {
    let pages = pages();
    let silent: Vec<String> = all(&pages)
        .filter(|(_, block)| block.fate == Fate::Unsaid)
        .map(|(page, block)| page.place(block))
        .collect();
    assert!(
        silent.is_empty(),
        "put `<!-- run -->` or `<!-- not run: REASON -->` before these blocks:\n{}",
        silent.join("\n")
    );
    let to_run: Vec<_> = all(&pages)
        .filter(|(_, block)| matches!(block.fate, Fate::Run { .. }))
        .collect();
    let plane = Plane::start();
    let mut faults = Vec::new();
    for (page, block) in &to_run {
        let said = plane.run(&block.text);
        for (code, command) in said.failed {
            let fine = block.fate == (Fate::Run { four_too: true }) && code == 4;
            if !fine {
                faults.push(format!(
                    "{}: exit code {code} of `{command}`:\n{}",
                    page.place(block),
                    said.text
                ));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    let left = all(&pages).count() - to_run.len();
    assert!(to_run.len() >= 8, "only {} blocks are run", to_run.len());
    println!("{} blocks were run, {left} say why not", to_run.len());
}

fn all(pages: &[Page]) -> impl Iterator<Item = (&Page, &Block)> {
    pages
        .iter()
        .flat_map(|page| page.blocks.iter().map(move |block| (page, block)))
}
