//! The inventory for people.

use std::fmt::Write;

use chrono::{DateTime, Utc};
use ocore_store::inventory::Entry;

const GIB: u64 = 1 << 30;

pub(super) fn head(organization: &str, now: DateTime<Utc>) -> String {
    format!(
        "# Servers and instances of {}\n\nRead {}.\n",
        plain(organization),
        now.format("%Y-%m-%d %H:%M:%S UTC")
    )
}

pub(super) fn end(is_empty: bool) -> String {
    if is_empty {
        "\nThere are no servers.\n".to_owned()
    } else {
        String::new()
    }
}

pub(super) fn servers(entries: &[Entry]) -> String {
    let mut text = String::new();
    for entry in entries {
        // Writing to a text cannot fail.
        let _ = server(&mut text, entry);
    }
    text
}

fn server(text: &mut String, entry: &Entry) -> std::fmt::Result {
    writeln!(text, "\n## {}\n", plain(&entry.name))?;
    if !entry.description.is_empty() {
        writeln!(text, "{}\n", plain(&entry.description))?;
    }
    writeln!(text, "- Address: {}:{}", plain(&entry.host), entry.port)?;
    writeln!(text, "- Status: {}", entry.status)?;
    if let Some(facts) = &entry.facts {
        writeln!(
            text,
            "- Machine: {} cores, {} GiB of memory, {} GiB of disk; {} {}, Docker {}",
            facts.cpu_cores,
            facts.ram_total_bytes / GIB,
            facts.disk_total_bytes / GIB,
            plain(&facts.os_name),
            plain(&facts.os_version),
            plain(&facts.docker_version),
        )?;
    }
    let Some(instances) = &entry.instances else {
        return writeln!(text, "\nYou may not view instances.");
    };
    if instances.is_empty() {
        return writeln!(text, "\nNo instances.");
    }
    writeln!(
        text,
        "\n| Instance | Slug | Environment | Odoo | Status | Workers | Memory limit |"
    )?;
    writeln!(text, "|---|---|---|---|---|---:|---:|")?;
    for instance in instances.iter() {
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} MiB |",
            plain(&instance.name),
            instance.slug,
            instance.environment_type,
            plain(&instance.odoo_version),
            instance.status,
            instance.workers,
            instance.memory_limit_bytes >> 20,
        )?;
    }
    Ok(())
}

/// A text in which nothing is taken for markup, on one line.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            plain.push(' ');
            continue;
        }
        if "\\`*_{}[]<>#|".contains(letter) {
            plain.push('\\');
        }
        plain.push(letter);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_not_taken_for_markup() {
        assert_eq!(plain("a|b\nc <x> #1"), r"a\|b c \<x\> \#1");
    }
}
